"""The mailbox: games that only have files."""

import json
import logging
import os
import shutil
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from npc_runtime.errors import OutputError, SetupError
from npc_runtime.server import file_mailbox
from npc_runtime.server.file_mailbox import FileMailbox
from npc_runtime.server.protocol import PlayerText

if TYPE_CHECKING:
    from tests.server.conftest import Serve, Server

pytestmark = pytest.mark.anyio

TURN = ["heard", "turn.begin", "say", "speech.audio", "turn.end"]
HELLO = {"type": "hello", "protocol": 1}


class FileGame:
    """A game that has nothing but a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read = 0
        (folder / "in").mkdir(parents=True, exist_ok=True)
        self._sent = 0

    def write(self, data: bytes, suffix: str = ".json") -> None:
        """A whole file at once."""
        self._sent += 1
        path = self.folder / "in" / f"{self._sent:04d}{suffix}"
        path.with_suffix(".tmp").write_bytes(data)
        path.with_suffix(".tmp").rename(path)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.write(json.dumps(message).encode())

    def acknowledge(self) -> None:
        (self.folder / "read.txt").write_text(str(self.read))

    async def receive(self) -> dict[str, Any]:
        path = self.folder / "out" / f"{self.read + 1:06d}.json"
        with anyio.fail_after(10):
            while not path.exists():  # noqa: ASYNC110
                await anyio.sleep(0.01)
        self.read += 1
        message: dict[str, Any] = json.loads(path.read_text("utf-8"))
        assert message["seq"] == self.read
        return message

    async def until(self, type: str) -> list[dict[str, Any]]:
        got = [await self.receive()]
        while got[-1]["type"] != type:
            got.append(await self.receive())
        return got

    async def hello(self, **fields: Any) -> dict[str, Any]:
        self.read = 0
        (self.folder / "out" / "000001.json").unlink(missing_ok=True)
        self.send({**HELLO, **fields})
        return (await self.until("welcome"))[-1]

    async def say(self, text: str) -> list[dict[str, Any]]:
        self.send({"type": "player.text", "text": text})
        return await self.until("turn.end")

    async def closed(self) -> str:
        """Wait until the session is over, and say why."""
        with anyio.fail_after(10):
            while (status := self.status)["open"]:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        return str(status["reason"])

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "status.json").read_text("utf-8"))
        return found

    @property
    def waiting(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").iterdir())


Post = Callable[..., AbstractAsyncContextManager["tuple[Server, Path]"]]


@pytest.fixture
def post(serve: "Serve", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Runs a server with a mailbox: `async with post(limits…) as (server, folder)`.

    `settle` is how long a file that makes no sense has to become complete; long where a test completes it.
    """
    monkeypatch.setattr(file_mailbox, "_IDLE_SECONDS", 0.02)
    monkeypatch.setattr(file_mailbox, "_BUSY_SECONDS", 0.02)

    @asynccontextmanager
    async def run(*, settle: float = 0.2, **limits: Any) -> "AsyncIterator[tuple[Server, Path]]":
        monkeypatch.setattr(file_mailbox, "_SETTLE_SECONDS", settle)
        folder = tmp_path / "mailbox"
        with FileMailbox(folder) as mailbox:
            async with serve(mailbox=mailbox, **limits) as server:
                yield server, folder

    return run


async def test_a_conversation(post: Post) -> None:
    async with post() as (server, folder):
        game = FileGame(folder / "game")
        welcome = await game.hello(player={"id": "p", "name": "Tamsin"})
        assert welcome["characters"][0]["id"] == "brynja"
        assert game.status == {"open": True}
        said = await game.say("Grüße, 剣")
        assert [message["type"] for message in said] == TURN
        assert said[0]["text"] == "Grüße, 剣"
        with wave.open(said[3]["path"], "rb") as file:
            assert (file.getnframes(), file.getframerate()) == (800, 8000)
        assert Path(said[3]["path"]).is_relative_to(game.folder)
        assert server.room.sessions[0].hello.player.name == "Tamsin"
        assert game.waiting == [f"{number:06d}.json" for number in range(1, 7)]
        game.read = 4
        game.acknowledge()
        await server.until(lambda: game.waiting == ["000005.json", "000006.json"])
        game.send({"type": "bye"})
        assert await game.closed() == "bye"
        await server.until(lambda: not server.hub.sessions)
        assert not list((game.folder / "in").iterdir())
        assert os.path.exists(said[3]["path"])  # noqa: ASYNC240
    assert not (game.folder / "sound").exists()


async def test_two_games_have_two_sessions(post: Post) -> None:
    async with post() as (server, folder):
        games = [FileGame(folder / name) for name in ("game", "Zweites Spiel")]
        ids = [(await game.hello())["session"] for game in games]
        assert len(set(ids)) == 2
        for game, text in zip(games, ["one", "two"], strict=True):
            assert (await game.say(text))[2]["text"] == f"You said {text}."
        assert [len(session.handled) for session in server.room.sessions] == [1, 1]


async def test_what_a_game_appends(post: Post) -> None:
    async with post(settle=30.0) as (server, folder):
        game = FileGame(folder / "game")
        path = game.folder / "in" / "all.jsonl"
        with path.open("ab") as file:
            file.write(json.dumps(HELLO).encode() + b'\r\n\r\n{"type": "scene"}\n{"type": "pla')
            file.flush()
            await game.until("welcome")
            await server.until(lambda: server.room.sessions[0].handled)
            file.write(b'yer.text", "text": "first"}\n')
        assert (await game.until("turn.end"))[0]["text"] == "first"


async def test_a_last_line_need_not_end(post: Post) -> None:
    async with post() as (server, folder):
        game = FileGame(folder / "game")
        path = game.folder / "in" / "all.jsonl"
        with path.open("ab") as file:
            file.write(json.dumps(HELLO).encode() + b"\n")
        await game.until("welcome")
        with path.open("ab") as file:
            file.write(b'{"type": "player.text", "text": "second"}')
        assert (await game.until("turn.end"))[0]["text"] == "second"
        await server.until(lambda: not list((game.folder / "in").iterdir()))


async def test_a_file_that_is_written_piece_by_piece_is_overtaken_by_nothing(post: Post) -> None:
    async with post(settle=30.0) as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        with (game.folder / "in" / "0002.json").open("wb") as file:
            for piece in (b'[{"type": "player.text",', b' "text": "second"},', b' {"type": "scene"}]'):
                file.write(piece)
                file.flush()
                (game.folder / "in" / "0010.json").write_bytes(b'{"type": "player.text", "text": "tenth"}')
                await anyio.sleep(0.06)
        assert (await game.until("turn.end"))[0]["text"] == "second"
        assert (await game.until("turn.end"))[0]["text"] == "tenth"
        assert [each.type for each in server.room.sessions[0].handled][:2] == ["player.text", "scene"]


@pytest.mark.parametrize(
    ("data", "suffix", "code", "words"),
    [
        (b'{"type": "player.text", "text": "caf\xe9"}', ".json", "bad_json", "not UTF-8: it has the byte 0xe9"),
        (b'{"type": "player.text", "text": "caf\xe9"}\n', ".jsonl", "bad_json", "not UTF-8: it has the byte 0xe9"),
        (b'{"type": "player.text"', ".json", "bad_json", "0002.json: The message is not JSON"),
        (b'{"type": \n', ".jsonl", "bad_json", "0002.jsonl: The message is not JSON"),
        (b"\x00\x01\x02", ".json", "bad_json", "not JSON"),
        (b"[" * 3000, ".json", "bad_json", "not JSON"),
        (b"{}", ".json", "bad_message", "no `type`"),
        (b"[[]]", ".json", "bad_message", "a list"),
        (b'{"type": "player.txt"}', ".json", "unknown_type", "'player.txt'"),
        (b" " * 5000, ".json", "message_too_big", "0002.json has 5000 bytes; it may have 4000"),
        (b'{"type": "' + b"x" * 5000, ".jsonl", "message_too_big", "0002.jsonl has 5010 bytes"),
    ],
)
async def test_garbage_is_answered_and_the_session_goes_on(
    post: Post, data: bytes, suffix: str, code: str, words: str
) -> None:
    async with post(body_bytes=4000) as (_, folder):
        game = FileGame(folder / "game")
        await game.hello()
        game.write(data, suffix)
        error = await game.receive()
        assert (error["type"], error["code"], error["fatal"]) == ("error", code, False)
        assert words in error["message"]
        assert [message["type"] for message in await game.say("Hello")] == TURN
        assert not [path for path in (game.folder / "in").iterdir() if path.suffix in (".json", ".jsonl")]


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"type": "player.text",\r\n "text": "caf\xc3\xa9"}\r\n',
        '\ufeff{"type": "player.text", "text": "café"}'.encode("utf-16-le"),
        '\ufeff{"type": "player.text", "text": "café"}'.encode("utf-16-be"),
    ],
)
async def test_byte_order_marks_and_line_ends(post: Post, data: bytes) -> None:
    async with post() as (_, folder):
        game = FileGame(folder / "game")
        await game.hello()
        for suffix in (".json", ".jsonl"):
            one_line = data.replace(b",\r\n", b",") if suffix == ".jsonl" else data
            game.write(one_line, suffix)
            assert (await game.until("turn.end"))[0]["text"] == "café"


async def test_other_things_in_the_folder_are_left_alone(post: Post) -> None:
    async with post() as (_, folder):
        game = FileGame(folder / "game")
        (game.folder / "in" / "0001.json").mkdir()
        (game.folder / "in" / "notes.txt").write_text("mine")
        (game.folder / "in" / "0000.json").symlink_to(folder / "secret")
        (folder / "file").write_text("mine")
        (folder / "empty").mkdir()
        (game.folder / "in" / "0003.json").write_bytes(b"")
        game._sent = 4
        await game.hello()
        left = sorted(path.name for path in (game.folder / "in").iterdir())
        assert left == ["0000.json", "0001.json", "notes.txt"]


async def test_a_game_that_was_started_anew(post: Post) -> None:
    async with post() as (server, folder):
        game = FileGame(folder / "game")
        first = await game.hello()
        await game.say("Hello")
        game.acknowledge()
        game.send({"type": "player.text", "text": "hang"})
        await server.until(lambda: len(server.room.sessions[0].handled) == 2)
        again = FileGame(folder / "game")
        second = await again.hello()
        assert second["session"] != first["session"]
        assert again.waiting == ["000001.json"]
        assert not (again.folder / "read.txt").exists()
        assert [message["type"] for message in await again.say("Hello")] == TURN
        assert server.hub.sessions == 1


async def test_a_session_that_fails(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    async with post() as (_, folder):
        game = FileGame(folder / "game")
        await game.hello()
        game.send({"type": "player.text", "text": "break"})
        error = await game.receive()
        assert (error["code"], error["fatal"]) == ("internal", True)
        await game.hello()
        assert [message["type"] for message in await game.say("Hello")] == TURN
    assert "scripted" in caplog.text


async def test_what_an_earlier_run_has_left(post: Post, tmp_path: Path) -> None:
    game = FileGame(tmp_path / "mailbox" / "game")
    game.send(HELLO, {"type": "player.text", "text": "yesterday"})
    for path in (game.folder / "in").iterdir():
        os.utime(path, (1, 1))
    (game.folder / "in" / ".000000.0009.json.taken").write_bytes(b'{"type": "player.text", "text": "taken"}')
    (game.folder / "out").mkdir()
    (game.folder / "out" / "000001.json").write_text('{"type": "welcome"}')
    (game.folder / "status.json").write_text('{"open": true}')
    (game.folder / "read.txt").write_text("500")
    async with post() as (server, _):
        assert await game.closed() == "there is no session yet: the first message is `hello`"
        assert game.waiting == []
        assert not list((game.folder / "in").iterdir())
        await game.hello()
        assert [message["type"] for message in await game.say("today")] == TURN
        assert server.room.sessions[0].handled == [PlayerText(type="player.text", text="today")]


async def test_a_game_that_was_there_first(post: Post, tmp_path: Path) -> None:
    game = FileGame(tmp_path / "mailbox" / "game")
    game.send(HELLO)
    async with post():
        assert (await game.receive())["type"] == "welcome"


async def test_the_first_message_is_hello(post: Post) -> None:
    async with post() as (server, folder):
        game = FileGame(folder / "game")
        game.send({"type": "player.text", "text": "Hello"})
        await server.until(lambda: not list((game.folder / "in").iterdir()))
        await server.until((game.folder / "status.json").exists)
        assert await game.closed() == "there is no session yet: the first message is `hello`"
        game.write(b'{"type": "hello", "player": "M\xfcller"}')
        assert (await game.receive())["code"] == "bad_json"
        await game.hello()
        assert game.waiting == ["000001.json"]
        assert not server.room.sessions[0].handled


@pytest.mark.parametrize("limits", [{"mailbox_files": 20}, {"unsent_bytes": 8000}])
async def test_a_game_that_never_reads_fills_no_disk(post: Post, limits: dict[str, int]) -> None:
    async with post(**limits) as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        while game.status["open"]:
            game.send({"type": "player.text", "text": "Hello"})
            await server.until(lambda: not list((game.folder / "in").iterdir()))
        game.send({"type": "player.text", "text": "Hello"})
        assert "does not read" in await game.closed()
        last = json.loads((game.folder / "out" / game.waiting[-1]).read_text())
        assert (last["type"], last["code"], last["fatal"]) == ("error", "slow_reader", True)
        assert len(game.waiting) < 80
        await server.until(lambda: not server.hub.sessions)
        await FileGame(game.folder).hello()


async def test_a_game_may_delete_what_it_has_read(post: Post) -> None:
    async with post(mailbox_files=20) as (_, folder):
        game = FileGame(folder / "game")
        await game.hello()
        for _ in range(10):
            assert [message["type"] for message in await game.say("Hello")] == TURN
            for path in (game.folder / "out").iterdir():
                path.unlink()


async def test_a_game_that_is_gone(post: Post) -> None:
    async with post(poll_seconds=0.2) as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        assert "has read nothing for 0.2 s" in await game.closed()
        assert (await game.receive())["code"] == "idle"
        await server.until(lambda: not server.hub.sessions)


@pytest.mark.parametrize("gone", ["in", "out", ".", ".."])
async def test_a_folder_that_vanishes(post: Post, gone: str, caplog: pytest.LogCaptureFixture) -> None:
    async with post() as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        shutil.rmtree((game.folder / gone).resolve())
        if gone == "out":
            game.send({"type": "player.text", "text": "Hello"})
        if gone == "..":  # is made again, so quickly that the session may not have seen it
            await server.until((game.folder / "in").is_dir)
        else:
            await server.until(lambda: not server.hub.sessions)
        again = FileGame(folder / "game")
        await again.hello()
        assert [message["type"] for message in await again.say("Hello")] == TURN
    assert "Traceback" not in caplog.text


async def test_a_full_disk(post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    async with post() as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            game.send({"type": "player.text", "text": "Hello"})
            await server.until(lambda: not server.hub.sessions)
        assert "The disk is full" in caplog.text
        await FileGame(game.folder).hello()


async def test_files_that_cannot_be_taken(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    async with post() as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", denied)
            (game.folder / "in" / "0002.json").write_bytes(b'{"type": "scene"}')
            assert "Permission denied" in await game.closed()
            await server.until(lambda: "cannot be used" in caplog.text)
        assert caplog.text.count("cannot be used") == 1


async def test_shutting_down_is_told(post: Post) -> None:
    async with post() as (server, folder):
        game = FileGame(folder / "game")
        await game.hello()
        server.service.stop()
        error = await game.receive()
        assert (error["code"], error["fatal"]) == ("shutting_down", True)
        assert "shutting down" in await game.closed()


async def test_no_place(post: Post) -> None:
    async with post(sessions=1) as (_, folder):
        one, two = FileGame(folder / "game"), FileGame(folder / "two")
        await one.hello()
        two.send(HELLO)
        assert (await two.receive())["code"] == "too_many_sessions"
        await two.closed()
        one.send({"type": "bye"})
        await one.closed()
        await two.hello()


async def test_no_connection(post: Post) -> None:
    async with post(connections=1) as (server, folder):
        game = FileGame(folder / "game")
        async with server.game() as other:
            await other.hello()
            game.send(HELLO)
            error = await game.receive()
            assert (error["code"], error["fatal"]) == ("too_many_sessions", True)
            # the folder was without a session before, too
            await server.until(lambda: "Too many games" in game.status["reason"])
            game.send({"type": "scene"})
            await server.until(lambda: not list((game.folder / "in").iterdir()))  # nobody tries again and again
            assert game.waiting == ["000001.json"]
        await server.until(lambda: not server.hub.sessions)
        await game.hello()


def test_two_runtimes_and_one_mailbox(tmp_path: Path) -> None:
    with FileMailbox(tmp_path), pytest.raises(SetupError, match="Another runtime uses"), FileMailbox(tmp_path):
        pass
    with FileMailbox(tmp_path):
        assert (tmp_path / "game" / "in").is_dir()


def test_a_mailbox_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"), FileMailbox(tmp_path / "file"):
        pass


async def test_folders_that_cannot_be_used_are_told_once(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with post() as (server, folder):
        (folder / "odd").mkdir()
        (folder / "odd" / "in").write_text("a file")
        game = FileGame(folder / "game")
        await game.hello()
        await server.until(lambda: caplog.text.count("odd cannot be used") == 1)
