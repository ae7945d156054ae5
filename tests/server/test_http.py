"""Sessions over HTTP, the one-shot exchange, and what can be looked up."""

import base64
import io
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from npc_runtime.errors import SetupError

if TYPE_CHECKING:
    from tests.server.conftest import Room, Serve, Server

pytestmark = pytest.mark.anyio

HELLO = {"type": "hello", "protocol": 1}
TURN = ["heard", "turn.begin", "say", "speech.audio", "speech.audio", "turn.end"]


async def opened(server: "Server", **hello: Any) -> str:
    status, welcome = await server.http("POST", "/v1/sessions", {**HELLO, **hello})
    assert (status, welcome["type"], welcome["seq"]) == (200, "welcome", 1)
    return f"/v1/sessions/{welcome['session']}"


def sound(seconds: float = 0.1) -> str:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"\x10\x00" * int(16000 * seconds))
    return base64.b64encode(buffer.getvalue()).decode()


async def test_a_session(serve: "Serve") -> None:
    async with serve() as server:
        path = await opened(server)
        messages = [
            {"type": "listen.start", "mode": "push_to_talk", "rate": 16000},
            {"type": "listen.audio", "pcm_base64": base64.b64encode(bytes(640)).decode()},
            {"type": "listen.stop"},
        ]
        assert await server.http("POST", f"{path}/messages", messages) == (202, {"accepted": 3})
        got: list[dict[str, Any]] = []
        while not got or got[-1]["type"] != "turn.end":
            after = got[-1]["seq"] if got else 1
            status, more = await server.http("GET", f"{path}/messages?after={after}&wait=5")
            assert status == 200
            got += more
        assert [message["type"] for message in got] == TURN
        assert [message["seq"] for message in got] == list(range(2, 8))
        assert got[0]["text"] == "640 bytes"
        assert len(base64.b64decode(got[3]["pcm_base64"])) == 800
        assert await server.http("GET", f"{path}/messages?after=5") == (200, got[4:])
        assert await server.http("GET", f"{path}/messages?after=5") == (200, got[4:])
        assert await server.http("GET", f"{path}/messages?after=7") == (200, [])
        assert await server.http("DELETE", path) == (204, None)
        assert server.room.sessions[0].left.is_set()
        assert (await server.http("GET", f"{path}/messages"))[0] == 404


async def test_a_poll_waits_for_the_first_message(serve: "Serve") -> None:
    async with serve() as server:
        path = await opened(server)
        polled: list[Any] = []

        async def poll() -> None:
            polled.append(await server.http("GET", f"{path}/messages?after=1&wait=20"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(poll)
            await anyio.sleep(0.05)
            assert not polled
            assert (await server.http("POST", f"{path}/messages", {"type": "player.text", "text": "Hi"}))[0] == 202
        assert polled[0][1][0]["text"] == "Hi"


async def test_mistakes_in_a_list_are_told_as_messages(serve: "Serve") -> None:
    async with serve() as server:
        path = await opened(server, colour=1)
        messages = [{"type": "nope"}, 5, {"type": "player.text", "text": "Hi", "x": 1}]
        assert await server.http("POST", f"{path}/messages", messages) == (202, {"accepted": 3})
        got: list[dict[str, Any]] = []
        while not got or got[-1]["type"] != "turn.end":
            got = (await server.http("GET", f"{path}/messages?after=1&wait=0.05"))[1]
        assert [message["type"] for message in got] == ["notice", "error", "error", "notice", *TURN]


async def test_the_last_messages_of_a_session_can_be_fetched(serve: "Serve") -> None:
    async with serve() as server:
        path = await opened(server)
        await server.http("POST", f"{path}/messages", [{"type": "player.text", "text": "break"}])
        status, got = await server.http("GET", f"{path}/messages?after=1&wait=5")
        assert (status, got[0]["code"], got[0]["fatal"]) == (200, "internal", True)
        assert (await server.http("GET", f"{path}/messages?after=2&wait=5"))[0] == 404


async def test_a_session_that_nobody_polls(serve: "Serve") -> None:
    async with serve(poll_seconds=0.1) as server:
        await opened(server)
        await server.until(lambda: not server.hub.polled)
        assert server.room.sessions[0].left.is_set()


async def test_a_session_whose_messages_nobody_fetches(serve: "Serve") -> None:
    async with serve(unsent_bytes=1 << 20) as server:
        path = await opened(server)
        await server.http("POST", f"{path}/messages", [{"type": "player.text", "text": "flood"}])
        await server.room.sessions[0].left.wait()
        status, got = await server.http("GET", f"{path}/messages?after=1&wait=5")
        assert (status, got[-1]["code"]) == (200, "slow_reader")


@pytest.mark.parametrize(
    ("hello", "status", "code"),
    [
        ([], 400, "bad_message"),
        ({"type": "player.text", "text": "Hi"}, 400, "wrong_order"),
        ({"type": "hello", "protocol": 3}, 400, "protocol_version"),
        (b"{", 400, "bad_json"),
        (b"\xff", 400, "bad_json"),
    ],
)
async def test_a_hello_that_does_not_fit(serve: "Serve", hello: Any, status: int, code: str) -> None:
    async with serve() as server:
        got = await server.http("POST", "/v1/sessions", hello)
        assert (got[0], got[1]["code"]) == (status, code)
        assert not server.hub.polled or not server.room.sessions


async def test_a_session_that_cannot_be(serve: "Serve", new_room: "type[Room]") -> None:
    async with serve(room=new_room(refuse=[SetupError("No model.", hint="pull it")]), sessions=1) as server:
        status, error = await server.http("POST", "/v1/sessions", HELLO)
        assert (status, error["code"], error["hint"]) == (503, "setup", "pull it")
        await opened(server)
        status, error = await server.http("POST", "/v1/sessions", HELLO)
        assert (status, error["code"]) == (503, "too_many_sessions")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/say", 405, "wrong_method"),
        ("POST", "/v1/sessions/nope/messages", 404, "no_session"),
        ("DELETE", "/v1/sessions/nope", 404, "no_session"),
    ],
)
async def test_paths_that_are_not(serve: "Serve", method: str, path: str, status: int, code: str) -> None:
    async with serve() as server:
        got = await server.http(method, path, b"[]")
        assert (got[0], got[1]["type"], got[1]["code"]) == (status, "error", code)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "wait=nan", "after=inf"])
async def test_polls_that_make_no_sense(serve: "Serve", query: str) -> None:
    async with serve() as server:
        path = await opened(server)
        assert (await server.http("GET", f"{path}/messages?{query}"))[0] == 400


@pytest.mark.parametrize("size", [3000, 30_000, 300_000])
async def test_a_body_that_is_too_big(serve: "Serve", size: int) -> None:
    async with serve(body_bytes=2000) as server:
        status, error = await server.http("POST", "/v1/say", b"x" * size)
        assert (status, error["code"]) == (413, "message_too_big")
        assert str(size) in error["message"]


async def test_one_shot_with_text(serve: "Serve") -> None:
    async with serve() as server:
        wish = {"character": "brynja", "text": "Hi", "scene": {"location": "Forge"}, "player": {"id": "t", "name": "T"}}
        status, got = await server.http("POST", "/v1/say", wish)
        assert (status, [message["type"] for message in got]) == (200, ["welcome", *TURN])
        session = server.room.sessions[0]
        assert session.left.is_set()
        assert [message.type for message in session.handled][:2] == ["scene", "player.text"]
        assert session.hello.player.name == "T"


async def test_one_shot_with_sound(serve: "Serve") -> None:
    async with serve() as server:
        status, got = await server.http("POST", "/v1/say", {"character": "brynja", "wav_base64": sound()})
        assert (status, got[1]["text"], got[-1]["type"]) == (200, "3200 bytes", "turn.end")


async def test_one_shot_with_files(serve: "Serve") -> None:
    async with serve() as server:
        wish = {"character": "brynja", "text": "Hi", "audio": {"out": "file", "rate": 16000}}
        _, got = await server.http("POST", "/v1/say", wish)
        audio = next(message for message in got if message["type"] == "speech.audio")
        with wave.open(str(Path(audio["path"])), "rb") as file:
            assert file.getframerate() == 16000
            assert file.getnframes() == pytest.approx(1600, abs=2)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"text": "Hi"}, 400, "bad_message"),
        ({"character": "brynja"}, 400, "bad_message"),
        ({"character": "brynja", "text": "x", "wav_base64": ""}, 400, "bad_message"),
        ({"character": "nobody", "text": "Hi"}, 400, "no_character"),
        ({"character": "brynja", "wav_base64": "?"}, 400, "bad_message"),
        ({"character": "brynja", "wav_base64": "AAAA"}, 400, "bad_audio"),
        ({"character": "brynja", "text": "raise"}, 500, "internal"),
        ({"character": "brynja", "text": "break"}, 500, "internal"),
        ({"character": "brynja", "text": "hang"}, 504, "timeout"),
        ([], 400, "bad_message"),
    ],
)
async def test_one_shots_that_fail(serve: "Serve", wish: Any, status: int, code: str) -> None:
    async with serve(say_seconds=0.1 if code == "timeout" else 10) as server:
        got = await server.http("POST", "/v1/say", wish)
        assert (got[0], got[1]["code"]) == (status, code), got


async def test_one_shot_without_words(serve: "Serve") -> None:
    async with serve() as server:
        status, got = await server.http("POST", "/v1/say", {"character": "brynja", "text": ""})
        assert (status, got[-1]["reason"]) == (200, "silence")


async def test_a_one_shot_whose_client_vanishes(serve: "Serve") -> None:
    async with serve() as server:
        body = b'{"character": "brynja", "text": "hang"}'
        head = f"POST /v1/say HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        async with await anyio.connect_tcp(*server.address) as stream:
            await stream.send(head.encode() + body)
            await server.until(lambda: server.room.sessions and server.room.sessions[0].handled)
        with anyio.fail_after(5):
            await server.room.sessions[0].left.wait()


async def test_lookups(serve: "Serve") -> None:
    async with serve() as server:
        await opened(server)
        status, health = await server.http("GET", "/v1/health")
        assert (status, health["ok"], health["protocol"], health["sessions"]) == (200, True, 1, 1)
        assert health["engines"] == "scripted"
        assert "/v1/ws" in health["endpoints"]
        characters = [{"id": "brynja", "name": "Brynja Ironhand", "language": "en"}]
        assert await server.http("GET", "/v1/characters") == (200, {"characters": characters})
        traces = {"traces": [{"turn": 1, "timings": {"stt_ms": 1.0}}]}
        assert await server.http("GET", "/v1/traces") == (200, traces)
        status, schema = await server.http("GET", "/v1/schema")
        assert "ClientMessage" in schema["$defs"]


async def test_a_bug_is_an_answer_too(serve: "Serve", monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as server:
        monkeypatch.setattr(server.room, "traces", lambda: 1 / 0)
        status, error = await server.http("GET", "/v1/traces")
        assert (status, error["code"]) == (500, "internal")
        assert (await server.http("GET", "/v1/health"))[0] == 200
