"""Killing: what was committed is there, and the database opens, whenever a process dies."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

HELPER = Path(__file__).resolve().parents[1] / "bench" / "_killed.py"


def helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_killed", HELPER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_killed"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_a_killed_process_loses_no_committed_turn(tmp_path: Path) -> None:
    outcome = helper().killed(tmp_path, 20, seed=7)
    assert outcome.kills == 20
    assert outcome.told > 20
    assert (outcome.lost, outcome.unopened) == (0, 0)
