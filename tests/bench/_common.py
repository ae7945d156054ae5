"""What the benchmarks share: figures, tables, the state of the machine, and a core that is kept busy."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from npc_runtime.config import LlmSettings, Settings

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # for what benchmarks share with the tests
_SPIN = "while True: pass"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line with `--json`."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return made


def add_engine(made: argparse.ArgumentParser) -> None:
    """Let the language-model engine be chosen."""
    made.add_argument("--engine", choices=["xllamacpp", "llama-cpp-python"], default="xllamacpp")


def settings_for(engine: str) -> Settings:
    """The default settings, with the engine that was chosen."""
    return Settings(llm=LlmSettings(backend="llama" if engine == "xllamacpp" else "llama-cpp-python"))


def median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0


def p95(values: Sequence[float]) -> float:
    """The value that 95 % do not exceed; for speeds, where less is worse, pass negated values."""
    return float(np.percentile(values, 95)) if values else 0.0


def p5(values: Sequence[float]) -> float:
    return float(np.percentile(values, 5)) if values else 0.0


def machine() -> dict[str, Any]:
    """What else was going on: a figure means little without it."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {"cores": psutil.cpu_count(), "load_1min": round(load, 2), "busy_percent": psutil.cpu_percent(interval=1.0)}


@contextmanager
def busy_core() -> Iterator[None]:
    """Another process that does nothing but use one core, as a game does."""
    process = subprocess.Popen([sys.executable, "-S", "-c", _SPIN])
    try:
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows that have the same keys."""
    print(f"\n{title}")
    if not rows:
        print("  (nothing)")
        return
    cells = [[str(key) for key in rows[0]], *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        first, *rest = (
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]))


def _cell(value: Any) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 100
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


def goal(name: str, value: float, limit: float, *, at_least: bool) -> dict[str, Any]:
    """One goal and whether it is met."""
    met = value >= limit if at_least else value <= limit
    return {"goal": name, "measured": round(value, 3), "limit": f"{'>=' if at_least else '<='} {limit:g}", "met": met}


def finish(as_json: bool, result: Mapping[str, Any], goals: Sequence[Mapping[str, Any]]) -> int:
    """Print the goals; exit code 1 if one is missed."""
    if as_json:
        print(json.dumps({**result, "goals": list(goals)}, ensure_ascii=False))
    elif goals:
        table("goals", goals)
    return 0 if all(one["met"] for one in goals) else 1
