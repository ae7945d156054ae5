"""The same conversation over every transport is the same, byte by byte."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import pytest
from tests.clients.conftest import PATIENCE, Plot, Stage
from websockets.sync.client import connect

if TYPE_CHECKING:
    from tests.clients.conftest import Play

pytestmark = pytest.mark.anyio

HELLO = {"type": "hello", "protocol": 1, "audio": {"out": "base64", "rate": 16000}, "oops": 1}
SAID: list[dict[str, Any]] = [
    {"type": "scene", "location": "Mühle", "entities": [{"id": "sack"}]},
    {"type": "talk.start", "character": "brynja"},
    {"type": "player.text", "text": 5},
    {"type": "player.text", "text": "Only talk."},
    {"type": "save", "slot": "one"},
]


def over_websocket(stage: Stage) -> list[str]:
    with connect(stage.ws, max_size=None) as socket:
        for message in [HELLO, *SAID]:
            socket.send(json.dumps(message))
        return list(upto(lambda: [str(socket.recv(PATIENCE))]))


def over_http(stage: Stage) -> list[str]:
    def ask(path: str, body: object = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{stage.url}/v1/sessions{path}", data, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def poll() -> list[str]:
        text = ask(f"/{session}/messages?after={poll_after()}&wait=5")
        found, at = [], 1
        while text[at:] not in ("", "]"):
            _, end = json.JSONDecoder().raw_decode(text, at)
            found.append(text[at:end])
            at = end + (text[end] == ",")
        return found

    got: list[str] = []

    def poll_after() -> int:
        return int(json.loads(got[-1])["seq"]) if got else 0

    session = json.loads(ask("", HELLO))["session"]
    ask(f"/{session}/messages", SAID)
    got.extend(upto(poll))
    return got


def over_files(stage: Stage) -> list[str]:
    folder = stage.folder / "game"
    (folder / "in" / "1.json").write_text(json.dumps([HELLO, *SAID]))

    def read() -> list[str]:
        path: Path = folder / "out" / f"{len(got) + 1:06d}.json"
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return [path.read_text("utf-8").removesuffix("\n")]

    got: list[str] = []
    got.extend(upto(read))
    return got


def upto(more: Callable[[], list[str]]) -> Iterator[str]:
    """Messages until the one that comes last, with the session's name made equal."""
    kind = ""
    while kind != "saved":
        for text in more():
            message = json.loads(text)
            kind = message["type"]
            yield text.replace(message["session"], "SESSION") if kind == "welcome" else text


async def test_every_transport_carries_the_same(play: "Play") -> None:
    async with play(Plot()) as stage:
        first = await anyio.to_thread.run_sync(over_websocket, stage)
        assert await anyio.to_thread.run_sync(over_http, stage) == first
        assert await anyio.to_thread.run_sync(over_files, stage) == first
    assert [json.loads(text)["seq"] for text in first] == list(range(1, len(first) + 1))
    kinds = [json.loads(text)["type"] for text in first]
    assert kinds[:2] == ["welcome", "notice"]
    assert {"heard", "say", "visemes", "speech.audio", "turn.end", "error"} <= set(kinds)
