"""Who may connect, as pure rules."""

import socket

import pytest

from npc_runtime.errors import UsageError
from npc_runtime.server.guard import gate, host_allowed, is_loopback, require_token, token_matches


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "LOCALHOST:8910",
        "localhost.:8910",
        "game.localhost",
        "127.0.0.1:8910",
        "127.1.2.3",
        "[::1]:8910",
        "[::1]",
        "[::ffff:127.0.0.1]:1",
        "tower:8910",
        "192.168.1.5:8910",
    ],
)
def test_hosts_that_mean_this_machine(header: str) -> None:
    assert host_allowed(header, {"tower", "192.168.1.5"})


@pytest.mark.parametrize(
    "header",
    [
        "",
        ":8910",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "127.0.0.1:80:80",
        "127.0.0.1:port",
        "192.168.1.6",
        "0.0.0.0",
        "[::1",
        "[::1]x",
        "[::2]:8910",
        "::1",
        "user@localhost",
        "localhost/",
    ],
)
def test_hosts_that_do_not(header: str) -> None:
    assert not host_allowed(header, {"tower", "192.168.1.5", ""})


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.5", False),
        ("tower", False),
    ],
)
def test_listening_elsewhere_needs_a_token(host: str, local: bool) -> None:
    assert is_loopback(host) == local
    require_token(host, "secret")
    if local:
        require_token(host, "")
    else:
        with pytest.raises(UsageError, match="there is no token"):
            require_token(host, "")


def test_tokens() -> None:
    assert token_matches("Bearer sécret", "sécret")
    assert token_matches("bearer  secret ", "secret")
    assert not any(token_matches(given, "secret") for given in ("", "secret", "Bearer", "Bearer secre", "Basic secret"))


def test_the_name_of_this_machine_is_known() -> None:
    rule = gate("127.0.0.1")
    assert rule.refusal({"host": socket.gethostname()}) is None
    assert rule.refusal({"host": "10.0.0.1"}, local="10.0.0.1") is None
    refusal = rule.refusal({"host": "10.0.0.1"}, local="127.0.0.1")
    assert refusal is not None
    assert refusal.code == "host_refused"


def test_a_refusal_never_says_what_the_token_is() -> None:
    refusal = gate("0.0.0.0", token="swordfish").refusal({"host": "localhost", "authorization": "Bearer sword"})
    assert refusal is not None
    assert "sword" not in refusal.message + refusal.hint
