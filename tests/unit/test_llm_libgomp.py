"""The stand-in for a missing libgomp."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

from npc_runtime.llm import libgomp

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux wheels need it")


def test_a_system_that_has_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    assert libgomp.environment(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_bare_system_gets_the_one_that_another_package_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    load = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/games")
    added = libgomp.environment(tmp_path)
    assert added == {"LD_LIBRARY_PATH": os.pathsep.join([str(tmp_path), "/usr/local/games"])}
    assert load(str(tmp_path / "libgomp.so.1")).omp_get_max_threads() >= 1
