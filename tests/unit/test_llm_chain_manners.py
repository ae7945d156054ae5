"""The chain does not do what nobody asked for: load, read, announce, or forget what has to be paid."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from tests.unit._scripted_models import Clock, Script, Writer, is_a_model, told

from npc_runtime.breaker import Breaker
from npc_runtime.errors import EngineError, ServiceError
from npc_runtime.failover import Switch
from npc_runtime.llm.backend import Completion, Delta, Finish, Message
from npc_runtime.llm.chain import ModelChain, Terms
from npc_runtime.llm.member import Member
from npc_runtime.spending import Price, Spent

pytestmark = pytest.mark.anyio

REQUEST = Completion(messages=(Message("system", "You are Brynja."), Message("user", "Who are you?")), language="en")
TURKISH = replace(REQUEST, language="tr")
SILENT = ServiceError("It is silent.", hint="wait", failing="timeout")
REPLY: Script = (" I am", " Brynja.")


def member(model: Writer, clock: Clock | None = None, **more: object) -> Member:
    return Member(is_a_model(model), Breaker(clock or Clock()), **more)  # type: ignore[arg-type]  # by keyword


async def _settled() -> None:
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


async def test_a_reply_that_is_left_before_it_began_loads_nobody_else() -> None:
    service, spare = Writer("s", [REPLY]), Writer("l", [REPLY], ready=False)
    async with ModelChain([member(service), member(spare, local=True)]).stream(REQUEST):
        pass
    await _settled()
    async with ModelChain([member(service), member(spare, local=True)]).stream(REQUEST) as items:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(items)
    await _settled()
    assert spare.started == 0


async def test_whoever_could_not_be_asked_is_made_ready_for_the_next_time() -> None:
    failing, spare = Writer("s", [(SILENT,)]), Writer("l", [REPLY], ready=False)
    assert (await told(ModelChain([member(failing), member(spare, local=True)]), REQUEST))[0] == " I am Brynja."
    first, second = Writer("f", [REPLY], ready=False), Writer("s", [REPLY])
    await told(ModelChain([member(first, local=True), member(second)]), REQUEST)
    await _settled()
    assert (spare.started, first.started) == (1, 1)


async def test_who_is_never_asked_in_a_language_reads_nothing_in_it() -> None:
    service, english, other = Writer("s", [REPLY]), Writer("e", [REPLY], languages=["en"]), Writer("o", [REPLY])
    chain = ModelChain([member(service), member(english, local=True), member(other, local=True)])
    await told(chain, TURKISH)
    await chain.warm(replace(TURKISH, messages=TURKISH.messages[:-1]), said="Kim")
    await _settled()
    assert not english.warmed
    assert [said for _, said in other.warmed] == ["Who are you?", "Kim"]


async def test_characters_of_two_languages_are_no_news() -> None:
    news = list[Switch]()
    english, service = Writer("e", [REPLY, REPLY, (SILENT,)], languages=["en"]), Writer("s", [REPLY])
    chain = ModelChain([member(english, local=True), member(service)]).on_terms(Terms(switched=news.append))
    for request in (REQUEST, TURKISH, REQUEST, TURKISH):
        await told(chain, request)
    assert not news
    await told(chain, REQUEST)
    assert news == [Switch("e", "s", "It is silent.", "wait")]


async def test_what_never_failed_does_not_work_again() -> None:
    allowed, news = [False], list[Switch]()
    service, local = Writer("s", [REPLY]), Writer("l", [REPLY])
    terms = Terms(may_spend=lambda: allowed[0], switched=news.append)
    chain = ModelChain([member(service), member(local, local=True)], terms)
    await told(chain, REQUEST)
    allowed[0] = True
    await told(chain, REQUEST)
    assert [switch.reason for switch in news] == ["The budget for services is used up.", "It can be asked again."]


class Patient(Writer):
    """Never comes to the first token."""

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        async def items() -> AsyncIterator[Delta | Finish]:
            await anyio.sleep_forever()
            yield Delta("")

        yield items()


async def _left(one: Member) -> list[Spent]:
    """What a reply is said to have taken that was left before its first token."""
    spent = list[Spent]()
    async with ModelChain([one], Terms(spent=spent.append)).stream(REQUEST) as items:
        with anyio.move_on_after(0.05):
            await anext(items)
    return spent


async def test_a_prompt_that_was_read_for_nothing_is_paid_for() -> None:
    [one] = await _left(member(Patient("s"), price=Price(1.0, 0.5, 10.0)))
    assert one.prompt_tokens > 0 == one.completion_tokens and one.cost == one.prompt_tokens / 1e6
    assert not await _left(member(Patient("l"), local=True))
    spent = list[Spent]()
    chain = ModelChain([member(Writer("f", [(SILENT,)]))], Terms(spent=spent.append))
    with pytest.raises(EngineError):
        await told(chain, REQUEST)
    assert not spent, "what fails before it writes is not charged"


async def test_nothing_is_passed_on_for_a_failure() -> None:
    first, second = Writer("a", [(SILENT,)]), Writer("b", [REPLY])
    async with ModelChain([member(first), member(second)]).stream(REQUEST) as items:
        pieces = [item.text async for item in items if isinstance(item, Delta)]
    assert "".join(pieces) == " I am Brynja." and len(pieces) <= len(REPLY) + 1
    assert pieces[0], "an empty piece would count as the first token"


class Slow(Writer):
    """Takes a while to start."""

    async def start(self) -> None:
        await anyio.sleep(0.05)
        await super().start()


async def test_a_model_that_is_being_made_ready_is_waited_for_where_nobody_else_is_left() -> None:
    clock = Clock()
    local = Slow("l", [(SILENT,), (SILENT,), REPLY])
    one = member(local, clock, local=True)
    with pytest.raises(EngineError):
        await told(ModelChain([one]), REQUEST)
    assert one.breaker.state == "open"
    clock.at += 10
    local.ready = False
    one.prepare()
    await anyio.lowlevel.checkpoint()
    assert (await told(ModelChain([one]), REQUEST))[0] == " I am Brynja."
