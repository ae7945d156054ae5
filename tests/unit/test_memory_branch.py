"""Save games: whatever happens between, loading brings back exactly what was there, and nothing piles up."""

import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from npc_runtime.character.memory.forgetting import TAU
from npc_runtime.character.memory.recall import Recall
from npc_runtime.character.memory.records import Changes, Experience, Fact, StateDocument, Summary
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.errors import InputError

WORDS = ("Anna", "sword", "bridge", "wolves", "promise", "mine", "bread", "king")
SCOPES: tuple[tuple[str, str | None], ...] = (("brynja", "ann"), ("brynja", "bob"), ("brynja", None), ("tom", "ann"))
SLOTS = ("a", "b", "c")


class Letters:
    """An embedder that counts letters."""

    name = "letters"
    dimensions = 26

    def embed(self, texts: Sequence[str], *, query: bool) -> NDArray[np.float32]:
        counts = np.array([[text.lower().count(chr(97 + at)) + 0.01 for at in range(26)] for text in texts], np.float32)
        made: NDArray[np.float32] = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return made


class Game:
    """A store that is asked everything, through caches and afresh."""

    def __init__(self, folder: Path | None = None) -> None:
        self.store = MemoryStore(folder)
        self.recall = Recall(self.store, embedder=Letters())
        self.time = 0.0

    def everything(self) -> str:
        """All that can be asked, as text."""
        fresh = Recall(self.store, embedder=Letters())
        told, told_fresh = self._recalled(self.recall), self._recalled(fresh)
        assert told == told_fresh
        asked: list[Any] = [told, self.store.export()]
        for npc, player in SCOPES:
            asked += [self.store.recent(npc, player), self.store.states(npc, player), self.store.facts(npc, player)]
            asked.append(self.store.summaries(npc, player))
        return repr(asked)

    def _recalled(self, recall: Recall) -> str:
        return repr(
            [
                (
                    recall.memories("Anna has a sword", npc=npc, player=player, now=now, language="en", mood=(1, 0, 0)),
                    recall.facts("Where is Anna?", npc=npc, player=player, at=50.0, language="en"),
                )
                for npc, player in SCOPES
                for now in (1e6, 3 * TAU)  # then half is forgotten, unless it was recalled
            ]
        )

    def tell(self, chance: random.Random) -> None:
        """A turn in which something of everything happens."""
        self.time += chance.choice((10.0, 5000.0))
        npc, player = chance.choice(SCOPES)
        fact = Fact(subject="Anna", predicate="is in", object=chance.choice(WORDS), valid_from=chance.uniform(0, 99))
        known = [memory.id for memory in self.store.recent(npc, player)]
        self.store.commit(
            Changes(
                experiences=(
                    Experience(
                        npc=npc,
                        player=player,
                        game_time=self.time,
                        kind=chance.choice(("dialogue", "promise")),
                        text=" ".join(chance.choices(WORDS, k=4)),
                        importance=chance.random(),
                        pad=(chance.uniform(-1, 1), 0.0, 0.0),
                        facts=(fact,) if chance.random() < 0.5 else (),
                    ),
                ),
                summaries=(
                    Summary(npc=npc, player=player, level=1, first=1, last=2, game_time=self.time, text="so far"),
                ),
                states=(StateDocument(npc=npc, player=player, name="mood", document={"at": self.time}),),
                recalled=tuple(chance.sample(known, min(2, len(known)))),
                game_time=self.time,
            )
        )
        while self.recall.embed_some():
            pass


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["tell", "tell", "save", "load", "begin"]), min_size=5, max_size=40),
    seed=st.integers(0, 2**32),
)
def test_loading_brings_back_what_was_saved(steps: list[str], seed: int) -> None:
    chance, game = random.Random(seed), Game()
    saved: dict[str, str] = {}
    for step in steps:
        slot = chance.choice(SLOTS)
        if step == "tell":
            game.tell(chance)
        elif step == "save":
            game.store.save(slot)
            saved[slot] = game.everything()
        elif step == "begin":
            game.store.begin()
        elif slot in saved:
            game.store.load(slot)
            assert game.everything() == saved[slot]
    assert set(game.store.slots()) == set(saved)
    for slot in chance.choices(sorted(saved), k=6) if saved else []:
        game.store.load(slot)
        assert game.everything() == saved[slot]
        game.tell(chance)


def test_it_is_so_after_a_restart_too(tmp_path: Path) -> None:
    chance, game = random.Random(5), Game(tmp_path)
    saved: dict[str, str] = {}
    for step in range(40):
        game.tell(chance)
        if step % 4 == 3:
            slot = chance.choice(SLOTS)
            game.store.save(slot)
            saved[slot] = game.everything()
            game.store.load(chance.choice(sorted(saved)))
    now = game.everything()
    game.store.close()
    again = Game(tmp_path)
    assert again.everything() == now
    for slot, expected in saved.items():
        again.store.load(slot)
        assert again.everything() == expected


def test_what_happens_after_loading_leaves_both_save_games_alone() -> None:
    with MemoryStore(None) as store:
        store.commit(said("one"))
        store.save("a")
        store.commit(said("two"))
        store.save("b")
        store.load("a")
        store.commit(said("another two"))
        assert texts(store) == ["one", "another two"]
        store.load("b")
        assert texts(store) == ["one", "two"]
        store.load("a")
        assert texts(store) == ["one"]


def test_saving_again_replaces_a_save_game() -> None:
    with MemoryStore(None) as store:
        store.commit(said("one"))
        store.save("a")
        store.commit(said("two"))
        store.save("a")
        store.load("a")
        assert texts(store) == ["one", "two"]
        assert store.slots() == ("a",)


def test_a_new_game_remembers_nothing_and_save_games_stay() -> None:
    with MemoryStore(None) as store:
        store.commit(said("one"))
        store.save("a")
        store.begin()
        assert texts(store) == []
        store.load("a")
        assert texts(store) == ["one"]


def test_an_unknown_save_game_changes_nothing() -> None:
    with MemoryStore(None) as store:
        store.commit(said("one"))
        with pytest.raises(InputError, match="no memory of a save game called `x`") as raised:
            store.load("x")
        assert raised.value.code == "unknown_slot"
        assert texts(store) == ["one"]


def test_worlds_have_save_games_and_memories_of_their_own(tmp_path: Path) -> None:
    with MemoryStore(tmp_path, world="north") as north, MemoryStore(tmp_path, world="south") as south:
        north.commit(said("in the north"))
        north.save("quick")
        south.commit(said("in the south"))
        south.save("quick")
        north.commit(said("later"))
        north.load("quick")
        south.load("quick")
        assert (texts(north), texts(south)) == (["in the north"], ["in the south"])


def test_a_thousand_saves_and_loads_leave_few_branches_and_nothing_out_of_reach(tmp_path: Path) -> None:
    chance = random.Random(2)
    with MemoryStore(tmp_path) as store:
        for step in range(1000):
            store.commit(said(f"turn {step}"))
            store.save(f"slot {chance.randrange(10)}")
            store.commit(said(f"lost {step}"))
            store.load(chance.choice(store.slots()))
        reachable = set(texts(store))
        for slot in store.slots():
            store.load(slot)
            reachable |= set(texts(store))
    kept = sqlite3.connect(tmp_path / "memory.db")
    branches = kept.execute("SELECT count(*) FROM branch").fetchone()[0]
    rows = {row[0] for row in kept.execute("SELECT text FROM event")}
    kept.close()
    assert branches <= 11
    assert rows == reachable


def test_a_state_that_changes_every_turn_does_not_pile_up(tmp_path: Path) -> None:
    with MemoryStore(tmp_path) as store:
        for turn in range(50):
            mood = StateDocument(npc="brynja", player="ann", name="mood", document=turn)
            store.commit(Changes(states=(mood,)))
            if turn == 20:
                store.save("a")
        assert store.states("brynja", "ann") == {"mood": 49}
        store.load("a")
        assert store.states("brynja", "ann") == {"mood": 20}
    kept = sqlite3.connect(tmp_path / "memory.db")
    assert kept.execute("SELECT count(*) FROM state").fetchone() == (1,)
    kept.close()


def said(text: str) -> Changes:
    return Changes(experiences=(Experience(npc="brynja", player="ann", game_time=0.0, kind="dialogue", text=text),))


def texts(store: MemoryStore) -> list[str]:
    return [memory.text for memory in store.recent("brynja", "ann", limit=10_000)]
