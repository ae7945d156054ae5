"""The WebSocket: one game as it should be, and messages that should not be."""

import json
import wave
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from npc_runtime.errors import EngineError, InputError, SetupError

if TYPE_CHECKING:
    from tests.server.conftest import Room, Serve

pytestmark = pytest.mark.anyio

TURN = ["heard", "turn.begin", "say", "speech.audio", "speech.audio", "turn.end"]


async def test_the_reference_client_talks(serve: "Serve", npc_client: ModuleType) -> None:
    async with serve() as server, npc_client.NpcClient(server.ws, player={"id": "p", "name": "Tamsin"}) as npc:
        assert npc.welcome["type"] == "welcome"
        assert npc.welcome["seq"] == 1
        assert npc.welcome["characters"] == [{"id": "brynja", "name": "Brynja Ironhand", "language": "en"}]
        said = [item async for item in npc.say("Hello", to="brynja")]
        assert [message["type"] for message, _ in said] == TURN
        assert [message["seq"] for message, _ in said] == list(range(2, 8))
        assert [len(pcm) for message, pcm in said if message["type"] == "speech.audio"] == [800, 800]
        assert all("pcm_base64" not in message for message, _ in said)
        await npc.send("listen.start", mode="push_to_talk", rate=16000)
        await npc.send_audio(b"\x00" * 641)
        await npc.send_audio(b"\x00" * 2)
        await npc.send("listen.stop")
        assert (await npc.receive())[0]["text"] == "643 bytes"
        session = server.room.sessions[0]
        assert session.hello.player.name == "Tamsin"
    assert [message.type for message in session.handled][-2:] == ["listen.start", "listen.stop"]


async def test_what_its_main_does(
    serve: "Serve", npc_client: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    async with serve() as server:
        connect = npc_client.NpcClient.__init__
        monkeypatch.setattr(npc_client.NpcClient, "__init__", lambda self, **hello: connect(self, server.ws, **hello))
        await npc_client.main("brynja", "Hi")
    assert '"turn.end"' in capsys.readouterr().out
    with wave.open("reply.wav", "rb") as file:
        assert file.getframerate() == 22050
        assert file.getnframes() == pytest.approx(800 * 22050 / 8000, abs=2)


@pytest.mark.parametrize("form", ["binary", "base64", "file", "device", "none"])
async def test_audio_in_every_form(serve: "Serve", form: str) -> None:
    async with serve() as server, server.game() as game:
        await game.hello(audio={"out": form})
        said = await game.say("Hello")
        audio = [message for message in said if message["type"] == "speech.audio"]
        match form:
            case "binary":
                assert [len(message["pcm"]) for message in audio] == [800, 800]
            case "base64":
                assert all(message["pcm_base64"] for message in audio)
            case "file":
                assert len(audio) == 1
                with wave.open(audio[0]["path"], "rb") as file:
                    assert (file.getnframes(), file.getframerate()) == (800, 8000)
            case "device":
                assert [sorted(message) for message in audio] == [
                    ["clause", "last", "rate", "seq", "start_ms", "turn", "type"]
                ] * 2
            case "none":
                assert not audio
        assert game.seqs == list(range(1, len(game.seqs) + 1))


async def test_two_games_at_once_are_strangers(serve: "Serve") -> None:
    async with serve() as server, server.game() as one, server.game() as two:
        ids = {(await game.hello())["session"] for game in (one, two)}
        assert len(ids) == 2
        await one.send("player.text", text="hang")
        assert (await two.say("I am two"))[0]["text"] == "I am two"
        assert [len(session.handled) for session in server.room.sessions] == [1, 1]


async def test_bye_ends_the_session(serve: "Serve") -> None:
    async with serve() as server, server.game() as game:
        await game.hello()
        await game.send("bye")
        assert await game.closed() == (1000, "bye")
        await server.room.sessions[0].left.wait()
        assert server.hub.sessions == 0


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", "bad_json", "not JSON"),
        ("", "bad_json", "not JSON"),
        ("[" * 2000, "bad_json", "not JSON"),
        ("[]", "bad_message", "a list"),
        ("null", "bad_message", "null"),
        ("{}", "bad_message", "`type`"),
        ('{"type": 5}', "bad_message", "`type`"),
        ('{"type": "player.txt"}', "unknown_type", "'player.txt'"),
        ('{"type": "player.text"}', "bad_message", "lacks `text`"),
        ('{"type": "player.text", "text": 5}', "bad_message", "`text` should be a valid string, not 5"),
        ('{"type": "listen.start", "mode": "open_mic", "rate": 3}', "bad_message", "`rate`"),
        ('{"type": "listen.audio", "pcm_base64": "?"}', "bad_message", "base64"),
        ('{"type": "listen.audio", "pcm_base64": "AAAA"}', "wrong_order", "nobody listens"),
        ('{"type": "hello", "protocol": 1}', "wrong_order", "already"),
        ('{"type": "player.text", "text": "x", "to": "nobody"}', "no_character", "'nobody'"),
        ('{"type": "player.text", "text": "raise"}', "internal", "ValueError: scripted"),
        ('{"type": "player.text", "text": "' + "x" * 3000 + '"}', "message_too_big", "3035 bytes"),
        (b"\x00" * 3000, "message_too_big", "The audio has 3000 bytes"),
        (b"\x00\x00", "wrong_order", "nobody listens"),
    ],
)
async def test_a_bad_message_gets_an_error_and_the_session_goes_on(
    serve: "Serve", text: str | bytes, code: str, words: str
) -> None:
    async with serve(text_bytes=2900, audio_frame_bytes=2900) as server, server.game() as game:
        await game.hello()
        await game.socket.send(text)
        error = await game.receive()
        assert (error["type"], error["code"], error["fatal"], error["seq"]) == ("error", code, False, 2)
        assert words in error["message"]
        assert (await game.say("Still there?"))[-1]["type"] == "turn.end"


async def test_text_that_is_not_utf8_gets_an_error_and_the_session_goes_on(serve: "Serve") -> None:
    async with serve() as server, server.game() as game:
        await game.hello()
        await game.socket.send('{"type": "player.text", "text": "é"}'.encode("latin-1"), text=True)
        error = await game.receive()
        assert (error["code"], error["message"]) == ("bad_json", "The message is not UTF-8 text.")
        assert (await game.say("é"))[0]["text"] == "é"


async def test_hello_comes_first_and_may_be_tried_again(serve: "Serve", new_room: "type[Room]") -> None:
    room = new_room(refuse=[InputError("There is no save 'x'.", code="no_save")])
    async with serve(room=room) as server, server.game() as game:
        await game.send("player.text", text="Hi")
        assert (await game.receive())["code"] == "wrong_order"
        await game.socket.send(b"\x00\x00")
        assert (await game.receive())["code"] == "wrong_order"
        await game.send("hello", protocol=2)
        error = await game.receive()
        assert (error["code"], "protocol 2" in error["message"]) == ("protocol_version", True)
        await game.send("hello", protocol=1, visemes="klingon")
        assert "`visemes`" in (await game.receive())["message"]
        await game.send("hello", protocol=1, save="x")
        assert (await game.receive())["code"] == "no_save"
        assert (await game.hello())["seq"] == 6
        assert (await game.say("Hi"))[-1]["reason"] == "done"


@pytest.mark.parametrize(
    ("failure", "code"),
    [(SetupError("No model."), "setup"), (EngineError("Dead."), "engine"), (OSError(5), "internal")],
)
async def test_a_session_that_cannot_be_opened(
    serve: "Serve", new_room: "type[Room]", failure: Exception, code: str
) -> None:
    async with serve(room=new_room(refuse=[failure])) as server:
        async with server.game() as game:
            await game.send("hello", protocol=1)
            error = await game.receive()
            assert (error["code"], error["fatal"]) == (code, True)
            assert (await game.closed())[0] == 1011
        async with server.game() as game:
            assert await game.hello()


async def test_each_unknown_key_is_noted_once(serve: "Serve") -> None:
    async with serve() as server, server.game() as game:
        welcome = await game.hello(colour=1, player={"id": "p", "nick": "x"})
        assert welcome["seq"] == 1
        for _ in range(2):
            entities = [{"id": "a", "glow": 1}, {"id": "b", "glow": 2}]
            await game.send("scene", entities=entities)
            await game.send("game.event", name="x", params={"anything": 1})
        said = await game.say("Hi")
        notices = [message for message in said if message["type"] == "notice"]
        keys = ["hello.colour", "hello.player.nick", "scene.entities.glow"]
        assert [notice["message"].split()[0] for notice in notices] == keys
        assert {notice["code"] for notice in notices} == {"unknown_key"}


@pytest.mark.parametrize(("text", "code", "end"), [("break", "internal", 1011), ("finish", None, 1000)])
async def test_a_session_that_ends_by_itself(serve: "Serve", text: str, code: str | None, end: int) -> None:
    async with serve() as server, server.game() as game:
        await game.hello()
        await game.send("player.text", text=text)
        if code:
            error = await game.receive()
            assert (error["code"], error["fatal"]) == (code, True)
        assert (await game.closed())[0] == end


async def test_a_failed_turn_is_the_sessions_affair(serve: "Serve") -> None:
    async with serve() as server, server.game() as game:
        await game.hello()
        await game.send("player.text", text="fail")
        assert (await game.until("turn.end"))["reason"] == "failed"
        assert (await game.say("Hi"))[-1]["reason"] == "done"


async def test_push_to_talk_is_cut_at_its_limit(serve: "Serve") -> None:
    async with serve(utterance_seconds=0.1) as server, server.game() as game:
        await game.hello()
        await game.send("listen.start", mode="push_to_talk", rate=16000)
        for _ in range(10):
            await game.socket.send(b"\x00" * 640)
        error = await game.receive()
        assert error["code"] == "audio_too_long"
        await game.send("listen.stop")
        assert (await game.receive())["text"] == "3200 bytes"
        await game.until("turn.end")
        await game.send("listen.start", mode="open_mic", rate=16000)
        for _ in range(10):
            await game.socket.send(b"\x00" * 640)
        await game.send("listen.stop")
        assert (await game.receive())["text"] == "9600 bytes"


async def test_too_many_messages_are_dropped_with_one_error(serve: "Serve") -> None:
    async with serve(messages_per_second=0.001, burst=5) as server, server.game() as game:
        await game.hello()
        for number in range(20):
            await game.send("playback", turn=number, played_ms=0)
        error = await game.receive()
        assert error["code"] == "rate_limited"
        await game.send("bye")
        with anyio.move_on_after(0.05):
            pytest.fail(str(await game.receive()))
        assert len(server.room.sessions[0].handled) == 4


async def test_messages_are_json_without_surprises(serve: "Serve") -> None:
    async with serve() as server, server.game() as game:
        await game.hello()
        said = await game.say('Þórr "ás" \u2028 😀 \u0000')
        assert json.loads(json.dumps(said[0]["text"])) == 'Þórr "ás" \u2028 😀 \u0000'
