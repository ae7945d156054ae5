"""The same conversation by every client, over every transport: what the runtime hears, and what the game shows."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients._programs import Build, csharp, gdscript, javascript, lua, python
from tests.clients.conftest import CLIENTS, Plot, cutting, program, raw

from npc_runtime import events
from npc_runtime.server.protocol import ActionResult, ClientMessage, Hello

if TYPE_CHECKING:
    from tests.clients.conftest import Play

pytestmark = pytest.mark.anyio

LINE = "Can you mend my sword? Grüße, 剣!"
CONNECTED = ["connected: Brynja Ironhand", "error: not_available"]
MENDED = [
    "subtitle: Aye. 剣 – für dich, Ærling 🗡.",
    "mouth: 2 shapes",
    "sound: 1103 samples",
    "action: give iron_sword",
    "action: open the door",
    "turn: done",
    "event: heard_of_storm_begins",
    "subtitle: A long story.",
    "mouth: 2 shapes",
    "sound: 1103 samples",
    "stop playing",
    "turn: interrupted",
    "saved and loaded: first",
    "closed",
]
LOST = ["subtitle: Give me", "mouth: 2 shapes", "sound: 1103 samples"]
END_MS = 50.022676
SCENE = {
    "type": "scene",
    "location": "smithy",
    "entities": [
        {"id": "iron_sword", "name": "iron sword", "tags": ["weapon"], "distance": 1},
        {"id": "oak_shield", "name": "oak shield", "tags": ["armor"], "distance": 2.5},
    ],
    "characters": [{"id": "brynja", "distance": 1.5, "looking_at_player": True}],
}
SAID = [
    {"type": "talk.start", "character": "brynja"},
    {"type": "player.text", "text": LINE, "to": "brynja"},
    {"type": "playback", "turn": 1, "played_ms": END_MS, "done": False},
    {"type": "game.event", "name": "storm_begins", "params": {"strength": 3}},
    {"type": "player.text", "text": "Tell me about the mine.", "to": "brynja"},
    {"type": "interrupt", "turn": 2},
    {"type": "playback", "turn": 2, "played_ms": END_MS, "done": False},
    {"type": "save", "slot": "first"},
    {"type": "load", "slot": "first"},
]
DONE = [
    {"type": "action.confirm", "id": "a2", "allow": True},
    {"type": "action.confirm", "id": "a3", "allow": False},
    {"type": "action.result", "id": "a1", "status": "done", "result": "gave iron_sword"},
    {"type": "action.result", "id": "a2", "status": "done"},
    {"type": "action.result", "id": "a4", "status": "failed", "message": "This game cannot do dance."},
]

LUA = CLIENTS / "lua" / "example.lua"
MAILBOX = CLIENTS / "mailbox" / "example.lua"
SOCKETS = {
    "csharp": csharp(CLIENTS / "csharp" / "Example.cs"),
    "gdscript": gdscript(CLIENTS / "gdscript" / "example.gd"),
    "javascript": javascript(CLIENTS / "javascript" / "example.mjs"),
    "python": python(CLIENTS / "python" / "example.py"),
}
LUAS = {f"{name}-http": lua(LUA, name, "http") for name in ("lua5.1", "lua5.4", "luajit")}
MAILED = {f"{name}-files": lua(LUA, name, "files") for name in ("lua5.1", "lua5.4", "luajit")}
ALL = SOCKETS | LUAS | MAILED
every = pytest.mark.parametrize("build", ALL.values(), ids=ALL)


def told(messages: list[ClientMessage]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a game said after hello, as it was sent: what it did for the character apart, which may overlap."""
    sent: list[dict[str, Any]] = [each.model_dump(mode="json", exclude_unset=True) for each in messages[1:]]
    for each in sent:
        if "played_ms" in each:
            each["played_ms"] = round(each["played_ms"], 6)
    done = [each for each in sent if each["type"].startswith("action.")]
    return [each for each in sent if each not in done], sorted(done, key=lambda each: (each["type"], each["id"]))


@every
async def test_the_whole_conversation(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(), build(tmp_path)
    async with play(plot) as stage:
        assert await example.run(stage, tmp_path) == CONNECTED + MENDED
    (heard,) = plot.heard
    hello = heard[0]
    assert isinstance(hello, Hello)
    assert (hello.player.id, hello.player.name, hello.visemes) == ("tamsin", "Tamsin", "oculus")
    assert hello.client.name.lower().replace("_", "").startswith("npcclient.")
    said, done = told(heard)
    assert said == [SCENE, *SAID]
    assert done == DONE


@every
async def test_a_runtime_that_fails_in_the_middle(
    play: "Play", tmp_path: Path, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    plot, example = Plot(lost=2), build(tmp_path)
    async with play(plot) as stage:
        out = await example.run(stage, tmp_path)
    again = [*CONNECTED, *LOST, "error: internal", "connection lost"]
    assert out == [*again, *again, *CONNECTED, *MENDED]
    assert [told(heard)[0][0] for heard in plot.heard] == [SCENE] * 3
    assert "scripted" in caplog.text


@pytest.mark.parametrize("build", (SOCKETS | LUAS).values(), ids=SOCKETS | LUAS)
async def test_a_network_that_fails_in_the_middle(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(), build(tmp_path)
    async with play(plot) as stage, cutting(stage, before=b"gave iron_sword") as cut:
        out = await example.run(cut, tmp_path)
    assert out[-len(MENDED) :] == MENDED
    assert cut.broken
    lost = example.transport == "websocket"  # over HTTP the request that got no answer is made again
    assert (out.count("connection lost"), len(plot.heard)) == (lost, 1 + lost)
    assert told(plot.heard[-1])[0][-2:] == SAID[-2:]


MALFORMED = ["{", "", "[]", "null", '{"type": 5}', "[" * 5000, '"', "nul", '{"type" "say"}', '{"type": "say"', "1e999x"]
FRAMES: list[str | bytes] = [
    b"",
    b"\x01",
    b"\x02\x00\x00",
    b"\xff\xff\xff\xff{}",
    b"\xff\xff\xff\x7f{}",
    b"\x03\x00\x00\x00{}",
    b"\x00\x00\x00\x00",
    b'\x02\x00\x00\x00{"type": "say"}',
    b"\x02\x00\x00\x00{}",
    b"\x02\x00\x00\x00[]",
    b"\x02\x00\x00\x00\xff\xfe",
    b'\x0f\x00\x00\x00{"type": "a\xff\xfe"}',
    b'\x20\x00\x00\x00{"type": "from.the.future"}',
]


@pytest.mark.parametrize("build", SOCKETS.values(), ids=SOCKETS)
async def test_messages_that_make_no_sense(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(before=[raw(each) for each in [*MALFORMED, *FRAMES]]), build(tmp_path)
    async with play(plot) as stage:
        out = await example.run(stage, tmp_path)
    assert out == [*CONNECTED, *["problem"] * len([*MALFORMED, *FRAMES]), *MENDED]


@pytest.mark.parametrize("build", MAILED.values(), ids=MAILED)
async def test_files_that_make_no_sense(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(before=[raw(each) for each in MALFORMED if each]), build(tmp_path)
    async with play(plot) as stage:
        out = await example.run(stage, tmp_path)
    assert out == [*CONNECTED, *["problem"] * len(plot.before), *MENDED]


@pytest.mark.parametrize("build", LUAS.values(), ids=LUAS)
async def test_answers_that_make_no_sense(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(before=[raw("{")], only=1), build(tmp_path)
    async with play(plot) as stage:
        out = await example.run(stage, tmp_path)
    assert out[-len(CONNECTED + MENDED) :] == CONNECTED + MENDED
    assert out.count("problem") == 3
    assert out.count("connection lost") == 1


UNKNOWN = (
    '{"type": "from.the.future", "seq": 3, "deep": [[{"a": null, "b": [1e3, -0.5, true]}]], "text": "\\ud83d\\udde1"}'
)


@every
async def test_messages_of_a_later_version(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(before=[raw(UNKNOWN), events.Notice(code="new", message="Something is new.")]), build(tmp_path)
    async with play(plot) as stage:
        assert await example.run(stage, tmp_path) == CONNECTED + MENDED


@every
async def test_a_message_of_a_megabyte_each_way(play: "Play", tmp_path: Path, build: Build) -> None:
    sword = 'Schwert 剣🗡 "\\\n\t' * 65536
    plot, example = Plot(sword=sword), build(tmp_path)
    async with play(plot, text_bytes=8 << 20) as stage:
        out = await example.run(stage, tmp_path)
    assert len(sword.encode()) > 1 << 20
    assert out[-1] == "closed"
    results = [each.result for each in plot.heard[0] if isinstance(each, ActionResult) and each.id == "a1"]
    assert results == [f"gave {sword}"]


@every
async def test_nobody_is_there_yet(play: "Play", tmp_path: Path, build: Build) -> None:
    plot, example = Plot(full=1), build(tmp_path)
    async with play(plot) as stage:
        out = await example.run(stage, tmp_path)
    assert out[-len(CONNECTED + MENDED) :] == CONNECTED + MENDED
    assert "connection lost" in out


@pytest.mark.parametrize("interpreter", ["lua5.1", "lua5.4", "luajit"])
async def test_files_without_a_client(play: "Play", tmp_path: Path, interpreter: str) -> None:
    plot = Plot()
    example = lua(MAILBOX, interpreter, "files")(tmp_path)
    async with play(plot) as stage:
        out = await example.run(stage, tmp_path, "Only talk.")
        assert out[0] == 'Aye. \\"So\\" be it.'
        assert os.path.isfile(out[1].removeprefix("play "))  # noqa: ASYNC240
    assert [each.type for each in plot.heard[0]] == ["hello", "player.text"]


WINDOWS = """package.config = "\\\\\\n" .. package.config:sub(3)
os.execute = function() error("there is no such command") end"""


@pytest.mark.parametrize("script", [LUA, MAILBOX], ids=["lua", "mailbox"])
async def test_waiting_without_a_shell(play: "Play", tmp_path: Path, script: Path) -> None:
    example = lua(script, "lua5.4", "files", "-e", WINDOWS)(tmp_path)
    async with play(Plot()) as stage:
        out = await example.run(stage, tmp_path, "Only talk.")
    assert out[-1] == "closed" if script == LUA else len(out) == 2


def test_the_style_of_gdscript() -> None:
    files = [str(path) for path in sorted((CLIENTS / "gdscript").glob("*.gd"))]
    assert len(files) == 2
    subprocess.run([program("gdlint"), *files], check=True)
    subprocess.run([program("gdformat"), "--check", *files], check=True)
