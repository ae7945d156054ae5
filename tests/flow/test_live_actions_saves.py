"""Actions and saves of the game: what is remembered of them, and what another story knows of them. In real time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.flow._errands import answer, ask, latest, prompt, smithy, told
from tests.flow._scripted import LoopClock, Mouth
from tests.flow._village import minds

from npc_runtime.chronicle import Chronicle
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, NpcError
from npc_runtime.lives import Lives

if TYPE_CHECKING:
    from tests.flow.conftest import Play

pytestmark = pytest.mark.anyio

AYE = "[emotion neutral normal] Aye."
LIFT = "do lift {}"
WORDS = "lift (failed: the great anvil of Hollowfen)"
ABOUT = "What of the great anvil of Hollowfen?"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return smithy(tmp_path)


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    trouble: list[NpcError] = []
    async with Chronicle(tmp_path / "state", embedder="none", warn=trouble.append) as chronicle:
        yield Lives(LoopClock(), chronicle)
    assert trouble == []


async def test_how_an_action_ended_comes_to_mind_later(play: "Play", lives: Lives) -> None:
    async with play(mind=minds(AYE), mouth=Mouth(0.0, 0.0), lives=lives) as game:
        await ask(game, "Lift the anvil!", LIFT)
        await answer(game, "failed", message="the great anvil of Hollowfen")
        await game.until("end done")
        await anyio.sleep(0.05)
    async with play(mind=minds(AYE), mouth=Mouth(0.0, 0.0), lives=lives) as game:
        await ask(game, ABOUT, "end done")
        assert WORDS in prompt(game)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_another_story_knows_nothing_of_an_action(play: "Play", lives: Lives, elsewhere: bool) -> None:
    async with (
        play(mind=minds(AYE), mouth=Mouth(0.0, 0.0), lives=lives) as game,
        play(mind=minds(AYE), mouth=Mouth(0.0, 0.0), lives=lives) as other,
    ):
        await game.send("save", slot="one")
        await ask(game, "Mend my sword!", "do mend {}")
        await game.interrupt()
        await ask(game, "Lift the anvil!", LIFT)
        before = await game.settle()
        await (other if elsewhere else game).send("load", slot="one")
        if elsewhere:
            await answer(game, "failed", message="the great anvil of Hollowfen")
            await game.until("end done")
        else:
            await game.settle()
            assert told(game, before) == ["end interrupted"]
            with pytest.raises(InputError) as over:
                await answer(game, "failed", message="the great anvil of Hollowfen")
            assert over.value.code == "action_over"
        await anyio.sleep(0.05)
        await ask(game, ABOUT, "end done")
        assert "You failed" not in prompt(game) and WORDS not in prompt(game)
        await ask(game, "Mend my sword!", "do mend {}")  # it has not been mended in this story
        assert latest(game).name == "mend"
