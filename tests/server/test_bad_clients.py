"""Clients that misbehave: each is refused or ended with a reason, and every other session goes on."""

import json
import socket
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
import websockets

if TYPE_CHECKING:
    from tests.server.conftest import Room, Serve

pytestmark = pytest.mark.anyio


def closed_by_server(address: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes, then read until the server closes."""
    with socket.create_connection(address, timeout=10) as raw:
        raw.sendall(sent)
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
        return answer


async def test_a_client_that_never_reads(serve: "Serve") -> None:
    async with serve(unsent_bytes=1 << 20) as server, server.game() as good:
        await good.hello()
        async with server.game(max_queue=1) as lazy:
            await lazy.hello()
            await lazy.send("player.text", text="flood")
            session = server.room.sessions[1]
            await session.left.wait()
            assert (await good.say("I read"))[-1]["type"] == "turn.end"
            last: dict[str, Any] = {}
            with pytest.raises(websockets.ConnectionClosed) as end:
                while True:
                    data = await lazy.socket.recv()
                    last = json.loads(data) if isinstance(data, str) else last
            assert end.value.rcvd is not None
            assert end.value.rcvd.code == 1008
            assert "does not read" in end.value.rcvd.reason
            assert (last["code"], last["fatal"]) == ("slow_reader", True)


async def test_a_client_that_never_reads_at_all_is_cut_off(serve: "Serve") -> None:
    async with serve(unsent_bytes=1 << 20, close_seconds=0.1) as server:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with raw:
            raw.connect(server.address)
            raw.sendall(
                b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await anyio.to_thread.run_sync(raw.recv, 1000)
            for text in ('{"type":"hello","protocol":1}', '{"type":"player.text","text":"flood"}'):
                raw.sendall(bytes((0x81, 0x80 | len(text))) + bytes(4) + text.encode())
            await server.until(lambda: server.room.sessions and server.room.sessions[0].left.is_set())
            await server.until(lambda: not server.service._server.server_state.connections)


@pytest.mark.parametrize("text", ["long", "hang", "flood"])
async def test_a_client_that_vanishes_mid_turn(serve: "Serve", text: str) -> None:
    async with serve() as server, server.game() as good:
        await good.hello()
        async with server.game() as gone:
            await gone.hello()
            await gone.send("player.text", text=text)
            if text != "hang":
                await gone.receive()
            gone.socket.transport.abort()
        with anyio.fail_after(5):
            await server.room.sessions[1].left.wait()
        assert (await good.say("I stay"))[-1]["type"] == "turn.end"


async def test_a_client_that_vanishes_while_its_session_opens(serve: "Serve", new_room: "type[Room]") -> None:
    opening = anyio.Event()

    async def hang() -> None:
        opening.set()
        await anyio.sleep_forever()

    async with serve(room=new_room(opening=hang)) as server:
        async with server.game() as game:
            await game.send("hello", protocol=1)
            await opening.wait()
            game.socket.transport.abort()
        await server.until(lambda: not server.hub.sessions)


async def test_a_session_that_does_not_want_to_end(serve: "Serve", new_room: "type[Room]") -> None:
    async with serve(room=new_room(closing=anyio.sleep_forever), close_seconds=0.05) as server:
        async with server.game() as game:
            await game.hello()
            await game.send("bye")
            assert await game.closed() == (1000, "bye")
        assert server.hub.sessions == 0


async def test_a_session_that_fails_to_end(serve: "Serve", new_room: "type[Room]") -> None:
    async def fail() -> None:
        raise ValueError("scripted")

    async with serve(room=new_room(closing=fail)) as server, server.game() as game:
        await game.hello()
        await game.send("bye")
        assert await game.closed() == (1000, "bye")


async def test_a_session_that_takes_no_messages(serve: "Serve") -> None:
    async with serve(request_seconds=0.1) as server, server.game() as game:
        await game.hello()
        for _ in range(40):
            await game.send("player.text", text="hang")
        assert (await game.receive())["message"] == "The session takes no more messages."
        assert (await game.closed())[0] == 1011


async def test_ten_clients_at_once(serve: "Serve") -> None:
    ends: list[str] = []

    async with serve() as server:
        done = anyio.Event()

        async def play(number: int) -> None:
            async with server.game() as game:
                await game.send("hello", protocol=1)
                first = await game.receive()
                if first["type"] == "welcome":
                    said = await game.say(f"I am {number}")
                    assert said[0]["text"] == f"I am {number}"
                    ends.append(said[-1]["type"])
                else:
                    assert await game.closed() == (1013, first["message"])
                    ends.append(first["code"])
                if len(ends) == 10:
                    done.set()
                await done.wait()

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(play, number)
    assert sorted(ends) == ["too_many_sessions"] * 2 + ["turn.end"] * 8


async def test_more_connections_than_there_may_be(serve: "Serve") -> None:
    async with serve(connections=2) as server, server.game() as one, server.game(), server.game() as three:
        assert (await three.receive())["code"] == "too_many_sessions"
        assert (await three.closed())[0] == 1013
        assert await one.hello()


async def test_a_message_of_100_megabytes(serve: "Serve") -> None:
    async with serve() as server, server.game() as good:
        await good.hello()
        async with server.game() as huge:
            await huge.hello()
            with pytest.raises(websockets.ConnectionClosed) as end:
                await huge.socket.send("x" * 100_000_000)
                await huge.socket.recv()
            assert end.value.rcvd is not None
            assert (end.value.rcvd.code, end.value.rcvd.reason) == (
                1009,
                "frame with 100000000 bytes exceeds limit of 4194304 bytes",
            )
        assert (await good.say("I stay"))[-1]["type"] == "turn.end"
        with anyio.fail_after(5):
            await server.room.sessions[1].left.wait()


async def test_a_frame_that_breaks_the_protocol(serve: "Serve") -> None:
    async with serve() as server, server.game() as game:
        await game.hello()
        game.socket.transport.write(b"\xff\xff\xff\xff\xff\xff")
        assert (await game.closed())[0] == 1002
        with anyio.fail_after(5):
            await server.room.sessions[0].left.wait()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Origin": "https://evil.example"}, 403, "origin_refused"),
        ({"Origin": "null"}, 403, "origin_refused"),
        ({"Origin": "http://127.0.0.1:8910"}, 403, "origin_refused"),
        ({"Host": "evil.example"}, 403, "host_refused"),
        ({"Host": "127.0.0.1.evil.example:8910"}, 403, "host_refused"),
        ({"Host": ""}, 403, "host_refused"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "origin_refused"),
        ({"Authorization": ""}, 401, "token_refused"),
        ({"Authorization": "Bearer wrong"}, 401, "token_refused"),
        ({"Authorization": "Basic secret"}, 401, "token_refused"),
    ],
)
async def test_who_may_not_come_in(serve: "Serve", headers: dict[str, str], status: int, code: str) -> None:
    given = {"Host": "localhost", "Authorization": "Bearer secret", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    upgrade = (
        f"GET /v1/ws HTTP/1.1\r\n{lines}Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with serve(token="secret", origins=["http://good.example"]) as server:
        answer = await anyio.to_thread.run_sync(closed_by_server, server.address, upgrade.encode())
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == code
        assert (await server.http("GET", "/v1/health", headers=given)) == (
            status,
            json.loads(answer.partition(b"\r\n\r\n")[2]),
        )
        assert not server.room.sessions
        good = {"Authorization": "Bearer secret", "Origin": "http://good.example"}
        async with server.game(additional_headers=good) as game:
            assert await game.hello()


async def test_a_page_that_is_allowed_may_ask_first(serve: "Serve") -> None:
    async with serve(token="secret", origins=["http://good.example/"]) as server:
        request = (
            "OPTIONS /v1/sessions HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\n"
            "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        )
        ask = request.format("http://good.example").encode()
        answer = (await anyio.to_thread.run_sync(closed_by_server, server.address, ask)).lower()
        assert answer.startswith(b"http/1.1 200")
        assert b"access-control-allow-origin: http://good.example\r\n" in answer
        ask = request.format("http://evil.example").encode()
        answer = await anyio.to_thread.run_sync(closed_by_server, server.address, ask)
        assert answer.startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("sent", [b"", b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_headers_that_never_end(serve: "Serve", sent: bytes) -> None:
    async with serve(hello_seconds=0.1) as server:
        assert await anyio.to_thread.run_sync(closed_by_server, server.address, sent) == b""


async def test_a_second_request_that_never_ends(serve: "Serve") -> None:
    sent = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serve(hello_seconds=0.5) as server, await anyio.connect_tcp(*server.address) as stream:
        await stream.send(sent)
        assert (await stream.receive()).startswith(b"HTTP/1.1 200")
        await stream.send(sent[:-10])
        with anyio.fail_after(2), pytest.raises(anyio.EndOfStream):
            while True:
                await stream.receive()


async def test_a_body_that_never_ends(serve: "Serve") -> None:
    async with serve(request_seconds=0.1) as server:
        sent = b"POST /v1/say HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{"
        answer = await anyio.to_thread.run_sync(closed_by_server, server.address, sent)
        assert answer.startswith(b"HTTP/1.1 408")


async def test_no_hello(serve: "Serve") -> None:
    async with serve(hello_seconds=0.1) as server, server.game() as game:
        error = await game.receive()
        assert (error["code"], error["fatal"]) == ("idle", True)
        assert (await game.closed())[0] == 1008


async def test_a_game_that_says_nothing_for_long(serve: "Serve") -> None:
    async with serve(idle_seconds=0.15) as server, server.game() as game:
        await game.hello()
        error = await game.receive()
        assert (error["code"], error["fatal"]) == ("idle", True)
        assert (await game.closed())[0] == 1008


async def test_shutdown_tells_every_game(serve: "Serve") -> None:
    async with serve() as server, server.game() as greeted, server.game() as silent:
        await greeted.hello()
        status, welcome = await server.http("POST", "/v1/sessions", {"type": "hello", "protocol": 1})
        assert status == 200
        polled: list[Any] = []

        async def poll() -> None:
            polled.append(await server.http("GET", f"/v1/sessions/{welcome['session']}/messages?after=1&wait=20"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(poll)
            await anyio.sleep(0.05)
            server.service.stop()
            for game in (greeted, silent):
                assert (await game.receive())["code"] == "shutting_down"
                assert (await game.closed())[0] == 1001
        assert [message["code"] for message in polled[0][1]] == ["shutting_down"]
        assert all(session.left.is_set() for session in server.room.sessions)
