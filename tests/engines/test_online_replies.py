"""What an online model makes of a service: three forms of replies, both APIs, keys, and servers on this machine."""

import gc
import inspect
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace

import anyio
import pytest
from tests._fault_server import DONE, Answer, Drop, FaultServer, Pause, call, chunk, error, event, reply
from tests.engines._online import ASK, KEY, LONG, failure, model, run

from npc_runtime.llm.backend import Delta, Finish
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.providers import Capabilities, Providers, custom

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


async def test_a_reply_and_what_it_cost(server: FaultServer) -> None:
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 20}}
    server.script(Answer(reply("[emotion joy] He", "llo.", usage=usage)))
    text, finish = await run(model(server, can=Capabilities(usage=True)), replace(ASK, opening="[emotion"))
    assert text == "[emotion joy] Hello."
    assert finish == Finish(complete=True, prompt_tokens=50, cached_tokens=20, completion_tokens=7)
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


async def test_what_is_not_told_is_estimated_and_counting_learns_from_what_is(server: FaultServer) -> None:
    mind = model(server)
    [before] = await mind.count(["Hello there, smith."])
    server.script(Answer(reply("Aye.")), Answer(reply("Aye.", usage={"prompt_tokens": 17, "completion_tokens": 1})))
    for _ in range(2):
        async with mind.stream(ASK) as items:
            found = [item async for item in items if isinstance(item, Finish)]
        assert found[0].prompt_tokens > 0
        assert found[0].completion_tokens > 0
    [after] = await mind.count(["Hello there, smith."])
    assert after < before
    await mind.aclose()


JSON = json.dumps(
    {"emotion": "joy", "strength": "weak", "speech": "Aye, I will.", "actions": [{"action": "mend", "item": "axe"}]}
)
SAME = "[emotion joy weak] Aye, I will. [action mend item=axe]"


async def test_json_and_tools_and_tags_say_the_same(server: FaultServer) -> None:
    can = Capabilities(json_schema=True, tools=True)
    server.script(Answer(reply(*JSON)))
    assert (await run(model(server, can=can, reply_format="json")))[0] == SAME
    pieces = [call(0, "mend"), call(0, "", '{"item"'), call(0, "", ': "axe"}')]
    steps = [chunk("[emotion joy weak] Aye, I will."), *(chunk(calls=[piece]) for piece in pieces)]
    server.script(Answer([*steps, chunk(finish="tool_calls"), DONE]))
    assert (await run(model(server, can=can, reply_format="tools")))[0] == SAME
    server.script(Answer(reply(*SAME)))
    assert (await run(model(server, can=can, reply_format="tags")))[0] == SAME


@pytest.mark.parametrize("finish", ["length", "tool_calls"])
async def test_half_a_call_is_left_out_and_nothing_else(server: FaultServer, finish: str) -> None:
    calls = [call(0, "mend", '{"item": "axe"}'), call(1, "mend", '{"item": "sw')]
    server.script(Answer([chunk("Aye."), *(chunk(calls=[one]) for one in calls), chunk(finish=finish), DONE]))
    text, end = await run(model(server, can=Capabilities(tools=True), reply_format="tools"))
    assert text == "Aye. [action mend item=axe]"
    assert end.complete == (finish == "tool_calls")


async def test_going_on_behind_what_another_wrote(server: FaultServer) -> None:
    server.script(Answer(reply("[emotion anger] Aye. That bla", "de is a dis", "grace. Leave it.")))
    text, _ = await run(model(server), replace(ASK, written="[emotion anger] Aye. That blade is"))
    assert text == " a disgrace. Leave it."
    server.script(Answer(reply("Aye.")))
    text, _ = await run(model(server), replace(ASK, written="[emotion anger] Aye."))
    assert text == ""


async def test_a_refused_form_is_not_asked_for_again(server: FaultServer) -> None:
    can = Capabilities(json_schema=True, usage=True)
    server.script(
        error(400, "'response_format' is not supported with this model"),
        error(400, "unknown field stream_options"),
        Answer(reply(SAME)),
    )
    mind = model(server, can=can, reply_format="json")
    for _ in range(2):
        async with mind.stream(ASK) as items:
            assert "".join([item.text async for item in items if isinstance(item, Delta)]) == SAME
    await mind.aclose()
    assert ["response_format" in body for body in server.bodies] == [True, False, False, False]
    assert "[action mend item=ITEM]" in server.bodies[-1]["messages"][0]["content"]
    assert mind.reply_format == "json", "the session's prompts have the rules for it"


async def test_what_one_session_learns_of_a_service_does_not_fail_another(server: FaultServer) -> None:
    refusal = replace(error(400, "unknown field stream_options"), before=0.2)
    server.script(refusal, refusal, Answer(reply(SAME)))
    mind = model(server, can=Capabilities(usage=True))
    texts = []

    async def ask() -> None:
        async with mind.stream(ASK) as items:
            texts.append("".join([item.text async for item in items if isinstance(item, Delta)]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    await mind.aclose()
    assert texts == [SAME, SAME]


async def test_a_reply_that_is_left_leaves_nothing_to_the_garbage_collector(server: FaultServer) -> None:
    server.script(Answer([chunk("Aye, I "), chunk("will."), Pause(LONG)]))
    mind = model(server)
    gc.collect()
    gc.disable()
    try:
        async with mind.stream(ASK) as items:
            await anext(items)
        await anyio.sleep(0.05)
        generators = [thing for thing in gc.get_objects() if inspect.isasyncgen(thing) and thing.ag_frame is not None]
    finally:
        gc.enable()
    await mind.aclose()
    libraries = [one for one in generators if re.search(r"openai|http(core|x)|service_http", one.ag_code.co_filename)]
    assert not libraries


async def test_an_empty_reason_to_finish_is_none(server: FaultServer) -> None:
    pieces = [json.loads(step.removeprefix("data: ")) for step in (chunk("Aye, "), chunk("I will."))]
    for piece, reason in zip(pieces, ("", "null"), strict=True):
        piece["choices"][0]["finish_reason"] = reason
    server.script(Answer([*(f"data: {json.dumps(piece)}\n\n" for piece in pieces), *reply("")]))
    assert (await run(model(server)))[0] == "Aye, I will."


async def test_a_feeling_that_was_written_before_is_no_reply(server: FaultServer) -> None:
    server.script(Answer(reply("")))
    assert "is empty" in (await failure(model(server), replace(ASK, written="[emotion joy]"))).message


async def test_a_service_that_always_finds_something_is_not_asked_forever(server: FaultServer) -> None:
    server.script(
        error(400, "bad: stream_options temperature seed grammar prefill system role max_tokens not supported")
    )
    assert (
        await failure(model(server, can=Capabilities(usage=True, grammar=True, prefill="message")))
    ).failing == "prompt"
    assert len(server.bodies) <= 5


async def test_the_responses_api(server: FaultServer) -> None:
    steps = [
        event("response.created", response={}),
        event("response.output_text.delta", delta="[emotion joy weak] Aye, "),
        event("response.output_text.delta", delta="I will."),
        event("response.output_item.added", output_index=1, item={"type": "function_call", "name": "mend"}),
        event("response.function_call_arguments.delta", output_index=1, delta='{"item": "axe"}'),
        event("response.completed", response={"usage": {"input_tokens": 9, "output_tokens": 5}}),
    ]
    server.script(Answer(steps))
    provider = custom(server.url, can=Capabilities(tools=True)).model_copy(update={"api": "responses"})
    text, finish = await run(model(server, provider=provider, reply_format="tools"))
    assert text == SAME
    assert finish == Finish(complete=True, prompt_tokens=9, completion_tokens=5)
    assert server.asked[0].path == "/v1/responses"


@pytest.mark.parametrize(
    ("steps", "failing"),
    [
        ([event("response.output_text.delta", delta="Aye")], "broken"),
        ([event("error", message="overloaded")], "server"),
        ([event("response.failed", response={"error": {"message": "overloaded"}})], "server"),
        (["data: {}\n\n"], "broken"),
    ],
)
async def test_the_responses_api_fails_as_readably(server: FaultServer, steps: list[str], failing: str) -> None:
    server.script(Answer(steps))
    provider = custom(server.url).model_copy(update={"api": "responses"})
    assert (await failure(model(server, provider=provider))).failing == failing


async def test_only_its_own_key_reaches_a_service(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "GROQ_API_KEY")
    for name in names:
        monkeypatch.setenv(name, f"value-of-{name}")
    moved = Providers.load().get("groq").at(server.url)
    for provider in (custom(server.url), moved, Providers.load().get("openai").at(server.url)):
        mind = OnlineModel(provider, "test-model")
        await run(mind)
    sent = json.dumps([dict(asked.headers) for asked in server.asked])
    assert not any(f"value-of-{name}" in sent for name in names)


async def test_keys_and_prompts_are_in_no_log(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server.script(error(401, f"bad key {KEY}"))
    await failure(model(server))
    assert KEY not in caplog.text
    assert "Mend it." not in caplog.text


async def test_no_model_is_the_first_that_the_server_has() -> None:
    with FaultServer(names=["first", "second"]) as server:
        mind = OnlineModel(custom(server.url))
        await run(mind)
        assert mind.name == "custom/first"
        assert server.bodies[0]["model"] == "first"
    with FaultServer(names=[]) as server:
        assert "which models" in (await failure(OnlineModel(custom(server.url)))).message


async def test_only_a_server_on_this_machine_is_warmed(server: FaultServer) -> None:
    ahead = replace(ASK, messages=ASK.messages[:1])
    mind = model(server)
    await mind.warm(ahead, said="Mend")
    assert server.bodies[0]["messages"][-1] == {"role": "user", "content": "Mend"}
    assert server.bodies[0]["max_tokens"] == 1
    await mind.aclose()
    online = model(server, provider=custom("http://llm.invalid/v1"))
    await online.warm(ahead)
    assert not vars(online)["_client"], "it was asked"


async def test_warming_gives_way_and_fails_in_silence(server: FaultServer) -> None:
    mind = model(server)
    server.script(error(500, "no"))
    await mind.warm(ASK)
    assert server.came.acquire(timeout=10)
    server.script(Answer([Pause(LONG)]), Answer(reply("Aye.")))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mind.warm, ASK)
        await anyio.to_thread.run_sync(lambda: server.came.acquire(timeout=10))
        async with mind.stream(ASK) as items:
            heard = [item async for item in items]
    assert heard[0] == Delta("Aye.")
    await mind.aclose()


async def test_a_kept_connection_that_was_closed_is_replaced_once(server: FaultServer) -> None:
    server.script(Answer(reply("One.")), Answer([Drop()], raw=True), Answer(reply("Two.")))
    mind = model(server)
    for expected in ("One.", "Two."):
        async with mind.stream(ASK) as items:
            assert "".join([item.text async for item in items if isinstance(item, Delta)]) == expected
    server.script(Answer([Drop()], raw=True))
    assert (await failure(mind)).failing == "broken"
    assert len(server.bodies) == 5


async def test_many_at_once(server: FaultServer) -> None:
    mind, heard = model(server), []

    async def one() -> None:
        async with mind.stream(ASK) as items:
            heard.append("".join([item.text async for item in items if isinstance(item, Delta)]))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(one)
    assert heard == ["Hello."] * 8
    await mind.aclose()
