"""HTTP to services over loopback: what they send is bounded, and what they are sent goes nowhere else."""

import gzip
import importlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from tests._fault_server import Answer, FaultServer, unused_port

from npc_runtime.service_http import OPENAI_URL, TooMuchError, bounded_client, is_local, openai_client

pytestmark = pytest.mark.anyio

MOST = 1 << 20
PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


@pytest.fixture(params=["httpx2", "httpx"])
def library(request: pytest.FixtureRequest) -> Any:
    """The SDK of OpenAI takes one, that of ElevenLabs the other."""
    if request.param == "httpx":
        pytest.importorskip("httpx")
    return importlib.import_module(request.param)


async def got(library: Any, url: str) -> Any:
    async with bounded_client(library, url, most_bytes=MOST, timeout=20) as client:
        return await client.post(f"{url}/speech", json={"input": "Good day."})


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_is_bounded_in_bytes(server: FaultServer, library: Any, status: int) -> None:
    server.script(Answer([bytes(MOST - 1), b"x"], status=status))
    assert len((await got(library, server.url)).content) == MOST
    server.script(Answer(lambda: itertools.repeat(bytes(65536)), status=status))
    with pytest.raises(TooMuchError):
        await got(library, server.url)
    assert server.left.acquire(timeout=10), "the connection stayed open"


async def test_packed_answers_are_not_asked_for_and_not_unpacked(server: FaultServer, library: Any) -> None:
    server.script(Answer([gzip.compress(bytes(8 * MOST))], headers={"Content-Encoding": "gzip"}))
    with pytest.raises(TooMuchError):
        await got(library, server.url)
    assert server.asked[0].headers["accept-encoding"] == "identity"


async def test_nobody_is_sent_elsewhere(server: FaultServer, library: Any) -> None:
    with FaultServer() as other:
        server.script(Answer([], status=307, headers={"Location": f"{other.url}/speech"}))
        assert (await got(library, server.url)).status_code == 307
        assert not other.asked


async def test_a_proxy_is_for_other_machines(
    server: FaultServer, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with unused_port() as port:
        for name in PROXIES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert (await got(library, server.url)).status_code == 200
    for name in PROXIES:
        monkeypatch.setenv(name, server.url.removesuffix("/v1"))
    assert (await got(library, "http://service.invalid/v1")).status_code == 200
    assert server.asked[1].path == "http://service.invalid/v1/speech"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (OPENAI_URL, True),
        ("https://eu.api.openai.com/v1", True),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com.example.org/v1", False),
        ("https://notopenai.com/v1", False),
        ("http://127.0.0.1:8880/v1", False),
    ],
)
def test_who_pays_at_openai_is_told_to_openai_alone(url: str, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    client = openai_client(url, "sk-1", most_bytes=MOST)
    assert (client.organization, client.project) == (("org-1", "proj-1") if told else (None, None))


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1/v1", True),
        ("http://voices.localhost/v1", True),
        ("http://127.1.2.3/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://192.168.0.2/v1", False),
        ("https://localhost.example.org/v1", False),
        ("", False),
    ],
)
def test_what_is_on_this_machine(url: str, local: bool) -> None:
    assert is_local(url) is local
