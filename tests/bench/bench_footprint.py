"""What the runtime takes before it does anything: start-up time, and the memory of all its processes in a demo.

Run: python tests/bench/bench_footprint.py [--runs N] [--demos N] [--json]

Goals: `import npc_runtime` < 0.3 s and `npc-runtime --help` < 0.5 s (medians of fresh processes); peak memory of `demo`
< 800 MB. Memory is summed over the process tree: as PSS where the system tells it, which counts a page that several
processes share once; as USS otherwise, which leaves shared pages out; as RSS too, which counts them several times.
Close other instances first: pages that they share make the PSS of this one smaller.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from _common import finish, goal, machine, p95, parser, table

GOALS = {"import": 0.3, "help": 0.5, "memory": 800.0}
_INTERVAL = 0.02
_MEGABYTE = 1e6
_COMMAND = (sys.executable, "-c", "from npc_runtime.cli.main import main; main()")
_START = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "import npc_runtime": (sys.executable, "-c", "import npc_runtime"),
    "npc-runtime --help": (*_COMMAND, "--help"),
}


@dataclass(slots=True)
class Peak:
    """The most memory at one moment, in MB."""

    unique: float = 0.0
    """PSS or USS."""
    resident: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    """Per process at that moment."""


def start_times(runs: int) -> dict[str, list[float]]:
    """Seconds of fresh processes, the commands taking turns."""
    times: dict[str, list[float]] = {name: [] for name in _START}
    for _ in range(runs + 1):
        for name, command in _START.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - start)
    return {name: found[1:] for name, found in times.items()}  # the first run reads from disk


def _role(process: psutil.Process) -> str:
    return "language model" if "npc_runtime.llm.child" in process.cmdline() else "runtime"


def _look(process: psutil.Process, peak: Peak) -> None:
    unique = resident = 0.0
    parts: dict[str, float] = {}
    for one in (process, *process.children(recursive=True)):
        try:
            memory = one.memory_full_info()
            used = getattr(memory, "pss", 0) or memory.uss
            parts[_role(one)] = parts.get(_role(one), 0.0) + used / _MEGABYTE
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        unique += used / _MEGABYTE
        resident += memory.rss / _MEGABYTE
    if unique > peak.unique:
        peak.unique, peak.parts = unique, parts
    peak.resident = max(peak.resident, resident)


def demo() -> tuple[float, Peak, dict[str, float]]:
    """One demo.

    Returns:
        Its wall time in seconds, its peak of memory, and the timings of its turn in milliseconds.
    """
    peak = Peak()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = psutil.Popen(
            [*_COMMAND, "demo", "--out", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            try:
                _look(process, peak)
            except psutil.NoSuchProcess:
                break
            time.sleep(_INTERVAL)
        wall = time.perf_counter() - start
        if process.wait():
            raise RuntimeError(f"the demo failed with code {process.returncode}")
        lines = (Path(folder) / "events.jsonl").read_text(encoding="utf-8").splitlines()
    end = next(event for event in map(json.loads, lines) if event["type"] == "turn.end")
    return wall, peak, end["timings"]


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=10, help="fresh processes per command")
    made.add_argument("--demos", type=int, default=3)
    args = made.parse_args()
    before = machine()
    times = start_times(args.runs)
    demos = [demo() for _ in range(args.demos)]
    walls = [wall for wall, _, _ in demos]
    worst = max((peak for _, peak, _ in demos), key=lambda peak: peak.unique)
    stages = {key: [timings[key] for _, _, timings in demos] for key in demos[0][2]}
    starts = [
        {"process": name, "median s": round(median(found), 3), "p95 s": round(p95(found), 3)}
        for name, found in times.items()
    ]
    memory: dict[str, Any] = {
        "peak MB, shared pages once": round(worst.unique),
        **{f"  of it {role}": round(part) for role, part in worst.parts.items()},
        "peak MB, summed RSS": round(max(peak.resident for _, peak, _ in demos)),
    }
    timings = [{"stage": "whole command", "median ms": round(median(walls) * 1000), "p95 ms": round(p95(walls) * 1000)}]
    timings += [
        {"stage": key, "median ms": round(median(found)), "p95 ms": round(p95(found))} for key, found in stages.items()
    ]
    goals = [
        goal("import npc_runtime, s", median(times["import npc_runtime"]), GOALS["import"], at_least=False),
        goal("npc-runtime --help, s", median(times["npc-runtime --help"]), GOALS["help"], at_least=False),
        goal("memory of demo, MB", worst.unique, GOALS["memory"], at_least=False),
    ]
    if not args.json:
        print(f"{before['cores']} cores, load {before['load_1min']} before")
        table("start", starts)
        table("memory of demo", [{"": key, "MB": value} for key, value in memory.items()])
        table(f"time of demo ({args.demos} runs)", timings)
    return finish(args.json, {"machine": before, "start": starts, "memory": memory, "demo": timings}, goals)


if __name__ == "__main__":
    sys.exit(main())
