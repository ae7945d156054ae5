"""Starting and ending: the port, the ready line, signals."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from npc_runtime.config import ServerSettings, Settings
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, SetupError, UsageError
from npc_runtime.server.file_mailbox import FileMailbox
from npc_runtime.server.run import bind, url_of

SERVE = textwrap.dedent(
    """
    import sys
    from contextlib import asynccontextmanager
    import anyio
    from npc_runtime import events
    from npc_runtime.cli import serve
    from npc_runtime.config import ServerSettings, Settings
    from npc_runtime.content.library import Library

    class Session:
        async def __aenter__(self): return self
        async def __aexit__(self, *error): print("session left", flush=True)
        async def handle(self, message): pass
        async def audio(self, pcm): pass
        @property
        async def events(self):
            yield events.State(character="brynja", stage="idle")
            await anyio.sleep_forever()

    class Room:
        def characters(self): return ()
        def open_session(self, hello): return Session()
        def traces(self): return ()
        def health(self, *, reset=False): return {}

    @asynccontextmanager
    async def open_room(library, settings, *, seed):
        assert seed == 7
        try:
            if "slow" in sys.argv:
                print("loading", flush=True)
                await anyio.sleep_forever()
            yield Room()
        finally:
            print("engines freed", flush=True)

    serve.open_room = open_room
    mailbox = sys.argv[sys.argv.index("mailbox") + 1] if "mailbox" in sys.argv else None
    asked = ServerSettings(port=0, mailbox=mailbox)
    raise SystemExit(serve.serve(Library.load([]), Settings(server=asked), as_json=True, seed=7))
    """
)


@contextmanager
def start(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """A server; ended at once, if it still runs, with the context."""
    command = [sys.executable, "-c", SERVE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to a process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_in_order(number: signal.Signals) -> None:
    with start() as process:
        ready: dict[str, Any] = json.loads(line(process))
        assert (ready["ready"], ready["pid"]) == (True, process.pid)
        with urllib.request.urlopen(ready["url"] + "/v1/health", timeout=10) as answer:
            assert json.load(answer)["ok"]
        with connect(ready["url"].replace("http", "ws") + "/v1/ws") as socket_:
            socket_.send('{"type": "hello", "protocol": 1}')
            assert [json.loads(socket_.recv())["type"] for _ in range(2)] == ["welcome", "state"]
            process.send_signal(number)
            assert json.loads(socket_.recv())["code"] == "shutting_down"
            with pytest.raises(ConnectionClosed):
                socket_.recv()
        out, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out.splitlines() == ["session left", "engines freed"]
    assert log == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to a process")
def test_it_serves_a_mailbox_and_ends_in_order(tmp_path: Path) -> None:
    game = tmp_path / "box" / "game"
    with start("mailbox", str(tmp_path / "box")) as process:
        assert json.loads(line(process))["mailbox"] == str(tmp_path / "box")
        (game / "in" / "1.json").write_text('{"type": "hello", "protocol": 1}')
        deadline = time.monotonic() + 10
        while not (game / "out" / "000002.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=10)
    assert (process.returncode, log) == (0, "")
    assert out.splitlines() == ["session left", "engines freed"]
    assert json.loads((game / "out" / "000003.json").read_text())["code"] == "shutting_down"
    assert json.loads((game / "status.json").read_text())["open"] is False


def test_a_mailbox_in_use_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with FileMailbox(tmp_path), start("slow", "mailbox", str(tmp_path)) as process:
        out, log = process.communicate(timeout=20)
    assert out == ""
    assert f"Another runtime uses the mailbox {tmp_path}." in log


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to a process")
def test_it_can_be_ended_while_the_engines_load() -> None:
    with start("slow") as process:
        assert line(process) == "loading"
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=10)
    assert (process.returncode, out.strip(), log) == (0, "engines freed", "")


def test_small_messages_leave_at_once() -> None:
    at_once: list[int] = []

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_once.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def connect_once(sock: socket.socket) -> None:
        async with await asyncio.start_server(look, sock=sock):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            assert await reader.read() == b""
            writer.close()

    with bind("127.0.0.1", 0) as sock:
        asyncio.run(connect_once(sock))
    assert at_once == [1]


def test_a_port_in_use_names_its_user_and_the_way_out() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError) as failure:
            bind("127.0.0.1", port)
    assert failure.value.message.startswith(f"Port {port} is in use by ")
    assert failure.value.message.endswith(f"process {os.getpid()} (this program).")
    assert "--port" in failure.value.hint


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("no.such.host.invalid", 1, "no address"), ("192.0.2.1", 0, "not an address"), ("127.0.0.1", 70000, "70000")],
)
def test_addresses_that_cannot_be(host: str, port: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bind(host, port)


def test_urls_are_for_this_machine() -> None:
    with bind("0.0.0.0", 0) as sock:
        assert url_of(sock).startswith("http://127.0.0.1:")
    if socket.has_ipv6:
        try:
            with bind("::1", 0) as sock:
                assert url_of(sock).startswith("http://[::1]:")
        except (SetupError, InputError):
            pytest.skip("no IPv6 here")


def test_listening_for_everybody_without_a_token_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from npc_runtime.cli import serve

    def started(*arguments: Any, **options: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(serve, "open_room", started)
    monkeypatch.setattr(serve, "bind", started)
    with pytest.raises(UsageError, match="no token"):
        serve.serve(Library.load([]), Settings(server=ServerSettings(host="0.0.0.0", port=0)))
