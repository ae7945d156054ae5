"""The command `bench`: its server, which cores and memory it watches, and what it prints."""

import json
import os
import sys
import textwrap
from functools import partial
from pathlib import Path

import anyio
import psutil
import pytest

from npc_runtime.bench.busy import busy
from npc_runtime.bench.conversation import Pauses
from npc_runtime.bench.run import Options
from npc_runtime.bench.sidecar import sidecar
from npc_runtime.bench.watch import Watch
from npc_runtime.cli import bench as command
from npc_runtime.cli.failure import readable
from npc_runtime.config import ServerSettings, Settings
from npc_runtime.content.library import Library
from npc_runtime.errors import UsageError

pytestmark = pytest.mark.anyio


def script(body: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(body)]


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        (
            "import sys; sys.stderr.write('Loading\\nerror: Port 1 is in use.\\n  fix: another\\n'); sys.exit(3)",
            "The server does not start: Port 1 is in use.",
            "another",
        ),
        ("raise SystemExit('boom')", "The server does not start: boom", "try `npc-runtime serve` by itself"),
        ("print('hello')", "The server does not start and does not say why", "try `npc-runtime serve` by itself"),
    ],
)
async def test_a_server_that_does_not_start_is_quoted(body: str, message: str, hint: str) -> None:
    with pytest.raises(BaseExceptionGroup) as failure:
        async with sidecar(script(body)):
            raise AssertionError
    found = readable(failure.value)
    assert (found.message, found.hint, found.exit_code) == (message, hint, 3)


async def test_a_server_is_ended_with_all_that_it_logs_read() -> None:
    body = """
        import json, os, sys, time
        print(json.dumps({"ready": True, "url": "http://x", "pid": os.getpid()}), flush=True)
        sys.stderr.write("x" * 1000000)
        sys.stderr.flush()
        print("alive", flush=True)
        time.sleep(60)
    """
    async with sidecar(script(body)) as server:
        assert psutil.pid_exists(server.pid)
        await anyio.sleep(0.2)
    assert not psutil.pid_exists(server.pid)


async def test_the_watch_sees_children_even_after_their_end() -> None:
    watch = Watch(os.getpid())
    before = await watch.cpu_seconds()
    await watch.look()
    alone = watch.memory.peak
    with busy(1):
        await anyio.sleep(0.5)
        during = await watch.cpu_seconds()
        await watch.look()
    after = await watch.cpu_seconds()
    assert during - before > 0.2
    assert after >= during
    assert watch.memory.peak > alone
    assert watch.memory.kind == ("pss" if sys.platform == "linux" else "rss")


SETTINGS = Settings(server=ServerSettings(token="secret"))
SERVE = f"""
    import json, os, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import anyio
    from test_bench import Room
    from npc_runtime.server.audio_files import AudioFiles
    from npc_runtime.server.guard import gate
    from npc_runtime.server.hub import Hub
    from npc_runtime.server.limits import Limits
    from npc_runtime.server.run import Service, bind, on_signals

    assert sys.argv[1:] == ["--content", "x"]
    hub = Hub(Room(), limits=Limits(), files=AudioFiles(None))
    service = Service(hub, gate("127.0.0.1", token="secret"), bind("127.0.0.1", 0))

    def ready(url):
        print(json.dumps({{"ready": True, "url": url, "pid": os.getpid()}}), flush=True)

    with on_signals(service.stop):
        anyio.run(service.run, ready)
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with a scripted server, in a hurry."""
    monkeypatch.setattr(command, "SERVE", script(SERVE))
    monkeypatch.setattr(
        command,
        "Options",
        partial(Options, idle_seconds=0.2, pauses=Pauses(greeting=0.4, settle=0.1, between=(0.1, 0.2))),
    )


@pytest.mark.usefixtures("quick")
def test_the_command_prints_one_json_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    request = command.Request(turns=2, text=True, json=True, serve=["--content", "x"])
    assert command.bench(request, Library.load([]), SETTINGS) == 0
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert figures["spoken"] is None
    assert (figures["typed"]["answered"], figures["typed"]["lost"]) == (2, 0)
    assert figures["typed"]["latency_ms"]["p50"] >= 300
    assert figures["server"]["own_ms"]["n"] == 2
    assert figures["server"]["cpu_percent"]["talking"] > 0
    assert 10 < figures["server"]["memory"]["peak_mb"] < 500
    assert printed.err.splitlines()[0] == "Loading the models …"
    assert printed.err.splitlines()[1].startswith("1 of 2: ansel: answered after 3")


@pytest.mark.usefixtures("quick")
def test_the_command_speaks_and_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    speech = Path(__file__).parents[1] / "fixtures" / "audio" / "brynja_greeting.flac"
    request = command.Request(turns=1, busy=1, speech=[speech], serve=["--content", "x"])
    assert command.bench(request, Library.load([]), SETTINGS) == 0
    out = capsys.readouterr().out
    assert "1 of them kept busy" in out
    assert "FIRST AUDIBLE SAMPLE" in out
    assert "1 of 1 turns answered, 0 lost" in out


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (command.Request(turns=0), "--turns 0"),
        (command.Request(busy=-1), "--busy -1"),
        (command.Request(text=True, compare=True), "--text"),
        (command.Request(text=True, speech=[Path()]), "--text"),
    ],
)
def test_requests_that_make_no_sense(request_: command.Request, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        command.bench(request_, Library.load([]), Settings())
