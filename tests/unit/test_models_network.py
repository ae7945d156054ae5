"""Which server is asked, with which trust, and what is told about it."""

from pathlib import Path

import pytest

from npc_runtime.errors import SetupError
from npc_runtime.models.network import index_endpoint, open_session, place


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"PIP_INDEX_URL": "https://b/simple"}, "https://b/simple"),
        ({"UV_INDEX_URL": "https://a", "PIP_INDEX_URL": "https://b"}, "https://a"),
        ({"UV_DEFAULT_INDEX": "corp=https://c/simple?x=1", "UV_INDEX_URL": "https://a"}, "https://c/simple?x=1"),
        ({"UV_DEFAULT_INDEX": "https://c/?x=1"}, "https://c/?x=1"),
        ({"UV_DEFAULT_INDEX": "/a/folder", "PIP_INDEX_URL": "https://b"}, "https://b"),
    ],
)
def test_the_persons_own_index_is_used(environ: dict[str, str], expected: str | None) -> None:
    assert index_endpoint(environ) == expected


@pytest.mark.parametrize("name", ["UV_OFFLINE", "PIP_NO_INDEX"])
def test_a_person_who_is_set_to_stay_offline_is_told(name: str) -> None:
    with pytest.raises(SetupError, match=f"{name} is set"):
        index_endpoint({name: "1"})
    assert index_endpoint({name: "0"}) is None


def test_secrets_in_an_address_are_not_told() -> None:
    assert place("https://user:token@host:8443/path?key=1") == "host:8443"


def test_a_certificate_that_pip_is_told_to_trust_is_trusted(tmp_path: Path) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text("", encoding="ascii")
    for environ, expected in (
        ({"PIP_CERT": str(bundle)}, str(bundle)),
        ({"PIP_CERT": str(bundle), "REQUESTS_CA_BUNDLE": "other"}, True),
        ({"SSL_CERT_FILE": str(tmp_path / "absent")}, True),
    ):
        with open_session(environ) as session:
            assert session.verify == expected
