"""Failover without resuming: the first that works does it."""

import pytest
from tests.unit._scripted_models import Clock

from npc_runtime.breaker import Breaker
from npc_runtime.errors import AudioError, EngineError, ServiceError
from npc_runtime.failover import Standby, Switch, first_that_works

pytestmark = pytest.mark.anyio


def standbys(*names: str) -> list[Standby[str]]:
    clock = Clock()
    return [Standby(name, name, Breaker(clock, failures=1)) for name in names]


class Working:
    """Does it as some names do; notes who was asked."""

    def __init__(self, **failing: Exception) -> None:
        self.failing = failing
        self.asked: list[str] = []

    async def __call__(self, name: str) -> str:
        self.asked.append(name)
        if name in self.failing:
            raise self.failing[name]
        return f"by {name}"


async def test_the_next_one_does_it_and_that_is_told_once() -> None:
    told: list[Switch] = []
    ears, working = standbys("groq", "whisper"), Working(groq=ServiceError("It is silent.", hint="wait"))
    for _ in range(3):
        assert await first_that_works(ears, working, what="listen", switched=told.append) == "by whisper"
    assert working.asked == ["groq", "whisper", "whisper", "whisper"]
    assert told == [Switch("groq", "whisper", "It is silent.", "wait")]
    notice = told[0].notice(turn=3)
    assert (notice.code, notice.turn, notice.hint) == ("switched", 3, "wait")
    assert notice.message == "whisper takes over from groq: It is silent."


async def test_when_nobody_can_all_reasons_are_told() -> None:
    working = Working(a=ServiceError("A is silent.", hint="wait"), b=KeyError("oops"))
    mouths = standbys("a", "b")
    with pytest.raises(EngineError, match=r"could speak.*a: A is silent.*b: It failed in an unexpected way") as caught:
        await first_that_works(mouths, working, what="speak")
    assert caught.value.hint == "wait"
    with pytest.raises(EngineError, match="all have failed lately"):
        await first_that_works(mouths, working, what="speak")


async def test_what_is_wrong_for_all_is_nobodys_fault() -> None:
    ears = standbys("a", "b")
    with pytest.raises(AudioError):
        await first_that_works(ears, Working(a=AudioError("No sound.")), what="listen")
    assert [one.breaker.state for one in ears] == ["closed", "closed"]
