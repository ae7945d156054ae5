"""The online model against a server that does everything wrong: each failure is one readable error, soon."""

import itertools
from collections.abc import Iterator
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
    page,
    reply,
    slowly,
    unused_port,
)
from tests.engines._online import ASK, KEY, LONG, failure, model, run

from npc_runtime.errors import ServiceError
from npc_runtime.llm.backend import Delta
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.providers import custom

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "failing", "words"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), "key", "does not accept the key"),
        (error(403, "forbidden"), "key", "does not accept the key"),
        (error(402, "Insufficient credits"), "limit", "Insufficient credits"),
        (error(429, f"Slow down, {KEY}"), "limit", "Slow down, …"),
        (error(500, "Traceback: boom"), "server", "status 500"),
        (error(503, "overloaded"), "server", "overloaded"),
        (error(400, "context length exceeded"), "prompt", "context length exceeded"),
        (error(404, "no such path"), "request", "status 404"),
        (Answer(["{"], status=400, content_type="application/json"), "prompt", "status 400"),
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

    async def ask() -> None:
        async with mind.stream(ASK) as items:
            async for _ in items:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        with anyio.fail_after(10):
            while not server.bodies:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(lambda: server.left.acquire(timeout=10))
    await mind.aclose()
