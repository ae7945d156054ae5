"""Runs the console script as a person does."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

HIDE = Path(__file__).parent / "hide_module"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def failed_readably(self, code: int, *words: str) -> None:
        """One message with a fix on stderr, nothing on stdout, the right exit code."""
        assert self.code == code, self
        assert self.out == ""
        lines = [line for line in self.err.splitlines() if not line.startswith("Loading the models")]
        assert lines[0].startswith("error: "), self.err
        assert lines[-1].startswith("  fix: "), self.err
        assert len(lines) == 2, self.err
        for word in words:
            assert word in self.err
        assert "Something unexpected" not in self.err


Run = Callable[..., Ran]


def run_script(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, hide: str = "", prefix: Sequence[str] = ()
) -> Ran:
    """Run `npc-runtime` with arguments, as on a machine where the module `hide` is not installed."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("NPC_RUNTIME_")}
    environ |= {"XDG_DATA_HOME": str(cwd / ".state"), "NPC_RUNTIME_LLM__LOCAL_PORTS": ""}
    if hide:
        environ |= {"PYTHONPATH": str(HIDE), "NPC_TEST_HIDE": hide}
    script = Path(sys.executable).with_name("npc-runtime" + (".exe" if os.name == "nt" else ""))
    done = subprocess.run(
        [*prefix, str(script), *arguments],
        cwd=cwd,
        env=environ | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=110,
    )
    assert b"Traceback" not in done.stderr or "--debug" in arguments, done.stderr.decode()
    return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the script in an empty folder; `cwd=`, `env=` and `hide=` change that."""

    def start(*arguments: str, cwd: Path = tmp_path, env: Mapping[str, str] | None = None, hide: str = "") -> Ran:
        return run_script(*arguments, cwd=cwd, env=env, hide=hide)

    return start


@pytest.fixture(scope="session")
def audio_fixtures() -> Path:
    """The recordings of players."""
    return Path(__file__).parents[1] / "fixtures" / "audio"


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same for fixtures of a whole module; `cwd=` is required."""
    return run_script


@pytest.fixture(scope="session")
def alike() -> Callable[[str, str], float]:
    """How much two sentences have in common, 0..1, word by word."""
    import difflib
    import re

    def words(text: str) -> list[str]:
        return re.findall(r"[\w']+", text.lower())

    return lambda left, right: difflib.SequenceMatcher(None, words(left), words(right), autojunk=False).ratio()
