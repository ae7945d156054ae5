"""What the mod for Luanti costs a real game server, and how soon a chat line is answered above a character's head.

Worlds with one player who comes in over the network: without the mod, with a character who stands there, and with one
who is talked to all the time. The runtime is the real one with its embedded model, in a process of its own.

Run in the folder of the project: PYTHONPATH=. python tests/bench/bench_luanti.py [--seconds S] [--json]
Goal: the median from a line in the chat to the first words of the answer is at most 700 ms, the time of a step of the
server within 5 % of one without the mod, and the mod's own part of a step below 1 ms.
"""

import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from _common import finish, goal, machine, median, p95, parser, table
from tests.engines._serving import serving
from tests.games._luanti import CONTENT, World
from tests.games._player import Player

# Half of these are answered by what the author wrote, half by the model.
LINES = (
    "Good morning, Tilda!",
    "What do you sell?",
    "How was the road today?",
    "Follow me, please.",
    "Stay here.",
    "Have you got a mule?",
    "Can I have an apple?",
    "Are the roads safe at night?",
    "Take this coin, it is for you.",
    "What do you want most in life?",
    "Come with me.",
    "Wait here.",
    "Do you know a good inn?",
    "Where do you sleep?",
)
_PAUSE = 3.0
"""Seconds between an answer and the next line."""


def measure(world: World, ann: Player, process: psutil.Process, name: str, seconds: float) -> dict[str, Any]:
    """One row of figures of the steps within some time."""
    world.order(ann, "measure")
    before = process.cpu_times()
    time.sleep(seconds)
    return collected(world, ann, process, name, before)


def collected(world: World, ann: Player, process: psutil.Process, name: str, before: Any) -> dict[str, Any]:
    """What was measured since the test mod was told to forget."""
    after = process.cpu_times()
    world.order(ann, "measure", f"{name}.json")
    steps = json.loads((world.path / f"{name}.json").read_text(encoding="utf-8"))
    between, lua, own = (([float(step[at]) for step in steps]) for at in range(3))
    used = (after.user + after.system - before.user - before.system) * 1000
    return {
        "server": name,
        "steps": len(steps),
        "step_ms": median(between) / 1000,
        "step_p95_ms": p95(between) / 1000,
        "max_lag_ms": world.state()["max_lag"] * 1000,
        "cpu_per_step_ms": used / max(1, len(steps)),
        "lua_per_step_ms": median(lua) / 1000,
        "mod_mean_ms": sum(own) / max(1, len(own)) / 1000,
        "mod_p95_ms": p95(own) / 1000,
        "mod_max_ms": max(own, default=0.0) / 1000,
    }


def idle(folder: Path, url: str, name: str, seconds: float, *, mod: bool) -> dict[str, Any]:
    """A server with a player who says nothing."""
    folder.mkdir()
    world = World(folder, url, mod=mod)
    with world.running() as process, Player("Ann", world.port) as ann:
        world.until(lambda: world.player("Ann"), "Ann is not there")
        if mod:
            ann.say("/npc_spawn tilda")
            world.until(lambda: world.person("tilda"), "nobody was placed")
        time.sleep(8.0)  # the world around the player is made
        return measure(world, ann, psutil.Process(process.pid), name, seconds)


def talking(folder: Path, url: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A server with a player who has something to say; the figures of its steps, and of every line."""
    folder.mkdir()
    world = World(folder, url, npc_runtime__auto_allow="true")
    lines = []
    with world.running() as process, Player("Ann", world.port) as ann:
        world.until(lambda: world.player("Ann"), "Ann is not there")
        ann.say("/npc_spawn tilda")
        world.until(lambda: world.person("tilda"), "nobody was placed")
        world.order(ann, "stock", "tilda", "npc_test:apple", 9)
        world.order(ann, "have", "npc_test:coin", 9)
        time.sleep(8.0)
        world.order(ann, "measure")
        server = psutil.Process(process.pid)
        before = server.cpu_times()
        for line in LINES:
            since = ann.say(line)
            at, answer = ann.read("<Tilda Marsh> ", since=since, within=30)
            lines.append({"line": line, "ms": (at - since) * 1000, "answer": answer.partition("> ")[2][:50]})
            time.sleep(_PAUSE)
        return collected(world, ann, server, "talking", before), lines


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=45.0, help="how long each idle server is watched")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(
            serving(folder / "state", folder / "runtime.log", NPC_RUNTIME_CONTENT=str(CONTENT))
        )
        url = str(server.ready["url"])
        rows = [
            idle(folder / "without", url, "without", options.seconds, mod=False),
            idle(folder / "idle", url, "idle", options.seconds, mod=True),
        ]
        row, lines = talking(folder / "talking", url)
        rows.append(row)
        rows.append(idle(folder / "again", url, "again", options.seconds, mod=False))
    steps = {str(row["server"]): float(row["step_ms"]) for row in rows}
    goals = [
        goal("chat line to first subtitle, median ms", median([line["ms"] for line in lines]), 700, at_least=False),
        goal("step with the mod idle, against without", steps["idle"] / steps["without"], 1.05, at_least=False),
        goal("step with the mod talking, against without", steps["talking"] / steps["without"], 1.05, at_least=False),
        goal("the mod in one step, p95 ms", max(float(row["mod_p95_ms"]) for row in rows), 1.0, at_least=False),
    ]
    state = machine()
    if not options.json:
        print(state)
        table("steps of the server", rows)
        table("lines", lines)
    return finish(options.json, {"machine": state, "steps": rows, "lines": lines}, goals)


if __name__ == "__main__":
    raise SystemExit(main())
