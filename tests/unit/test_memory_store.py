"""The memory store: what is kept of a turn, for whom, and how it is shown and removed."""

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.character.memory.recall import Recall
from npc_runtime.character.memory.records import (
    MOST_DOCUMENT,
    MOST_NAME,
    MOST_TEXT,
    Changes,
    Experience,
    Fact,
    StateDocument,
    Summary,
)
from npc_runtime.character.memory.store import MemoryStore


def experience(text: str, npc: str = "brynja", player: str | None = "ann", **more: Any) -> Experience:
    return Experience(**{"npc": npc, "player": player, "game_time": 1.0, "kind": "dialogue", "text": text, **more})


def tell(store: MemoryStore, *experiences: Experience) -> tuple[int, ...]:
    return store.commit(Changes(experiences=experiences))


def texts(store: MemoryStore, npc: str = "brynja", player: str | None = "ann") -> list[str]:
    return [memory.text for memory in store.recent(npc, player)]


@pytest.fixture
def full() -> MemoryStore:
    store = MemoryStore(None)
    fact = Fact(subject="Anna", predicate="lives in", object="Hollowfen", valid_from=0.0)
    store.commit(
        Changes(
            experiences=(
                experience("Ann asked for Anna.", facts=(fact,)),
                experience("Bob paid ten coins.", player="bob", kind="gift", importance=0.7, pad=(0.5, 0.1, 0.0)),
                experience("The bridge fell.", player=None, source="seen"),
                experience("Ann is a fraud.", npc="tom", source="told"),
            ),
            summaries=(
                Summary(npc="brynja", player="ann", level=1, first=1, last=1, game_time=1.0, text="Ann came by."),
            ),
            states=(
                StateDocument(npc="brynja", player="ann", name="mood", document={"pad": [0.1, 0, 0]}),
                StateDocument(npc="brynja", player="bob", name="mood", document={"pad": [0.9, 0, 0]}),
                StateDocument(npc="brynja", player=None, name="goals", document=["trade"]),
            ),
        )
    )
    return store


def test_each_character_remembers_what_it_perceived_itself(full: MemoryStore) -> None:
    assert texts(full) == ["Ann asked for Anna.", "The bridge fell."]
    assert texts(full, "tom") == ["Ann is a fraud."]
    assert texts(full, "nobody") == []


def test_what_one_player_did_is_private_to_it(full: MemoryStore) -> None:
    assert texts(full, player="bob") == ["Bob paid ten coins.", "The bridge fell."]
    assert texts(full, player=None) == ["The bridge fell."]
    assert full.facts("brynja", "bob") == []
    assert full.summaries("brynja", "bob") == []
    assert full.states("brynja", "bob") == {"mood": {"pad": [0.9, 0, 0]}}
    assert full.states("brynja", None) == {"goals": ["trade"]}
    recall = Recall(full)
    for player, other in (("ann", "Bob"), ("bob", "Anna"), (None, "Ann")):
        found = recall.memories(
            "Anna asked Bob for ten coins", npc="brynja", player=player, now=2.0, language="en", limit=50
        )
        assert found
        assert not any(other in memory.text for memory in found)


def test_the_latest_are_recent_oldest_first() -> None:
    with MemoryStore(None) as store:
        for number in range(30):
            tell(store, experience(str(number), player=("ann", None)[number % 2]))
        assert [memory.text for memory in store.recent("brynja", "ann", limit=4)] == ["26", "27", "28", "29"]


def test_a_turn_is_kept_as_a_whole_or_not_at_all() -> None:
    with MemoryStore(None) as store:
        wrong = StateDocument(npc="brynja", player="ann", name="mood", document=math.nan)
        with pytest.raises(ValueError, match="JSON"):
            store.commit(Changes(experiences=(experience("said"),), states=(wrong,)))
        with pytest.raises(ValueError, match="empty"):
            tell(store, experience("said"), experience("said", npc=" "))
        assert texts(store) == []
        tell(store, experience("said"))
        assert texts(store) == ["said"]


def test_states_are_bounded() -> None:
    with MemoryStore(None) as store:
        long = StateDocument(npc="brynja", player="ann", name="mood", document="x" * MOST_DOCUMENT)
        with pytest.raises(ValueError, match=f"at most {MOST_DOCUMENT}"):
            store.commit(Changes(states=(long,)))


def test_whatever_a_player_says_can_be_kept() -> None:
    with MemoryStore(None) as store:
        strange = ("a\0b", "half \ud83d pair", "שלום 👋🏽", "x" * 10_000_000, "'; DROP TABLE event; --")
        tell(store, *(experience(text) for text in strange))
        kept = texts(store)
        assert kept == ["a b", "half ? pair", "שלום 👋🏽", "x" * MOST_TEXT, "'; DROP TABLE event; --"]


def test_ids_and_numbers_are_bounded() -> None:
    with MemoryStore(None) as store:
        odd = experience("said", npc="n" * 999, importance=math.inf, game_time=math.nan, pad=(9.0, -9.0, math.nan))
        tell(store, odd)
        (kept,) = store.recent("n" * MOST_NAME, "ann")
        assert (kept.importance, kept.game_time, kept.pad) == (1.0, 0.0, (1.0, -1.0, 0.0))


def test_export_shows_everything_that_is_remembered_as_json(full: MemoryStore) -> None:
    shown = json.loads(json.dumps(full.export()))
    assert [one["text"] for one in shown["experiences"]] == [
        "Ann asked for Anna.",
        "Bob paid ten coins.",
        "The bridge fell.",
        "Ann is a fraud.",
    ]
    gift = shown["experiences"][1]
    assert gift.pop("id") > 0
    assert gift == {
        "npc": "brynja",
        "player": "bob",
        "game_time": 1.0,
        "kind": "gift",
        "text": "Bob paid ten coins.",
        "importance": 0.7,
        "pad": [0.5, 0.1, 0.0],
        "source": "seen",
    }
    assert [(one["npc"], one["player"], one["object"]) for one in shown["facts"]] == [("brynja", "ann", "Hollowfen")]
    assert [one["text"] for one in shown["summaries"]] == ["Ann came by."]
    assert {"npc": "brynja", "player": None, "name": "goals", "document": ["trade"]} in shown["states"]


def test_export_of_one_character_or_one_player(full: MemoryStore) -> None:
    assert [one["text"] for one in full.export("tom")["experiences"]] == ["Ann is a fraud."]
    assert [one["text"] for one in full.export(player="bob")["experiences"]] == ["Bob paid ten coins."]
    assert len(full.export("brynja", "ann")["states"]) == 1


def test_forgetting_a_player_leaves_the_others(full: MemoryStore) -> None:
    full.save("a")
    assert full.forget("brynja", "ann") == 1
    assert (texts(full), texts(full, player="bob")[0]) == (["The bridge fell."], "Bob paid ten coins.")
    assert (full.states("brynja", "ann"), full.facts("brynja", "ann")) == ({}, [])
    full.load("a")
    assert texts(full) == ["The bridge fell."]
    assert full.forget("brynja") == 2
    assert full.export("brynja")["states"] == []
    assert texts(full, "tom") == ["Ann is a fraud."]


def test_what_was_forgotten_on_demand_is_not_recalled(full: MemoryStore) -> None:
    recall = Recall(full)

    def recalled() -> set[str]:
        found = recall.memories("Anna and the bridge", npc="brynja", player="ann", now=2.0, language="en")
        return {memory.text for memory in found}

    assert recalled() == {"Ann asked for Anna.", "The bridge fell."}
    full.forget("brynja", "ann")
    assert recalled() == {"The bridge fell."}


def test_a_deleted_player_is_in_no_file_any_more(tmp_path: Path) -> None:
    with MemoryStore(tmp_path) as store:
        for number in range(50):
            tell(store, experience(f"Ann told secret {number}"), experience("Bob came", player="bob"))
            store.save(f"slot {number % 3}")
        tell(store, experience("Ann again: a secret", npc="tom"))
        assert b"secret" in b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert store.delete_player("ann") == 51
        assert b"secret" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert len(texts(store, player="bob")) == 20


def test_the_file_is_an_ordinary_database_that_others_can_read_meanwhile(tmp_path: Path) -> None:
    with MemoryStore(tmp_path) as store:
        tell(store, experience("said"))
        assert store.path == tmp_path / "memory.db"
        other = sqlite3.connect(store.path)
        assert other.execute("SELECT text FROM event").fetchall() == [("said",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        other.close()
