"""The real server with services that hear and speak: they do it, and when they fail, this machine does, at once."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.engines import _speech_server as speech
from tests.engines._serving import Exchange, Message, Server, ends, is_heard, recording, serving, sounds
from tests.unit._transcribing import Asked, Service, reply, transcribing, verbose

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

KEY = "sk-never-tell-anybody-0123456789"
THEIRS = "Tell me about the flood, my good man."
RECORDING, SPOKEN = "barnaby_flood.flac", "flood"
MIRA = """
name: Mira Holloway
persona: {summary: Keeper of the lighthouse.}
voice: {name: nova}
"""
fails = threading.Event()
"""Whether the service for hearing fails."""


def transcribe(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
    if fails.is_set():
        reply(handler, {"error": {"message": f"bad key {KEY}"}}, 503)
    else:
        reply(handler, verbose(THEIRS))


@pytest.fixture(scope="module")
def hearing() -> Iterator[Service]:
    with transcribing(transcribe) as service:
        yield service


@pytest.fixture(scope="module")
def speaking() -> Iterator[speech.Service]:
    with speech.serving() as service:
        yield service


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hearing: Service, speaking: speech.Service) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("speech")
    (folder / "characters").mkdir()
    (folder / "characters" / "mira.yaml").write_text(MIRA, encoding="utf-8")
    environ = {
        "NPC_RUNTIME_CONTENT": str(folder),
        "NPC_RUNTIME_STT__BASE_URL": hearing.url,
        "NPC_RUNTIME_STT__API_KEY": KEY,
        "NPC_RUNTIME_TTS__BASE_URL": f"{speaking.url}/v1",
        "NPC_RUNTIME_TTS__MODEL": "kokoro",
        "OPENAI_API_KEY": "sk-of-somebody-else",
    }
    with serving(folder / "state", folder / "log.txt", **environ) as ready:
        yield ready


def said(got: Exchange, kind: Callable[[Message], bool]) -> list[Message]:
    return [message for message, _ in got if kind(message)]


def notices(got: Exchange) -> list[Message]:
    return said(got, lambda message: message["type"] == "notice")


async def test_a_service_hears_and_this_machine_when_it_fails(server: Server, hearing: Service) -> None:
    fails.clear()
    async with server.game(audio={"out": "binary"}) as game:
        await game.turn_to("barnaby")
        turns: list[Exchange] = []
        for failing in (False, True, True):
            if failing:
                fails.set()
            await game.send("listen.start", mode="push_to_talk", rate=16_000)
            await game.hear(recording(RECORDING))
            await game.send("listen.stop")
            turns.append(await game.answer())
    first, second, third = turns
    [heard] = said(first, is_heard)
    assert heard["text"] == THEIRS and not notices(first)
    assert hearing.asked[0].key == f"Bearer {KEY}" and hearing.asked[0].rate == 16_000
    for got in (second, third):
        [heard] = said(got, is_heard)
        assert SPOKEN in heard["text"].lower() and heard["text"] != THEIRS
        assert [end["reason"] for end in said(got, ends)] == ["done"]
    [notice] = [notice for notice in notices(second) if notice["code"] == "switched"]
    assert notice["message"].startswith("Whisper on this machine takes over from whisper-1 of 127.0.0.1")
    assert KEY not in str(turns)


async def test_a_service_speaks_and_a_voice_of_this_machine_when_it_fails(
    server: Server, speaking: speech.Service
) -> None:
    async with server.game(audio={"out": "binary"}) as game:
        before = len(speaking.seen)
        assert before < 8, "each clause costs money: nothing is prepared"
        got = await game.say("Good day to you.", "mira")
        [end] = said(got, ends)
        assert end["reason"] == "done" and said(got, sounds), got
        spoken = [asked["input"] for asked in speaking.seen[before:]]
        clauses = [clause["text"] for clause in said(got, lambda one: one["type"] == "say" and not one.get("filler"))]
        assert clauses and set(clauses) <= set(spoken)
        assert {asked["model"] for asked in speaking.seen} == {"kokoro"}
        assert not notices(got)
        speaking.status = 500
        told: list[Message] = []
        for line in ("And a good night.", "Who lives here?", "What is your name?"):
            got = await game.say(line, "mira")
            [end] = said(got, ends)
            assert end["reason"] == "done" and end["text"] and said(got, sounds)
            told += notices(got)
        assert [notice["code"] for notice in told] == ["voice_failed"]
        assert "openai" in told[0]["message"] and told[0]["hint"]
    assert speaking.keys and not any("somebody" in key for key in speaking.keys), "that key belongs to OpenAI"
