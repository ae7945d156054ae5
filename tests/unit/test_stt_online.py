"""A transcription service: what it is sent, what of its answers is believed, and every way in which it fails."""

import asyncio
import contextlib
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
import pytest
from hypothesis import given, settings, strategies
from pydantic import SecretStr
from tests._fault_server import unused_port
from tests.unit._transcribing import Answer, Asked, reply, transcribing, verbose

from npc_runtime.errors import Failing, ServiceError
from npc_runtime.speech import Samples, Transcript
from npc_runtime.stt.audio_file import read_audio
from npc_runtime.stt.online import OnlineEars
from npc_runtime.stt.service_answer import words

pytestmark = pytest.mark.anyio

KEY = "sk-very-s3cret-key"


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Somebody greets Brynja."""
    return read_audio(Path(__file__).parents[1] / "fixtures" / "audio" / "brynja_greeting.flac")


@asynccontextmanager
async def ears(url: str, *, model: str = "", patience: float = 20.0) -> AsyncIterator[OnlineEars]:
    online = OnlineEars(url, SecretStr(KEY), model=model, timeout=patience)
    try:
        yield online
    finally:
        await anyio.to_thread.run_sync(online.close)


async def heard(answer: Answer, samples: Samples, *, model: str = "", **more: Any) -> tuple[Transcript, list[Asked]]:
    with transcribing(answer) as service:
        async with ears(service.url, model=model) as online:
            language = more.pop("language", "en")
            return await online.hear(samples, language=language, hotwords=more.pop("hotwords", ())), service.asked


def says(data: Any) -> Answer:
    return lambda handler, _: reply(handler, data)


async def test_what_the_service_is_sent_and_what_comes_back(speech: Samples) -> None:
    quiet = np.concatenate([np.zeros(32_000, np.float32), speech, np.zeros(48_000, np.float32)])
    transcript, (asked,) = await heard(
        says(verbose("Good day, Brynja.")), quiet, language="en-US", hotwords=("Brynja Ironhand", "Hollowfen")
    )
    assert (transcript.text, transcript.language, transcript.reason) == ("Good day, Brynja.", "en", "")
    assert transcript.duration_ms == pytest.approx(len(quiet) / 16)
    assert 2000 < transcript.last_voiced_ms < 2000 + len(speech) / 16 + 50
    assert (asked.path, asked.key) == ("/v1/audio/transcriptions", f"Bearer {KEY}")
    assert asked.form == {
        "model": "whisper-1",
        "language": "en",
        "prompt": "Brynja Ironhand, Hollowfen.",
        "response_format": "verbose_json",
        "temperature": "0.0",
    }
    assert asked.rate == 16_000
    assert len(asked.audio) < len(speech) + 16_000, "silence costs money and makes Whisper invent words"


async def test_the_newer_models_have_the_short_form(speech: Samples) -> None:
    sure = {"text": "Good day.", "logprobs": [{"token": "Good", "logprob": -0.1}, {"token": " day", "logprob": -0.3}]}
    transcript, (asked,) = await heard(says(sure), speech, model="gpt-4o-mini-transcribe")
    assert transcript.text == "Good day."
    assert (asked.form["response_format"], asked.form["include[]"]) == ("json", "logprobs")
    guessed = sure | {"logprobs": [{"token": "Good", "logprob": -2.5}, "x", {"logprob": "?"}, {"logprob": -2.9}]}
    transcript, _ = await heard(says(guessed), speech, model="gpt-4o-mini-transcribe")
    assert (transcript.text, transcript.reason) == ("", "unclear")


async def test_a_service_without_the_long_form_is_asked_for_the_short_one(speech: Samples) -> None:
    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if asked.form["response_format"] == "verbose_json":
            reply(handler, {"error": {"message": "response_format must be json or text"}}, 400)
        else:
            reply(handler, {"text": "Good day."})

    with transcribing(answer) as service:
        async with ears(service.url) as online:
            for _ in range(2):
                assert (await online.hear(speech, language="en", hotwords=())).text == "Good day."
    assert [asked.form["response_format"] for asked in service.asked] == ["verbose_json", "json", "json"]


async def test_whether_the_long_form_is_known_is_not_learnt_from_a_sound_that_is_refused(speech: Samples) -> None:
    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if len(service.asked) <= 2:
            reply(handler, {"error": {"message": "audio file is too short"}}, 400)
        else:
            reply(handler, verbose("Thank you for watching.", no_speech=0.9, logprob=-1.2))

    with transcribing(answer) as service:
        async with ears(service.url) as online:
            with pytest.raises(ServiceError):
                await online.hear(speech, language="en", hotwords=())
            noise = await online.hear(speech, language="en", hotwords=())
    assert [asked.form["response_format"] for asked in service.asked] == ["verbose_json", "json", "verbose_json"]
    assert (noise.text, noise.reason) == ("", "no_speech")


async def test_only_its_own_key_reaches_a_service(speech: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
    for name in names:
        monkeypatch.setenv(name, f"value-of-{name}")
    sent: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        sent.append(str(handler.headers))
        reply(handler, verbose("Good day."))

    assert (await heard(answer, speech))[0].text == "Good day."
    assert KEY in sent[0] and not any(f"value-of-{name}" in sent[0] for name in names)


@pytest.mark.parametrize("sound", ["silence", "noise"])
async def test_what_nobody_said_is_not_sent(sound: str) -> None:
    samples = np.zeros(32_000, np.float32)
    if sound == "noise":
        samples = (0.02 * np.random.default_rng(1).standard_normal(32_000)).astype(np.float32)
    transcript, asked = await heard(says(verbose("Thank you for watching.")), samples)
    assert (transcript.text, transcript.reason, asked) == ("", {"silence": "silence", "noise": "no_speech"}[sound], [])


async def test_long_speech_goes_in_pieces_and_comes_back_in_order(speech: Samples) -> None:
    pause = np.zeros(16_000 * 9, np.float32)

    def answer(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        reply(handler, verbose(f"Piece of {len(asked.audio)}."))

    transcript, asked = await heard(answer, np.concatenate([speech, pause, speech[: len(speech) // 2], pause, speech]))
    assert len(asked) == 3
    assert {f"Piece of {len(one.audio)}" for one in asked} == set(transcript.text.rstrip(".").split(". "))


def refusal(status: int, message: str = "No.", **headers: str) -> Answer:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda handler, _: reply(handler, {"error": {"message": message}}, status, named)


def truncated(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"text": "Good')


def endless(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        handler.wfile.write(b" " * 65536)


def endless_error(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n")
    while True:
        handler.wfile.write(b" " * 65536)


def bomb(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    reply(handler, gzip.compress(b" " * (8 << 20)), headers=[("Content-Encoding", "gzip")])


def hangs_up(handler: BaseHTTPRequestHandler, _: Asked) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


FAULTS: dict[str, tuple[Answer, Failing]] = {
    "wrong key": (refusal(401, f"Incorrect API key provided: {KEY}"), "key"),
    "forbidden": (refusal(403), "key"),
    "unknown model": (refusal(404, f"The model does not exist; key {KEY}"), "request"),
    "too much": (refusal(413), "request"),
    "limit": (refusal(429), "limit"),
    "server": (refusal(500), "server"),
    "overloaded": (refusal(503), "server"),
    "gateway": (refusal(504), "timeout"),
    "elsewhere": (refusal(307, Location="http://example.org/v1/audio/transcriptions"), "request"),
    "html": (says(b"<html>Sign in</html>"), "broken"),
    "cut JSON": (says(b'{"text": "Good d'), "broken"),
    "other JSON": (says(["text"]), "broken"),
    "no text": (says({"text": None, "segments": []}), "broken"),
    "nested": (says(b"[" * 100_000), "broken"),
    "nothing": (says(b""), "broken"),
    "breaks off": (truncated, "broken"),
    "endless": (endless, "broken"),
    "endless error": (endless_error, "broken"),
    "bomb": (bomb, "broken"),
    "hangs up": (hangs_up, "broken"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_is_a_failure_of_its_kind(fault: str, speech: Samples) -> None:
    answer, failing = FAULTS[fault]
    with transcribing(answer) as service:
        async with ears(service.url) as online:
            with pytest.raises(ServiceError) as caught:
                await online.hear(speech, language="en", hotwords=())
            assert not online.busy
    error = caught.value
    assert error.failing == failing
    assert "127.0.0.1" in error.message and error.hint and "\n" not in str(error)
    assert KEY not in f"{error!s} {error!r} {error.__cause__!r} {online!r} {vars(online)}"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        ({"retry_after": formatdate(1e9, usegmt=True)}, 0.0),
        ({"x_ratelimit_reset_requests": "6m0s"}, 360.0),
    ],
)
async def test_when_it_may_be_asked_again(headers: dict[str, str], wait: float | None, speech: Samples) -> None:
    with pytest.raises(ServiceError) as caught:
        await heard(refusal(429, **headers), speech)
    assert caught.value.retry_after == wait


async def test_a_service_that_says_nothing_is_given_up(speech: Samples) -> None:
    done = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        done.wait(20)

    with transcribing(answer) as service:
        async with ears(service.url, patience=0.3) as online:
            with pytest.raises(ServiceError) as caught:
                await online.hear(speech, language="en", hotwords=())
        done.set()
    assert caught.value.failing == "timeout"


async def test_nobody_is_there(speech: Samples) -> None:
    with unused_port() as port:
        async with ears(f"http://127.0.0.1:{port}/v1") as online:
            with pytest.raises(ServiceError) as caught:
                await online.hear(speech, language="en", hotwords=())
    assert caught.value.failing == "connect"


@pytest.mark.parametrize(
    "url", ["http://[::1", "htp://127.0.0.1/v1", "127.0.0.1", "http://127.0.0.1:99999/v1", "http://a\x00b/"]
)
async def test_an_address_that_is_none(url: str, speech: Samples) -> None:
    async with ears(url) as online:
        with pytest.raises(ServiceError) as caught:
            await online.hear(speech, language="en", hotwords=())
    assert caught.value.failing == "request"


async def test_a_turn_that_is_left_leaves_the_service(speech: Samples) -> None:
    arrived, done = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def answer(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        loop.call_soon_threadsafe(arrived.set)
        done.wait(20)

    with transcribing(answer) as service:
        async with ears(service.url) as online, anyio.create_task_group() as tasks:

            async def ask() -> None:
                await online.hear(speech, language="en", hotwords=())

            tasks.start_soon(ask)
            await arrived.wait()
            assert online.busy
            tasks.cancel_scope.cancel()
        assert not online.busy
        done.set()


def believed(data: Any, *, seconds: float = 2.0, prompt: str = "") -> tuple[str, str]:
    return words(json.dumps(data).encode(), seconds=seconds, prompt=prompt)


def test_what_is_believed() -> None:
    assert believed(verbose("Good day.")) == ("Good day.", "")
    assert believed(verbose("Good day.", no_speech=0.9)) == ("Good day.", ""), "others say so for speech, too"
    assert believed(verbose("Thank you.", no_speech=0.9, logprob=-1.2)) == ("", "no_speech")
    assert believed(verbose("Thank you.", logprob=-1.9)) == ("", "unclear")
    assert believed({"text": "Good day."}) == ("Good day.", "")
    assert believed({"text": "[BLANK_AUDIO]"}) == ("", "unclear")
    assert believed({"text": ""}) == ("", "unclear")
    assert believed({"text": "Brynja, Hollowfen."}, prompt="Brynja, Hollowfen.") == ("", "unclear")
    assert believed({"text": "so " * 400}) == ("", "unclear"), "nobody speaks that fast"
    assert believed({"text": "I see it. I see it. I see it. I see it."}, seconds=4) == ("I see it.", "")


def test_only_the_segments_that_are_believed() -> None:
    good, bad = verbose("Good day."), verbose("Subscribe!", no_speech=0.9, logprob=-1.5)
    both = good | {"text": "Good day. Subscribe!", "segments": [*good["segments"], *bad["segments"], 7]}
    assert believed(both) == ("Good day.", "")
    odd = good | {"segments": [{"text": " Good day.", "avg_logprob": None, "no_speech_prob": "?"}]}
    assert believed(odd) == ("Good day.", "")


ANYTHING = strategies.recursive(
    strategies.sampled_from([None, True, "", "Good day.", 0, -1, 7, 10**400, 0.5, float("inf"), float("nan")]),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(
            strategies.sampled_from(["text", "segments", "avg_logprob", "no_speech_prob", "logprobs", "logprob"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(ANYTHING, ANYTHING, ANYTHING, strategies.text(max_size=99))
def test_whatever_it_answers(data: Any, segments: Any, logprobs: Any, text: str) -> None:
    for answer in (data, {"text": text, "segments": segments, "logprobs": logprobs}):
        with contextlib.suppress(ValueError):
            said, reason = believed(answer)
            assert bool(said) != bool(reason)
