"""Recall: the right memory first, by words, meaning, importance, age and mood; and nothing that a player can break."""

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from npc_runtime.character.memory import view
from npc_runtime.character.memory.forgetting import GROWTH, TAU, THRESHOLD
from npc_runtime.character.memory.recall import CONTEXT, HALF_LIFE, Recall
from npc_runtime.character.memory.records import Changes, Experience, Memory
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.errors import EngineError

DAY = 86400.0


def experience(text: str, at: float = 0.0, **more: Any) -> Experience:
    return Experience(
        **{
            "npc": "brynja",
            "player": "ann",
            "game_time": at,
            "kind": "dialogue",
            "text": text,
            "importance": 0.5,
            **more,
        }
    )


def holding(*experiences: Experience) -> MemoryStore:
    store = MemoryStore(None)
    store.commit(Changes(experiences=experiences))
    return store


def ask(source: MemoryStore | Recall, text: str, **more: Any) -> list[Memory]:
    recall = source if isinstance(source, Recall) else Recall(source)
    return recall.memories(text, **{"npc": "brynja", "player": "ann", "now": 0.0, "language": "en", **more})


def test_of_two_alike_the_newer_is_worth_more() -> None:
    store = holding(experience("a wolf", 0.0), experience("a wolf", HALF_LIFE))
    newer, older = ask(store, "the wolf", now=HALF_LIFE)
    assert newer.id > older.id
    # (3 · 1 + 1 · .5 + .5 · 1) / 4.5 and (3 · 1 + 1 · .5 + .5 · .5) / 4.5
    assert newer.score == pytest.approx(4 / 4.5)
    assert older.score == pytest.approx(3.75 / 4.5)


def test_what_fits_the_question_beats_what_is_important() -> None:
    store = holding(experience("a wolf", importance=0.1), experience("the king died", DAY, importance=1.0))
    wolf, king = ask(store, "the wolf", now=DAY)
    # (3 · 1 + 1 · .1 + .5 · .5^(1/5.75)) / 4.5 and (3 · 0 + 1 · 1 + .5 · 1) / 4.5
    assert wolf.text == "a wolf"
    assert wolf.score == pytest.approx((3.1 + 0.5 * 0.5 ** (24 / 138)) / 4.5)
    assert king.score == pytest.approx(1.5 / 4.5)
    assert king.relevance == 0.0


def test_a_memory_in_the_same_mood_is_worth_a_tenth_more_at_most() -> None:
    glad, sad = experience("a wolf", pad=(1.0, 0.0, 0.0)), experience("a wolf", pad=(-0.8, 0.0, 0.0))
    store = holding(glad, experience("nothing", 50 * DAY), sad)

    def scores(pleasure: float) -> dict[float, float]:
        found = ask(store, "wolf", mood=(pleasure, 0.0, 0.0))
        return {memory.pad[0]: round(memory.score, 6) for memory in found if memory.text == "a wolf"}

    # (3 · 1 + 1 · .5 + .5 · 1) / 4.5, and .1 · (mood · feeling) where that is positive
    assert scores(0.0) == {1.0: 0.888889, -0.8: 0.888889}
    assert scores(1.0) == {1.0: 0.988889, -0.8: 0.888889}
    assert scores(-0.5) == {1.0: 0.888889, -0.8: 0.928889}


def test_an_answer_is_found_by_the_question_before_it() -> None:
    store = holding(
        experience("Where is your brother?", 0.0),
        experience("He never came back.", 20.0),
        experience("A rainy day.", 3 * DAY),
    )
    found = {memory.text: memory.relevance for memory in ask(store, "brother", now=3 * DAY)}
    assert found == {"Where is your brother?": 1.0, "He never came back.": CONTEXT, "A rainy day.": 0.0}


def test_without_memories_there_is_nothing() -> None:
    assert ask(MemoryStore(None), "wolves") == []
    assert ask(holding(experience("a wolf", npc="tom")), "wolves") == []
    assert ask(holding(experience("a wolf", player="bob")), "wolves") == []


def test_what_fits_nothing_says_so() -> None:
    store = holding(experience("a wolf"), experience("a bridge"))
    assert [memory.relevance for memory in ask(store, "the of and")] == [0.0, 0.0]
    assert [memory.relevance for memory in ask(store, "dragons")] == [0.0, 0.0]


def test_as_many_as_wanted_the_best_first() -> None:
    store = holding(*(experience(f"wolf {number}", number * DAY) for number in range(100)))
    found = ask(store, "wolf", now=100 * DAY, limit=7)
    assert [memory.text for memory in found] == [f"wolf {number}" for number in range(99, 92, -1)]
    assert len(ask(store, "wolf", limit=500)) == 100


def test_what_was_said_since_is_found() -> None:
    store = holding(experience("a wolf"))
    recall = Recall(store)
    ask(recall, "bread")
    store.commit(Changes(experiences=(experience("fresh bread", 10 * DAY),)))
    assert ask(recall, "bread", now=10 * DAY)[0].text == "fresh bread"


def test_what_is_trivial_is_forgotten_and_promises_are_not() -> None:
    gone = TAU * math.log(0.1 / THRESHOLD)
    store = holding(
        experience("small talk about a wolf", importance=0.1),
        experience("I promise you the wolf", importance=0.1, kind="promise"),
        experience("find the wolf", importance=0.1, kind="quest"),
        experience("the wolf killed my brother", importance=0.9),
    )
    assert len(ask(store, "wolf", now=gone - 1)) == 4
    assert {memory.kind for memory in ask(store, "wolf", now=gone + 1)} == {"promise", "quest", "dialogue"}
    assert len(ask(store, "wolf", now=gone + 1)) == 3
    assert len(store.recent("brynja", "ann")) == 4


def test_what_is_used_is_forgotten_later() -> None:
    store = holding(experience("small talk about a wolf", importance=0.1))
    (used,) = ask(store, "wolf")
    store.commit(Changes(recalled=(used.id, 999), game_time=DAY))
    gone = DAY + TAU * GROWTH * math.log(0.1 / THRESHOLD)
    assert len(ask(store, "wolf", now=gone - 1)) == 1
    assert ask(store, "wolf", now=gone + 1) == []


def test_recalling_changes_nothing() -> None:
    store = holding(experience("a wolf"), experience("a bridge"))
    before = store.export()
    recall = Recall(store)
    assert ask(recall, "wolf", now=DAY) == ask(recall, "wolf", now=DAY)
    assert store.export() == before


def test_players_and_save_games_do_not_shift_each_others_scores() -> None:
    store = holding(experience("a wolf by the bridge"), experience("the bridge and the mine"))
    alone = ask(store, "wolf bridge")
    store.save("a")
    store.commit(Changes(experiences=tuple(experience("wolf wolf wolf", player="bob") for _ in range(50))))
    assert ask(store, "wolf bridge") == alone
    store.commit(Changes(experiences=tuple(experience("wolf wolf wolf") for _ in range(50))))
    store.load("a")
    assert ask(store, "wolf bridge") == alone


HOSTILE = (
    '"',
    "wolf* OR text:*",
    "NEAR(wolf crossing)",
    "wolf AND NOT (",
    "a\0wolf",
    "\ud83d wolf",
    "🐺🐺",
    "-wolf",
    "",
    " ",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", ["en", "de", "tr", "xx"])
def test_nothing_a_player_writes_has_a_special_meaning(text: str, language: str) -> None:
    store = holding(experience("a wolf"), experience("a bridge", 2 * DAY))
    found = ask(store, text, language=language)
    assert [memory.relevance for memory in found if memory.text == "a bridge"] == [0.0]
    assert found[0].relevance == (1.0 if "wolf" in text else 0.0)


def test_ten_million_characters_are_a_question_too() -> None:
    store = holding(experience("a wolf"), experience("a bridge", 2 * DAY))
    assert ask(store, "wolf " * 2_000_000)[0].text == "a wolf"


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=60), max_size=6), query=st.text(max_size=60))
def test_any_texts_and_any_question(texts: list[str], query: str) -> None:
    found = ask(holding(*(experience(text) for text in texts)), query, limit=99)
    assert len(found) == len(texts)
    assert all(0.0 <= memory.relevance <= 1.0 and 0.0 <= memory.score <= 1.1 for memory in found)


class Meaning:
    """An embedder that knows two things: animals and buildings."""

    name = "meaning"
    dimensions = 3

    def __init__(self) -> None:
        self.broken = False

    def embed(self, texts: Sequence[str], *, query: bool) -> NDArray[np.float32]:
        if self.broken:
            raise EngineError("it broke")
        rows = [[("wolf" in text or "beast" in text), ("bridge" in text or "crossing" in text), 0.1] for text in texts]
        made = np.array(rows, np.float32)
        normalised: NDArray[np.float32] = made / np.linalg.norm(made, axis=1, keepdims=True)
        return normalised


def test_an_embedder_finds_other_words_for_it() -> None:
    store = holding(experience("a wolf"), experience("a bridge", 2 * DAY))
    recall = Recall(store, embedder=Meaning())
    assert recall.embed_some(1) == 1
    assert recall.embed_some() == 1
    assert recall.embed_some() == 0
    first, second = ask(recall, "a beast", now=2 * DAY)
    assert (first.text, first.relevance, second.relevance) == ("a wolf", 0.5, 0.0)
    assert [memory.relevance for memory in ask(recall, "wolf")] == [1.0, 0.0]
    assert ask(store, "a beast")[0].relevance == 0.0


def test_what_has_no_vector_yet_is_found_by_its_words_and_later_by_both() -> None:
    store, meaning = holding(experience("a wolf"), experience("a bridge", 2 * DAY)), Meaning()
    recall = Recall(store, embedder=meaning)
    while recall.embed_some():
        pass
    store.commit(Changes(experiences=(experience("the wolf", 4 * DAY),)))

    def relevance(question: str) -> dict[str, float]:
        return {memory.text: memory.relevance for memory in ask(recall, question, now=4 * DAY)}

    assert relevance("beast") == {"a wolf": 0.5, "a bridge": 0.0, "the wolf": 0.0}
    assert relevance("wolf") == {"a wolf": 1.0, "a bridge": 0.0, "the wolf": 1.0}
    recall.embed_some()
    assert relevance("beast") == {"a wolf": 0.5, "a bridge": 0.0, "the wolf": 0.5}
    meaning.broken = True
    assert relevance("wolf beast") == {"a wolf": 1.0, "a bridge": 0.0, "the wolf": 1.0}


def test_what_was_loaded_away_leaves_no_vector_behind() -> None:
    store = holding(experience("a wolf"), experience("a king", DAY))
    recall = Recall(store, embedder=Meaning())
    store.save("a")
    store.commit(Changes(experiences=(experience("a bridge", 2 * DAY),)))
    recall.embed_some()
    assert ask(recall, "crossing")[0].text == "a bridge"
    store.load("a")
    store.commit(Changes(experiences=(experience("a mine", 2 * DAY),)))
    assert {memory.text: memory.relevance for memory in ask(recall, "crossing")}["a mine"] == 0.0


def test_vectors_of_another_embedder_are_made_anew() -> None:
    class Other(Meaning):
        name = "other"

    store = holding(experience("a wolf"), experience("a bridge", 2 * DAY))
    assert Recall(store, embedder=Meaning()).embed_some() == 2
    other = Recall(store, embedder=Other())
    assert ask(other, "a beast")[0].relevance == 0.0
    assert other.embed_some() == 2
    assert ask(other, "a beast")[0].relevance == 0.5


def test_of_very_many_memories_the_newest_and_the_promises_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MOST_IN_VIEW", 40)
    monkeypatch.setattr(view, "MOST_IN_VIEWS", 40)
    store = holding(experience("I promise", kind="promise"), *(experience(f"wolf {number}") for number in range(100)))
    recall = Recall(store)
    assert len(ask(recall, "wolf", limit=999)) == 41
    for number in range(100, 130):
        store.commit(Changes(experiences=(experience(f"wolf {number}"),)))
        found = ask(recall, "wolf", limit=999)
        assert 41 <= len(found) <= 51
        assert {f"wolf {number}", f"wolf {number - 39}", "I promise"} <= {memory.text for memory in found}


def test_asking_about_many_characters_gives_the_same_as_about_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MOST_IN_VIEWS", 5)
    chance = random.Random(1)
    names = [f"npc {number}" for number in range(6)]
    store = holding(*(experience(f"wolf of {chance.choice(names)}", npc=name) for name in names * 2))
    recall = Recall(store)
    for name in chance.choices(names, k=30):
        assert ask(recall, "wolf", npc=name) == ask(store, "wolf", npc=name)
