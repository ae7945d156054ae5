"""A cold start with nothing set: from the start of `serve` to the first sound of a first reply, over WebSocket.

Run: python tests/bench/bench_cold_start.py [--runs N] [--json]

Every run is a new process with an empty folder for its state, and no setting: the embedded model answers unless a
server with a capable one runs on this machine. A game connects as soon as the runtime says that it is ready, and its
player says something at once. The goal is for the slowest run: <= 5 s.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from _common import finish, goal, machine, median, parser, table
from tests.engines._serving import Server, begins, is_heard, serving, sounds

from npc_runtime.llm.local_servers import PORTS

GOAL_S = 5.0
LINE, WHO = "Which herbs are good for a deep wound?", "ansel"


async def _first_reply(server: Server, started: float) -> dict[str, float]:
    """Seconds from the start of the process to each step."""
    marks = {"ready": time.perf_counter() - started}
    async with server.game(audio={"out": "binary"}) as game:
        marks["welcome"] = time.perf_counter() - started
        await game.send("player.text", text=LINE, to=WHO)
        await game.until(is_heard)
        await game.until(begins)
        await game.until(sounds)
        marks["first sound"] = time.perf_counter() - started
    return marks


def measure(runs: int) -> list[dict[str, float]]:
    """The marks of each run."""
    usual = {"NPC_RUNTIME_LLM__LOCAL_PORTS": ",".join(map(str, PORTS))}
    found = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            with serving(Path(folder) / "state", Path(folder) / "log.txt", **usual) as server:
                found.append(anyio.run(_first_reply, server, started))
    return found


def main() -> int:
    """Measure, print and check."""
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=7)
    args = made.parse_args()
    before = machine()
    runs = measure(args.runs)
    rows: list[dict[str, Any]] = [
        {"until": mark, "runs": len(runs), "median s": median([run[mark] for run in runs])}
        | {"max s": max(run[mark] for run in runs)}
        for mark in runs[0]
    ]
    goals = [goal("first sound of a cold start, s", max(run["first sound"] for run in runs), GOAL_S, at_least=False)]
    if not args.json:
        print(f"{before['cores']} cores, load {before['load_1min']}")
        table("cold start", rows)
    return finish(args.json, {"machine": before, "after": machine(), "rows": rows}, goals)


if __name__ == "__main__":
    sys.exit(main())
