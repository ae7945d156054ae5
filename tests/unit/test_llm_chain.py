"""The chain: who answers, who goes on, what is told about it, and what it takes."""

import anyio
import pytest
from tests.unit._scripted_models import Clock, Script, Writer, is_a_model, standing, told

from npc_runtime.breaker import Breaker
from npc_runtime.errors import EngineError, ModelError, ServiceError
from npc_runtime.failover import Switch
from npc_runtime.llm.backend import Completion, Delta, Message, Metered
from npc_runtime.llm.chain import ModelChain, Terms
from npc_runtime.llm.grammar import OPENING, reply_grammar
from npc_runtime.llm.member import Member
from npc_runtime.spending import Price, Spent

pytestmark = pytest.mark.anyio

REQUEST = Completion(
    messages=(Message("system", "You are Brynja."), Message("user", "Who are you?")),
    grammar=reply_grammar((), max_sentences=3),
    opening=OPENING,
    max_sentences=3,
)
SILENT = ServiceError("It is silent.", hint="wait", failing="timeout")
REPLY: Script = ("[emotion joy]", " I am", " Brynja", ".")


def member(model: Writer, clock: Clock | None = None, **more: object) -> Member:
    return Member(is_a_model(model), Breaker(clock or Clock()), **more)  # type: ignore[arg-type]  # by keyword


async def test_the_preferred_one_answers() -> None:
    first, second = Writer("a", [REPLY]), Writer("b", [REPLY])
    text, finish = await told(ModelChain([member(first), member(second)]), REQUEST)
    assert text == "".join(map(str, REPLY))
    assert finish is not None and (finish.model, finish.prompt_tokens, finish.completion_tokens) == ("a", 100, 4)
    assert first.requests == [REQUEST] and not second.requests


async def test_the_next_one_goes_on_behind_the_last_word() -> None:
    first, second = (
        Writer("a", [("[emotion joy]", " I", " am Bryn", SILENT)]),
        Writer("b", [(" Brynja of Hollowfen.",)]),
    )
    text, finish = await told(ModelChain([member(first), member(second)]), REQUEST)
    assert text == "[emotion joy] I am Brynja of Hollowfen."
    [request] = second.requests
    assert (request.written, request.opening) == ("[emotion joy] I am", "")
    assert request.grammar != REQUEST.grammar and request.max_tokens < REQUEST.max_tokens
    assert finish is not None and finish.model == "b" and finish.completion_tokens == 3 + 1
    assert first.stopped == 1


async def test_whoever_begins_anew_begins_as_the_first_one_would_have() -> None:
    first, second = Writer("a", [("[emotion jo", SILENT)]), Writer("b", [REPLY])
    text, _ = await told(ModelChain([member(first), member(second)]), REQUEST)
    assert text == "".join(map(str, REPLY))
    assert second.requests == [REQUEST]


async def test_a_reply_that_was_whole_when_it_broke_off_is_not_continued() -> None:
    request = Completion(messages=REQUEST.messages, max_sentences=1)
    first, second = Writer("a", [("[emotion joy] Go away.", SILENT)]), Writer("b", [(" Now.",)])
    text, finish = await told(ModelChain([member(first), member(second)]), request)
    assert text == "[emotion joy] Go away." and finish is not None and finish.complete
    assert not second.requests
    first = Writer("a", [("Go away. [action leave]", SILENT)])
    text, finish = await told(ModelChain([member(first)]), REQUEST)
    assert text == "Go away. [action leave]" and finish is not None


async def test_an_action_that_goes_on_within_a_tag_is_not_handed_over_in_it() -> None:
    request = Completion(
        messages=REQUEST.messages, written="[joy] Aye. [", opening="action mend item=", max_sentences=3
    )
    first, second = Writer("a", [("action mend item=iron_", SILENT)]), Writer("b", [("action mend item=shield]",)])
    text, _ = await told(ModelChain([member(first), member(second)]), request)
    assert text == "action mend item=shield]"
    assert second.requests == [request]


async def test_what_nobody_finishes_fails_and_keeps_what_was_said() -> None:
    chain = ModelChain([member(Writer("a", [(" I am", " B", SILENT)])), member(Writer("b", [(KeyError("x"),)]))])
    heard = []
    with pytest.raises(
        EngineError, match=r"could answer. a: It is silent. b: It failed in an unexpected way"
    ) as caught:
        async with chain.stream(REQUEST) as items:
            async for item in items:
                heard += [item.text] if isinstance(item, Delta) else []
    assert "".join(heard) == " I am "
    assert caught.value.hint == "wait"


async def test_an_answer_without_an_end_has_broken_off() -> None:
    class Cut(Writer):
        async def start(self) -> None:
            self.write = lambda _: (" I am ", StopAsyncIteration())

    second = Writer("b", [(" Brynja.",)])
    text, _ = await told(ModelChain([member(Cut("a")), member(second)]), REQUEST)
    assert text == " I am Brynja."


async def test_a_model_of_this_machine_gets_a_second_chance_when_nobody_else_is_left() -> None:
    local, service = Writer("l", [(" I ", SILENT), (" am Brynja.",)]), Writer("s", [(SILENT,)])
    text, _ = await told(ModelChain([member(local, local=True), member(service)]), REQUEST)
    assert text == " I am Brynja."
    assert (len(local.requests), len(service.requests)) == (2, 1)


async def test_who_failed_is_left_alone_and_comes_back_and_both_are_told() -> None:
    clock, told_of = Clock(), list[Switch]()
    broken = ServiceError("The key is refused.", failing="key", hint="set another")
    first, second = Writer("a", [(broken,), REPLY]), Writer("b", [REPLY])
    members = [member(first, clock), member(second, clock)]
    chain = ModelChain(members).on_terms(Terms(switched=told_of.append))
    for _ in range(3):
        await told(chain, REQUEST)
    assert (len(first.requests), len(second.requests), standing(*members)) == (1, 3, ["open", "closed"])
    clock.at += 300
    await told(chain, REQUEST)
    assert told_of == [Switch("a", "b", "The key is refused.", "set another"), Switch("b", "a", "It works again.")]
    assert standing(*members) == ["closed", "closed"]


async def test_another_session_is_told_for_itself() -> None:
    first = Writer("a", [(ServiceError("No key.", failing="key"),)])
    chain, told_of = ModelChain([member(first), member(Writer("b", [REPLY]))]), list[Switch]()
    await told(chain, REQUEST)
    await told(chain.on_terms(Terms(switched=told_of.append)), REQUEST)
    assert told_of == [Switch("a", "b", "No key.")]


async def test_leaving_a_reply_stops_who_writes_and_counts_what_came() -> None:
    spent, price = list[Spent](), Price(1.0, 0.5, 10.0)
    first = Writer("a", [(" One", " two", " three", " four.")])
    chain = ModelChain([member(first, price=price)], Terms(spent=spent.append))
    async with chain.stream(REQUEST) as items:
        await anext(items)
        await anext(items)
        assert chain.busy
    assert first.stopped == 1 and not chain.busy
    [one] = spent
    assert one.completion_tokens == 2 and one.cost is not None and one.cost > 20e-6
    assert isinstance(items, Metered) and items.spent == one


async def test_what_both_took_is_known() -> None:
    spent = list[Spent]()
    paid = member(Writer("a", [(" I", " am", SILENT)]), price=Price(1.0, 0.5, 10.0))
    chain = ModelChain([paid, member(Writer("b", [(" Brynja.",)]), local=True)], Terms(spent=spent.append))
    async with chain.stream(REQUEST) as items:
        [_ async for _ in items]
    assert isinstance(items, Metered)
    assert [(one.model, one.completion_tokens, one.local) for one in spent] == [("a", 2, False), ("b", 1, True)]
    assert items.spent.cost == spent[0].cost and spent[1].cost is None
    assert items.spent.prompt_tokens == spent[0].prompt_tokens + 100


async def test_a_used_up_budget_keeps_services_out_from_the_next_reply_on() -> None:
    allowed, told_of = [True], list[Switch]()
    service, local = Writer("s", [(" I am", " Brynja.")]), Writer("l", [(" Aye.",)])
    terms = Terms(may_spend=lambda: allowed[0], switched=told_of.append)
    chain = ModelChain([member(service), member(local, local=True)], terms)
    async with chain.stream(REQUEST) as items:
        await anext(items)
        allowed[0] = False
        assert "".join([item.text async for item in items if isinstance(item, Delta)]) == "am Brynja."
    assert not local.requests
    assert (await told(chain, REQUEST))[0] == " Aye."
    assert told_of == [Switch("s", "l", "The budget for services is used up.")]
    with pytest.raises(EngineError, match="budget"):
        await told(ModelChain([member(service)], terms), REQUEST)


async def test_who_is_not_ready_is_waited_for_only_when_nobody_else_is() -> None:
    loading, other = Writer("l", [REPLY], ready=False), Writer("o", [REPLY])
    members = [member(loading, local=True), member(other)]
    chain = ModelChain(members)
    assert (await told(chain, REQUEST))[1] is not None
    assert (len(other.requests), loading.requests) == (1, [])
    with anyio.fail_after(2):  # meanwhile it is made ready
        while not loading.ready:
            await anyio.lowlevel.checkpoint()
    await told(chain, REQUEST)
    assert len(loading.requests) == 1
    alone = Writer("x", [REPLY], ready=False)
    await told(ModelChain([member(alone, local=True)]), REQUEST)
    assert alone.started == 1


async def test_it_starts_with_the_first_that_starts_and_who_stands_by_in_the_background() -> None:
    missing = Writer("m", [REPLY], start_error=ModelError("There is no file."), ready=False)
    good, standby, idle = (Writer(name, [REPLY], ready=False) for name in "gsi")
    members = [member(missing), member(good), member(standby, eager=True), member(idle)]
    chain = ModelChain(members)
    await chain.start()
    for _ in range(5):
        await anyio.lowlevel.checkpoint()
    assert (good.ready, standby.ready, idle.ready) == (True, True, False)
    with pytest.raises(ModelError, match="no file"):
        await ModelChain([member(missing)]).start()
    await chain.aclose()
    members[2].prepare()
    await anyio.lowlevel.checkpoint()
    assert not standby.ready, "it was started again after the end"


async def test_the_prompt_is_read_by_whoever_answers_and_whoever_stands_by() -> None:
    service, local = Writer("s"), Writer("l", small=True)
    chain = ModelChain([member(service), member(local, local=True, context_tokens=2048)])
    await chain.warm(Completion(messages=(Message("system", "You are Brynja."),), conversation="b"), said="Who")
    [(asked, said)] = service.warmed
    assert (asked.messages, said) == ((Message("system", "You are Brynja."),), "Who")
    [(asked, said)] = local.warmed
    assert (asked.messages, said) == ((Message("system", "You are Brynja."),), "Who")
    assert await chain.count(["one two"]) == [2]
    assert (chain.name, chain.small) == ("s", False)
