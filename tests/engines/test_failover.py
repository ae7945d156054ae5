"""Real models, of which one dies or hangs within a reply: the other one ends it, and nothing is said twice."""

import importlib.util
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from npc_runtime.llm.backend import Completion, Finish, Message, Role
from npc_runtime.llm.child import ChildConfig
from npc_runtime.llm.fit import fitted, simplified
from npc_runtime.llm.grammar import OPENING
from npc_runtime.llm.local import LocalModel
from npc_runtime.llm.prompt import PER_MESSAGE

if TYPE_CHECKING:
    from _failing import Pair

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

HELPER = Path(__file__).parents[1] / "bench" / "_failing.py"
ROLES: tuple[Role, ...] = ("user", "assistant")


def _helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_failing", HELPER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_failing"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


failing = _helper()


@pytest.fixture
async def pair(gguf: Path) -> AsyncIterator["Pair"]:
    async with _running(failing.Pair(gguf)) as both:
        yield both


@asynccontextmanager
async def _running(both: "Pair") -> AsyncIterator["Pair"]:
    await both.start()
    try:
        yield both
    finally:
        await both.aclose()


async def test_a_turn_survives_a_death_at_any_point(pair: "Pair") -> None:
    whole = await pair.turn(("never", 0))
    assert whole.sentences and whole.model == "first" and not whole.switches
    for point in failing.points(5, pair.first.tokens):
        told = await pair.turn(point)
        assert pair.first.at, point
        assert told.sentences and told.words[: len(told.before)] == told.before, (point, told)
        assert not told.twice, (point, told)
        assert told.actions <= 1, (point, told)
        if told.switches:
            assert told.switches[0].to_name == told.model == "second", (point, told)
            assert "stopped in the middle" in told.switches[0].reason


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process cannot be stopped here")
async def test_a_turn_survives_one_that_hangs(gguf: Path) -> None:
    async with _running(failing.Pair(gguf, timeout=4.0)) as pair:
        told = await pair.turn(("tokens", 6), hang=True)
    assert told.before and told.sentences and not told.twice
    assert "did not answer for 4 s" in told.switches[0].reason


async def test_the_embedded_model_can_answer_what_a_large_one_was_asked(gguf: Path) -> None:
    model = LocalModel("smollm2", ChildConfig("xllamacpp", str(gguf), "", 2048, 1, 0, 1, 2, 0), again=False)
    said = [Message(role, f"{n}: }}{{)( Die Straße nach Hollowfen, kılıç! " * 12) for n in range(8) for role in ROLES]
    system = Message("system", "You are Brynja. A smith.\n" + "剣 )({} " * 900 + "\nBegin like [emotion joy weak].")
    asked = Completion(
        messages=(system, *said, Message("user", "(Place: smithy. Tamsin says:)\n" + "Who are you? ~}{ " * 400)),
        opening=OPENING,
        max_sentences=2,
        max_tokens=400,
        seed=1,
    )
    try:
        await model.start()
        for request in (asked, simplified(asked)):
            for window in (2048, 512):
                fit = await fitted(request, context_tokens=window, count=model.count)
                [whole] = await model.count(["\n".join([*(message.text for message in fit.messages), fit.written])])
                most = window - fit.max_tokens - PER_MESSAGE * len(fit.messages)
                assert window // 4 < whole <= most
        async with model.stream(replace(fit, max_tokens=4)) as items:
            *deltas, finish = [item async for item in items]
        assert deltas and isinstance(finish, Finish)
        assert finish.prompt_tokens + fit.max_tokens <= 512
    finally:
        await model.aclose()
