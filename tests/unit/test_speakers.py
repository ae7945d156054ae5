"""Speakers, on a device that the tests drive block by block."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import numpy as np
import pytest

from npc_runtime import events
from npc_runtime.audio.speakers import Speakers
from npc_runtime.errors import SetupError

pytestmark = pytest.mark.anyio

RATE = 1000
BLOCK = 10
"""Samples, and milliseconds."""


class PortAudioError(Exception):
    """As PortAudio has its own."""


class Stream:
    """An output stream that asks for a block when the test says so."""

    def __init__(self, callback: Callable[..., None], samplerate: int, latency: str, actual: float) -> None:
        self.callback = callback
        self.samplerate = samplerate
        self.wish = latency
        self.latency = actual
        self.running = False
        self.closed = False

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.closed = True

    def block(self, count: int = BLOCK) -> list[int]:
        """What the device plays next."""
        assert self.running and not self.closed
        data = np.full((count, 1), 99, np.int16)
        self.callback(data, count, None, None)
        samples: list[int] = data[:, 0].tolist()
        return samples


class Device:
    """Stands in for the module `sounddevice`."""

    PortAudioError = PortAudioError

    def __init__(self, *, rate: int = RATE, latency: float = 0.0, busy: bool = False, there: bool = True) -> None:
        self.rate = rate
        self.latency = latency
        self.busy = busy
        self.there = there
        self.streams: list[Stream] = []

    def query_devices(self, kind: str) -> dict[str, Any]:
        assert kind == "output"
        if not self.there:
            raise PortAudioError("Error querying device -1")
        return {"name": "speakers", "default_samplerate": float(self.rate)}

    def OutputStream(self, **options: Any) -> Stream:
        if self.busy:
            raise PortAudioError("Error opening OutputStream: Device unavailable [PaErrorCode -9985]", -9985)
        assert (options.pop("channels"), options.pop("dtype")) == (1, "int16")
        self.streams.append(Stream(**options, actual=self.latency))
        return self.streams[-1]


class Clock:
    """A clock that runs ten times as fast as the loop's."""

    def now(self) -> float:
        return 10 * anyio.current_time()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    device = Device()
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    return device


def piece(*samples: int, turn: int = 1, clause: int = 0, start: float = 0.0, last: bool = False) -> events.SpeechAudio:
    pcm = np.array(samples, "<i2").tobytes()
    return events.SpeechAudio(turn=turn, clause=clause, rate=RATE, start_ms=start, last=last, pcm=pcm)


def tone(ms: int, *, turn: int = 1, start: float = 0.0, rate: int = RATE) -> events.SpeechAudio:
    pcm = np.full(ms * rate // 1000, 7, "<i2").tobytes()
    return events.SpeechAudio(turn=turn, clause=0, rate=rate, start_ms=start, last=True, pcm=pcm)


class Told:
    """Collects progress."""

    def __init__(self) -> None:
        self.all: list[tuple[int, float, bool]] = []

    def __call__(self, turn: int, played_ms: float, done: bool) -> None:
        self.all.append((turn, played_ms, done))


async def test_pieces_are_played_without_a_gap_and_then_there_is_silence(device: Device) -> None:
    speakers = Speakers()
    async with speakers.open(Told()):
        (stream,) = device.streams
        assert stream.samplerate == RATE
        assert stream.wish == "low"
        assert stream.block(3) == [0, 0, 0]
        speakers.play(piece(1, 2, 3))
        speakers.play(piece(4, 5, 6, start=3.0, last=True))
        assert [stream.block(4), stream.block(4)] == [[1, 2, 3, 4], [5, 6, 0, 0]]
        assert speakers.played_ms(1) == 6.0
    assert stream.closed


async def test_a_stop_silences_the_next_block_and_whatever_of_the_turn_still_comes(device: Device) -> None:
    speakers = Speakers()
    async with speakers.open(Told()):
        stream = device.streams[0]
        speakers.play(tone(500))
        speakers.play(piece(5, 5, turn=2))
        assert stream.block() == [7] * BLOCK
        speakers.stop(1)
        assert stream.block() == [5, 5] + [0] * (BLOCK - 2)
        speakers.play(tone(500, start=500.0))
        assert stream.block() == [0] * BLOCK
        assert speakers.played_ms(1) == BLOCK
        assert speakers.played_ms(2) == 2.0


async def test_progress_is_told_about_every_100_ms_and_at_the_end(device: Device) -> None:
    told = Told()
    speakers = Speakers()
    async with speakers.open(told):
        stream = device.streams[0]
        for _ in range(50):
            stream.block()
        speakers.play(tone(250))
        for _ in range(30):
            stream.block()
            await anyio.lowlevel.checkpoint()
        assert told.all == [(1, 10.0, False), (1, 110.0, False), (1, 210.0, False), (1, 250.0, False)]
        speakers.finish(1)
        assert told.all[4:] == [(1, 250.0, True)]
        stream.block()
        await anyio.lowlevel.checkpoint()
        assert len(told.all) == 5


async def test_a_turn_that_is_finished_is_done_when_its_last_sample_is_heard(device: Device) -> None:
    told = Told()
    speakers = Speakers()
    async with speakers.open(told):
        speakers.play(tone(15))
        speakers.finish(1)
        assert told.all == []
        for _ in range(3):
            device.streams[0].block()
            await anyio.lowlevel.checkpoint()
        assert told.all == [(1, 15.0, True)]


async def test_progress_is_told_on_the_event_loop(device: Device) -> None:
    threads: list[int] = []
    speakers = Speakers()

    def play_all() -> None:
        while speakers.played_ms(1) < 1000:
            device.streams[0].block()

    async with speakers.open(lambda *_: threads.append(threading.get_ident())):
        speakers.play(tone(1000))
        await anyio.to_thread.run_sync(play_all)
        await anyio.lowlevel.checkpoint()
    assert set(threads) == {threading.get_ident()}


async def test_what_is_still_on_its_way_through_the_device_has_not_been_heard(device: Device) -> None:
    device.latency = 0.025
    speakers = Speakers()
    async with speakers.open(Told()):
        speakers.play(tone(20))
        heard = []
        for _ in range(5):
            device.streams[0].block()
            heard.append(speakers.played_ms(1))
        assert heard == [0.0, 0.0, 0.0, 10.0, 20.0]


async def test_a_voice_with_another_rate_keeps_its_pitch_and_its_times(device: Device) -> None:
    device.rate = 48_000
    speakers = Speakers()
    async with speakers.open(Told()):
        wave = (10_000 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)).astype("<i2")
        for number, part in enumerate(np.split(wave, 5)):
            speakers.play(
                events.SpeechAudio(
                    turn=1, clause=0, rate=22_050, start_ms=200.0 * number, last=number == 4, pcm=part.tobytes()
                )
            )
        played = np.array(device.streams[0].block(48_000 + 480))
        assert not played[-400:].any()
        spectrum = np.abs(np.fft.rfft(played[:48_000]))
        assert int(spectrum.argmax()) == 440
        assert spectrum[440] > 0.98 * np.abs(np.fft.rfft(wave))[440] * 48_000 / 22_050
        assert speakers.played_ms(1) == 1000.0


async def test_endless_audio_takes_bounded_memory_and_its_times_go_on(device: Device) -> None:
    speakers = Speakers()
    async with speakers.open(Told()):
        for minute in range(4):
            speakers.play(tone(60_000, start=60_000.0 * minute))
        played = device.streams[0].block(240_000)
        assert played == [7] * 120_000 + [0] * 120_000
        assert speakers.played_ms(1) == 240_000.0
        speakers.play(tone(10, start=240_000.0))
        assert device.streams[0].block() == [7] * BLOCK


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"there": False}, "There are no speakers."),
        ({"busy": True}, "The speakers cannot be opened: Error opening OutputStream: Device unavailable."),
    ],
)
async def test_speakers_that_cannot_be_used_are_a_setup_error(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, bool], says: str
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(**fault))
    with pytest.raises(SetupError) as caught:
        async with Speakers().open(Told()):
            pytest.fail("there is nothing to open")
    assert caught.value.message == says
    assert "sound settings" in caught.value.hint


async def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SetupError, match="pip install sounddevice"):
        async with Speakers().open(Told()):
            pytest.fail("there is nothing to open")


async def test_turns_go_on_by_the_clock_when_the_device_is_gone_and_with_it_when_it_is_back(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npc_runtime.audio.speakers._TICK", 0.01)
    told = Told()
    speakers = Speakers(Clock())
    async with speakers.open(told):
        speakers.play(tone(300))
        speakers.finish(1)
        device.streams[0].block()
        assert not speakers.gone
        with anyio.fail_after(5):
            while not told.all or not told.all[-1][2]:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert speakers.gone
        assert told.all[-1] == (1, 300.0, True)
        speakers.play(tone(40, turn=2))
        assert device.streams[0].block() == [7] * BLOCK
        await anyio.sleep(0.02)
        assert not speakers.gone
