"""A process that writes turns into a memory store and is killed, again and again; what is left of them."""

import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.errors import NpcError

WRITER = """
import sys
from pathlib import Path
from npc_runtime.character.memory.records import Changes, Experience, StateDocument
from npc_runtime.character.memory.store import MemoryStore

folder, turn = Path(sys.argv[1]), int(sys.argv[2])
store = MemoryStore(folder)
print("ready", flush=True)
while True:
    turn += 1
    player, npc = (
        Experience(npc="npc", player="player", game_time=turn, kind="dialogue", text=f"{who} {turn}: " + "word " * 40)
        for who in ("player", "npc")
    )
    counted = StateDocument(npc="npc", player="player", name="turns", document=turn)
    store.commit(Changes(experiences=(player, npc), states=(counted,)))
    print(turn, flush=True)
    if turn % 7 == 0:
        store.save(f"slot {turn % 5}")
    if turn % 50 == 0:
        store.save("before")
        store.load("before")
"""
LONGEST = 0.12
"""Seconds that a process writes at most before it is killed."""


@dataclass(frozen=True)
class Outcome:
    """What killing did."""

    kills: int
    told: int
    """The last turn that a process said was committed."""
    lost: int
    """Turns that were said to be committed and were not there, or only in part."""
    unopened: int
    """Times that the database could not be opened, or was put aside as damaged."""


def killed(folder: Path, kills: int, *, seed: int) -> Outcome:
    """Let processes write turns into one folder and kill each at a random moment."""
    chance = random.Random(seed)
    told = lost = unopened = 0
    for _ in range(kills):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(told)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        with writer.stdout as lines:
            lines.readline()
            time.sleep(chance.uniform(0, LONGEST))
            writer.kill()
            # The kill may have cut the last line short.
            said = [int(line) for line in lines.read().splitlines(keepends=True) if line.endswith("\n")]
        writer.wait()
        told = said[-1] if said else told
        warnings: list[NpcError] = []
        with MemoryStore(folder, warn=warnings.append) as store:
            kept = [memory.text.partition(":")[0] for memory in store.recent("npc", "player", limit=1_000_000)]
            state = store.states("npc", "player").get("turns", 0)
        unopened += bool(warnings)
        # A turn may have been committed whose number did not get out any more.
        last = max(told, state)
        whole = {f"{who} {turn}" for turn in range(1, last + 1) for who in ("player", "npc")}
        lost += len(whole ^ set(kept)) + max(0, told - state)
        told = last
    return Outcome(kills, told, lost, unopened)
