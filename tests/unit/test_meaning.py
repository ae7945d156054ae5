"""The embedder as the chronicle lends it: to goals and packs in the background, and to a turn for its line."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import anyio
import numpy as np
import pytest

from npc_runtime.character.memory.embedder import Embedder, Vectors
from npc_runtime.character.memory.lending import Attentive, Known, Yielding
from npc_runtime.character.nature import Natures
from npc_runtime.chronicle import Chronicle
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.errors import EngineError, NpcError
from npc_runtime.lane import BACKGROUND
from npc_runtime.lives import Lives
from npc_runtime.scene import Player

pytestmark = pytest.mark.anyio

Result = TypeVar("Result")
SMITH = CharacterFile.model_validate(
    {
        "name": "Brynja",
        "persona": {"summary": "A smith."},
        "knowledge": {"facts": ["The bridge is out."]},
        "goals": [
            {"id": "mend", "when": {"intent": ["can you mend my sword"]}, "do": [{"say": "Aye."}]},
            {"id": "buy", "when": {"intent": ["I want to buy a sword"]}, "do": [{"say": "Aye."}]},
        ],
    }
).with_id("smith")


class Letters:
    """An embedder that counts letters, and notes what it was asked for and in which thread."""

    name = "letters"
    dimensions = 3

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.threads: set[int] = set()

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        self.asked += [(text, query) for text in texts]
        self.threads.add(threading.get_ident())
        rows = [[text.count("a") + 1, text.count("e") + 1, text.count("s") + 1] for text in texts]
        vectors = np.array(rows, np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def never(_: NpcError) -> None:
    raise AssertionError("nothing should go wrong")


def test_the_latest_queries_are_known() -> None:
    letters = Letters()
    attentive = Attentive(letters)
    first = attentive.embed(["a  sword"], query=True)
    assert np.array_equal(attentive.embed(["a sword "], query=True), first)
    attentive.embed(["a sword"], query=False)
    assert letters.asked == [("a  sword", True), ("a sword", False)]
    for number in range(20):
        attentive.embed([str(number)], query=True)
    attentive.embed(["a sword"], query=True)
    assert letters.asked[-1] == ("a sword", True)


def test_long_work_asks_between_texts_whether_to_stop() -> None:
    letters = Letters()

    def check() -> None:
        if len(letters.asked) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        Yielding(letters, check).embed(["a", "b", "c"], query=False)
    willing = Yielding(letters, lambda: None)
    assert np.array_equal(willing.embed(["a", "sea"], query=True), letters.embed(["a", "sea"], query=True))


def test_what_was_made_before_is_looked_up() -> None:
    letters = Letters()
    vector = letters.embed(["sea"], query=True)[0]
    known = Known("letters", 3, {("sea", True): vector})
    assert np.array_equal(known.embed(["sea", "sea"], query=True), np.stack([vector, vector]))
    with pytest.raises(KeyError):
        known.embed(["sea"], query=False)


async def until(true: Callable[[], Any]) -> None:
    with anyio.fail_after(60):
        while not true():  # noqa: ASYNC110
            await anyio.sleep(0.005)


async def lent(chronicle: Chronicle) -> None:
    """Wait until the embedder is there."""
    with anyio.fail_after(60):
        while await chronicle.meaning(lambda embedder: embedder.name) is None:  # noqa: ASYNC110
            await anyio.sleep(0.005)


async def test_nothing_without_an_embedder() -> None:
    async with Chronicle(None, warn=never, find=lambda _: None) as chronicle:
        assert await chronicle.meaning(lambda embedder: embedder.dimensions) is None
        life = Lives(MonotonicClock(), chronicle).of(SMITH, Player())
        assert await life.vector("a sword") is None
    assert await Lives(MonotonicClock()).of(SMITH, Player()).vector("a sword") is None


async def test_the_embedder_works_in_one_thread_that_is_not_the_loops() -> None:
    letters = Letters()
    async with Chronicle(None, warn=never, find=lambda _: letters) as chronicle:
        await lent(chronicle)
        life = Lives(MonotonicClock(), chronicle).of(SMITH, Player())
        vector = await life.vector("a sword")
        assert vector is not None and np.array_equal(vector, letters.embed(["a sword"], query=True)[0])
        letters.threads.clear()
        await life.vector("another sword")
        await chronicle.meaning(lambda embedder: embedder.embed(["x"], query=False), rank=BACKGROUND)
        assert len(letters.threads) == 1 and threading.get_ident() not in letters.threads


async def test_an_embedder_that_fails_costs_no_turn() -> None:
    told: list[NpcError] = []

    class Broken(Letters):
        def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
            raise EngineError("The embedder failed on a text.")

    async with Chronicle(None, warn=told.append, find=lambda _: Broken()) as chronicle:
        await lent(chronicle)
        life = Lives(MonotonicClock(), chronicle).of(SMITH, Player())
        assert await life.vector("a sword") is None
        assert await life.vector("another sword") is None
    assert [error.message for error in told] == ["The embedder failed on a text."]


class Lends:
    """Lends an embedder at once, or none."""

    def __init__(self, embedder: Embedder | None) -> None:
        self.embedder = embedder
        self.asked = 0

    async def meaning(self, work: Callable[[Embedder], Result], *, rank: int = 0) -> Result | None:
        assert rank == BACKGROUND
        self.asked += 1
        return work(self.embedder) if self.embedder is not None else None


async def test_characters_get_their_vectors_in_the_background() -> None:
    natures = Natures(Library())
    before = natures.of(SMITH)
    letters = Letters()
    lender = Lends(None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(natures.learn, lender)
        await until(lambda: lender.asked > 1)
        assert not natures.of(SMITH).by_meaning
        lender.embedder = letters
        await until(lambda: natures.of(SMITH).by_meaning)
        tasks.cancel_scope.cancel()
    after = natures.of(SMITH)
    assert after.goals is not before.goals and after.character is SMITH
    assert after.knowledge.shelves[0].vectors is not None
    assert sorted(letters.asked) == [
        ("I want to buy a sword", True),
        ("The bridge is out.", False),
        ("can you mend my sword", True),
    ]
