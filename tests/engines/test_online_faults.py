"""The online model against a server that does everything wrong: each failure is one readable error, soon."""

import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import pytest
from pydantic import SecretStr
from tests._fault_server import (
    DONE,
    Answer,
    Drop,
    FaultServer,
    Pause,
    call,
    chunk,
    error,
    event,
    page,
    reply,
    slowly,
    unused_port,
)

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.errors import ServiceError
from npc_runtime.llm.backend import Completion, Delta, Finish, Message
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.providers import Capabilities, Provider, Providers, custom

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-0123456789"
MEND = ActionOption("mend", "Mend.", (ArgumentOption("item", "choice", choices=("sword", "axe")),))
ASK = Completion(
    messages=(Message("system", "You are Brynja."), Message("user", "Mend it.")),
    options=(MEND,),
    max_sentences=2,
    max_tokens=60,
)
LONG = 60.0
"""Longer than any test waits."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


def model(server: FaultServer, *, provider: Provider | None = None, **settings: Any) -> OnlineModel:
    can = settings.pop("can", None)
    return OnlineModel(
        provider or custom(server.url, can=can), "test-model", key=SecretStr(KEY), **({"timeout": 5.0} | settings)
    )


async def run(mind: OnlineModel, request: Completion = ASK) -> tuple[str, Finish]:
    """One reply, and the end of the model."""
    text, finish = "", None
    try:
        async with mind.stream(request) as items:
            async for item in items:
                if isinstance(item, Delta):
                    text += item.text
                else:
                    finish = item
    finally:
        await mind.aclose()
    assert finish is not None
    return text, finish


async def failure(mind: OnlineModel, request: Completion = ASK) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await run(mind, request)
    assert KEY not in "".join([str(caught.value), repr(caught.value), repr(caught.value.__dict__)])
    assert "\n" not in caught.value.message
    return caught.value


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


@pytest.mark.parametrize(
    ("answer", "failing", "words"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), "key", "does not accept the key"),
        (error(403, "forbidden"), "key", "does not accept the key"),
        (error(402, "Insufficient credits"), "limit", "Insufficient credits"),
        (error(429, f"Slow down, {KEY}"), "limit", "Slow down, …"),
        (error(500, "Traceback: boom"), "server", "status 500"),
        (error(503, "overloaded"), "server", "overloaded"),
        (error(400, "context length exceeded"), "request", "context length exceeded"),
        (error(404, "no such path"), "request", "status 404"),
        (Answer(["{"], status=400, content_type="application/json"), "request", "status 400"),
        (Answer([], status=302, headers={"Location": "http://127.0.0.1:1/"}), "request", "moved"),
        (Answer([], status=407), "connect", "proxy"),
        (page(), "broken", "web page"),
        (page(404), "broken", "web page"),
        (page(502, "Bad Gateway"), "server", "status 502"),
        (Answer(reply("Aye."), content_type="application/json"), "broken", "'application/json'"),
        (Answer(reply("Aye."), content_type="text/plain"), "broken", "'text/plain'"),
        (Answer(["I am no HTTP\r\n\r\n"], raw=True), "broken", "breaks off"),
        (Answer([Drop()], raw=True), "broken", "breaks off"),
        (Answer(["data: {not json\n\n"]), "broken", "makes no sense"),
        (Answer(["data: 5\n\n"]), "broken", "makes no sense"),
        (Answer(['data: {"choices": 7}\n\n']), "broken", "makes no sense"),
        (Answer(["data: " + "[" * 100_000 + "\n\n"]), "broken", "makes no sense"),
        (Answer([b"data: \xff\xfe\n\n"]), "broken", "makes no sense"),
        (Answer(["<html>", "</html>"]), "broken", "breaks off before its end"),
        (Answer([DONE]), "broken", "breaks off before its end"),
        (Answer(reply()), "broken", "is empty"),
        (Answer(reply("  ", "\n")), "broken", "is empty"),
        (Answer(reply(finish="length")), "broken", "ran out of tokens"),
        (Answer(['data: {"error": {"message": "engine died"}}\n\n']), "server", "engine died"),
        (Answer([chunk("Hm"), 'event: error\ndata: {"error": {"message": "it died"}}\n\n']), "server", "it died"),
        (Answer([chunk("Hm"), chunk(finish="error")]), "server", "broke off"),
    ],
)
async def test_each_failure_is_told(server: FaultServer, answer: Answer, failing: str, words: str) -> None:
    server.script(answer)
    caught = await failure(model(server))
    assert caught.failing == failing
    assert words in caught.message
    assert len(server.bodies) == 1, "it was asked again"


async def test_a_rate_limit_says_when_to_come_back(server: FaultServer) -> None:
    server.script(error(429, "slow down", retry_after="2.5"))
    assert (await failure(model(server))).retry_after == 2.5


async def test_a_typo_in_the_model_gets_the_servers_own_names() -> None:
    with FaultServer(error(404, "The model `test-model` does not exist"), names=["test-model-2", "other"]) as server:
        caught = await failure(model(server))
    assert caught.failing == "request"
    assert "has no model 'test-model'" in caught.message
    assert "did you mean test-model-2?" in caught.hint


async def test_a_server_without_a_list_of_models_only_says_that_it_has_no_such() -> None:
    with FaultServer(error(404, "model not found"), names=None) as server:
        assert "llm.model" in (await failure(model(server))).hint


@pytest.mark.parametrize("cut", [Drop(), DONE])
async def test_a_stream_that_breaks_off_keeps_what_came(server: FaultServer, cut: Any) -> None:
    server.script(Answer([chunk("Aye. "), chunk("That bl"), cut]))
    mind, heard = model(server), []
    with pytest.raises(ServiceError, match="breaks off") as caught:
        async with mind.stream(ASK) as items:
            async for item in items:
                heard += [item]
    await mind.aclose()
    assert heard == [Delta("Aye. "), Delta("That bl")]
    assert caught.value.failing == "broken"


async def test_a_refused_connection() -> None:
    with unused_port() as port:
        caught = await failure(OnlineModel(custom(f"http://127.0.0.1:{port}/v1"), "m", key=SecretStr(KEY)))
    assert (caught.failing, caught.hint) == ("connect", "start the server, or check base_url")


async def test_a_host_that_does_not_exist() -> None:
    caught = await failure(OnlineModel(custom("http://no-such-host.invalid/v1"), "m", key=SecretStr(KEY)))
    assert caught.failing in ("connect", "timeout")
    assert "no-such-host.invalid" in caught.message


async def test_a_server_that_does_not_speak_tls(server: FaultServer) -> None:
    caught = await failure(OnlineModel(custom(server.url.replace("http:", "https:")), "m", key=SecretStr(KEY)))
    assert caught.failing == "connect"


async def test_a_proxy_that_answers_nonsense(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script(page(200, "Log in to the hotel network"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url.removesuffix("/v1"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    caught = await failure(OnlineModel(custom("http://llm.invalid/v1"), "m", key=SecretStr(KEY)))
    assert caught.failing == "broken"
    assert "web page" in caught.message
    assert "proxy" in caught.hint


async def test_a_server_on_this_machine_is_not_asked_through_the_proxy(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unused_port() as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert (await run(model(server)))[0] == "Hello."


@pytest.mark.parametrize(
    "answer",
    [
        slowly(Answer(reply("Hello.")), before=LONG),
        Answer([Pause(LONG)]),
        Answer(lambda: itertools.repeat(": still here\n\n")),
        Answer(
            lambda: itertools.chain.from_iterable((chunk(delta={"reasoning": "hm"}), Pause(0.01)) for _ in range(9999))
        ),
    ],
    ids=["no response", "no event", "comments only", "thinking only"],
)
async def test_a_slow_first_token_is_not_waited_for(server: FaultServer, answer: Answer) -> None:
    server.script(answer)
    caught = await failure(model(server, first_token_timeout=0.3))
    assert caught.failing in ("timeout", "broken")


async def test_a_slow_middle_is_not_waited_for(server: FaultServer) -> None:
    server.script(Answer([chunk("Aye."), Pause(LONG)]))
    caught = await failure(model(server, timeout=0.3))
    assert caught.failing == "timeout"
    assert "further token for 0.3 s" in caught.message


async def test_what_a_finished_reply_cost_is_not_waited_for(server: FaultServer) -> None:
    server.script(Answer([chunk("Aye."), chunk(finish="stop"), Pause(LONG)]))
    text, finish = await run(model(server))
    assert (text, finish.complete) == ("Aye.", True)


@pytest.mark.parametrize(
    "endless",
    [lambda: itertools.repeat(chunk("iron ")), lambda: itertools.repeat(chunk(calls=[call(0, "mend", "x" * 50)]))],
    ids=["text", "arguments"],
)
async def test_a_reply_without_end_is_ended(server: FaultServer, endless: Any) -> None:
    server.script(Answer(lambda: itertools.chain([chunk("Aye. ")], endless())))
    text, finish = await run(model(server))
    assert not finish.complete
    assert len(text) < 3000
    assert server.left.acquire(timeout=10), "the connection stayed open"


@pytest.mark.parametrize("filler", ["data: " + "x" * 65536, ":" * 65536 + "\n"], ids=["one line", "comments"])
async def test_a_flood_is_bounded_in_bytes(server: FaultServer, filler: str) -> None:
    server.script(Answer(lambda: itertools.repeat(filler)))
    caught = await failure(model(server))
    assert "longer than a reply can be" in caught.message


async def test_a_flood_in_an_error_or_packed_is_bounded_too(server: FaultServer) -> None:
    server.script(Answer(lambda: itertools.repeat("x" * 65536), status=500))
    assert (await failure(model(server))).failing == "broken"
    server.script(Answer(reply("Aye."), headers={"Content-Encoding": "gzip"}))
    assert (await failure(model(server))).failing == "broken"


@pytest.mark.parametrize("how", ["leave", "cancel"])
async def test_leaving_closes_the_connection_at_once(server: FaultServer, how: str) -> None:
    server.script(Answer([chunk("Aye."), Pause(LONG)]))
    mind = model(server, timeout=LONG)
    with anyio.CancelScope() as scope:
        async with mind.stream(ASK) as items:
            async for _ in items:
                if how == "leave":
                    break
                scope.cancel()
    assert await anyio.to_thread.run_sync(lambda: server.left.acquire(timeout=10)), "the server was left writing"
    assert not mind.busy
    await mind.aclose()


async def test_cancelling_before_the_first_token_closes_it_too(server: FaultServer) -> None:
    server.script(slowly(Answer(reply("Aye.")), before=LONG))
    mind = model(server)
    await mind.start()
    with anyio.move_on_after(0.3):
        async with mind.stream(ASK) as items:
            async for _ in items:
                pass
    assert await anyio.to_thread.run_sync(lambda: server.left.acquire(timeout=10))
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


async def test_a_service_that_always_finds_something_is_not_asked_forever(server: FaultServer) -> None:
    server.script(
        error(400, "bad: stream_options temperature seed grammar prefill system role max_tokens not supported")
    )
    assert (
        await failure(model(server, can=Capabilities(usage=True, grammar=True, prefill="message")))
    ).failing == "request"
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
    for provider in (custom(server.url), moved, custom(server.url)):
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
