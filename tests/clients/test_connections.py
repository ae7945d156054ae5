"""Clients that connect and leave in odd moments: no session is left behind, doubled or muted."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.clients._programs import csharp, gdscript, javascript, lua, python
from tests.clients.conftest import Plot

from npc_runtime.server.protocol import ActionResult, ClientMessage, GameEvent, PlayerText

if TYPE_CHECKING:
    from tests.clients._programs import Build
    from tests.clients.conftest import Play

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent / "programs"
SOCKETS = {
    "csharp": csharp(HERE / "Connecting.cs"),
    "gdscript": gdscript(HERE / "connecting.gd"),
    "javascript": javascript(HERE / "connecting.mjs"),
    "python": python(HERE / "connecting.py"),
}
HTTP = lua(HERE / "connecting.lua", "lua5.1", "http")
FILES = lua(HERE / "connecting.lua", "luajit", "files")
LUAS = {"lua-http": HTTP, "lua-files": FILES}
every = pytest.mark.parametrize("build", (SOCKETS | LUAS).values(), ids=SOCKETS | LUAS)
SAID = 'say: Aye. "So" be it.'


async def until(true: Callable[[], object]) -> None:
    with anyio.fail_after(5):
        while not true():  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def run(play: "Play", folder: Path, build: "Build", plot: Plot, mode: str, **limits: float) -> list[str]:
    """What the game prints; afterwards every session that it had is over."""
    program = build(folder)
    async with play(plot, **limits) as stage:
        out = await program.run(stage, folder, mode)
        if program.transport == "files" and mode == "early":
            await until(lambda: plot.heard)  # what is in the folder is read all the same
        await until(lambda: plot.left == len(plot.heard))
    heard = [line.lower().removeprefix("microphone: ") for line in out if line.startswith("microphone")]
    spoken = mode in ("at_once", "paused")
    assert heard == (["false", *["true"] * spoken] if program.transport == "websocket" else [])
    return [line for line in out if not line.startswith("microphone")]


def names(messages: list[ClientMessage]) -> list[str]:
    """What a game said after hello."""
    return [each.text if isinstance(each, PlayerText) else getattr(each, "name", each.type) for each in messages[1:]]


# Whether the end of the first connection is still told depends on what comes first.
@every
async def test_closing_and_connecting_at_once(play: "Play", tmp_path: Path, build: "Build") -> None:
    plot = Plot()
    out = await run(play, tmp_path, build, plot, "at_once")
    assert out[-1] == "closed"
    assert out.count("closed") <= 2
    assert [line for line in out if line != "closed"] == ["welcome", "welcome", SAID]
    assert [names(heard) for heard in plot.heard] == [["leaving"], ["Only talk."]]


@every
async def test_connecting_before_the_next_try(play: "Play", tmp_path: Path, build: "Build") -> None:
    plot = Plot(full=1)
    out = await run(play, tmp_path, build, plot, "paused")
    assert out[-1] == "closed"
    assert out.count("closed") <= 2
    assert [line for line in out if line != "closed"] == ["lost", "welcome", SAID]
    assert [names(heard) for heard in plot.heard] == [["Only talk."]]


@every
async def test_giving_up_before_the_next_try(play: "Play", tmp_path: Path, build: "Build") -> None:
    plot = Plot(full=1)
    assert await run(play, tmp_path, build, plot, "given_up") == ["lost", "closed"]
    assert not plot.heard


@every
async def test_closing_before_it_is_open(play: "Play", tmp_path: Path, build: "Build") -> None:
    plot = Plot()
    assert await run(play, tmp_path, build, plot, "early") == ["closed"]
    assert not plot.heard or build in LUAS.values()


STRICT = {name: build for name, build in (SOCKETS | LUAS).items() if name != "gdscript"}  # Godot's JSON has everything


@pytest.mark.parametrize("build", STRICT.values(), ids=STRICT)
async def test_a_result_that_json_does_not_have(play: "Play", tmp_path: Path, build: "Build") -> None:
    plot = Plot()
    out = await run(play, tmp_path, build, plot, "odd")
    assert out[-1] == "closed"
    (result,) = [each for each in plot.heard[0] if isinstance(each, ActionResult) and each.id == "a1"]
    assert result.status == "failed"
    assert (result.message or "").startswith("The result cannot be sent: ")


async def test_a_message_that_spoils_the_others(play: "Play", tmp_path: Path) -> None:
    plot = Plot()
    welcome, error, problem, *more = await run(play, tmp_path, HTTP, plot, "spoilt")
    assert (welcome, error, more) == ("welcome", "sent: false", [SAID, "closed"])
    assert problem.startswith("problem: the runtime refused a message: ")
    assert names(plot.heard[0]) == ["before", "after", "Only talk."]
    assert [type(each) for each in plot.heard[0][1:3]] == [GameEvent] * 2


async def test_requests_without_an_answer_are_made_again(play: "Play", tmp_path: Path) -> None:
    plot = Plot()
    assert await run(play, tmp_path, HTTP, plot, "unanswered") == ["welcome", SAID, "closed"]
    assert names(plot.heard[0]) == ["Only talk."]


async def test_a_runtime_that_takes_no_messages(play: "Play", tmp_path: Path) -> None:
    plot = Plot()
    out = await run(play, tmp_path, HTTP, plot, "deaf", poll_seconds=1)
    assert out == ["welcome", "lost", "the runtime cannot be reached", "closed"]
