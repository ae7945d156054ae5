"""The console script in awkward surroundings: legacy code pages, odd folders, closed streams, an interruption."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.engine

SAY = ("say", "--character", "brynja", "--text", "Grüß dich, çırak → 🙂", "--seed", "1")
EVIL = "open('was_here', 'a').close()\nraise SystemExit('this must not be imported')\n"
posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


@posix
@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_legacy_code_pages(run: Any, env: dict[str, str]) -> None:
    done = run("check", "Grüße", env=env)
    done.failed_readably(1, "does not exist")
    done = run("doctor", env=env | {"NPC_RUNTIME_LLM__MODEL": "nowhere.gguf"})
    assert done.code == 3
    assert "→ check the path" in done.out


def test_a_folder_with_spaces_letters_and_strange_modules(tmp_path: Path, run: Any) -> None:
    folder = tmp_path / "Mods für Çağlar" / "日本 (1)"
    folder.mkdir(parents=True)
    for module in ("xllamacpp", "numpy", "openai", "json", "anyio", "sitecustomize", "npc_runtime"):
        (folder / f"{module}.py").write_text(EVIL, encoding="utf-8")
    before = {path.name for path in folder.iterdir()}
    done = run(*SAY, cwd=folder)
    assert done.code == 0, done.err
    assert "çırak → 🙂" in done.out
    assert {path.name for path in folder.iterdir()} - before <= {"npc-demo", ".state"}
    assert (folder / "npc-demo" / "report.html").stat().st_size > 10_000


@posix
def test_no_home(run: Any) -> None:
    done = run("models", "list", env={"HOME": os.devnull, "XDG_DATA_HOME": ""})
    assert (done.code, done.err) == (0, "")
    done = run("doctor", env={"HOME": os.devnull, "XDG_DATA_HOME": ""})
    assert (done.code, done.err) == (0, "")
    assert "state folder" in done.out


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("npc-runtime")
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    environ |= {"XDG_DATA_HOME": str(folder / ".state"), "NPC": str(script)}
    command = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(command, cwd=folder, env=environ, text=True, capture_output=True, timeout=110)


@posix
@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ('"$NPC" schema protocol | head -1', None, ""),
        ('"$NPC" schema protocol | true', None, ""),
        ('"$NPC" models list --json | true', None, ""),
        ('"$NPC" --help | true', None, ""),
        ('"$NPC" --version >&-', 0, ""),
        ('"$NPC" models list >&- 2>&- <&-', 0, ""),
        ('"$NPC" check nowhere 2>&-', 1, ""),
        ('"$NPC" schema protocol > /dev/full', 3, "error: The disk is full.\n  fix: "),
        ('"$NPC" --version > /dev/full', 3, "error: The disk is full.\n  fix: "),
    ],
)
def test_streams_that_end(tmp_path: Path, line: str, code: int | None, err: str) -> None:
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    done = shell(line, tmp_path)
    assert done.stderr.startswith(err) if err else done.stderr == ""
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert code is None or done.returncode == code


@posix
def test_streams_that_end_during_a_reply(tmp_path: Path) -> None:
    done = shell('"$NPC" say --character ansel --text "$(printf "caf\\xe9")" --json <&- | head -1', tmp_path)
    assert done.stdout.startswith('{"type": ')
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@posix
def test_interrupting_ends_everything_quietly(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("npc-runtime")
    command = [str(script), "demo", "--out", "out"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    ) as process:
        children: list[psutil.Process] = []
        while process.poll() is None and not children:
            children = psutil.Process(process.pid).children(recursive=True)
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) == ("", "Loading the models …\n")
    _, alive = psutil.wait_procs(children, timeout=10)
    assert children and not alive
    assert not (tmp_path / "out").exists()


def test_nothing_is_reported_to_anyone() -> None:
    code = "import os, npc_runtime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environ = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "1"
