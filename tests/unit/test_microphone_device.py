"""The microphone, on a device that the tests drive block by block."""

import sys
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from npc_runtime.audio.microphone import Microphone
from npc_runtime.errors import SetupError

pytestmark = pytest.mark.anyio


class PortAudioError(Exception):
    """As PortAudio has its own."""


class Stream:
    """An input stream that hears something when the test says so."""

    def __init__(self, samplerate: int, blocksize: int, callback: Callable[..., None], **options: Any) -> None:
        self.samplerate = samplerate
        self.blocksize = blocksize
        self.options = options
        self.closed = False
        self._callback = callback

    def start(self) -> None:
        if self.samplerate == 11_025:
            raise PortAudioError("Error starting stream: Internal PortAudio error [PaErrorCode -9986]")

    def close(self) -> None:
        self.closed = True

    def hear(self, number: int) -> None:
        """A block whose samples all have one value."""
        buffer = bytearray(number.to_bytes(2, "little") * self.blocksize)
        self._callback(memoryview(buffer), self.blocksize, None, None)
        buffer[:] = bytes(len(buffer))  # PortAudio's memory is used again


class Device:
    """Stands in for the module `sounddevice`."""

    PortAudioError = PortAudioError

    def __init__(self, rates: tuple[int, ...]) -> None:
        self.rates = rates
        self.streams: list[Stream] = []

    def query_devices(self, kind: str) -> dict[str, Any]:
        assert kind == "input"
        if not self.rates:
            raise PortAudioError("Error querying device -1")
        return {"name": "microphone", "default_samplerate": float(self.rates[0])}

    def check_input_settings(self, *, samplerate: int, **options: Any) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate")

    def RawInputStream(self, **options: Any) -> Stream:
        self.check_input_settings(samplerate=options["samplerate"])
        self.streams.append(Stream(**options))
        return self.streams[-1]


def plug_in(monkeypatch: pytest.MonkeyPatch, *rates: int) -> Device:
    """A microphone that can do some rates, its own first; none without any."""
    device = Device(rates)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    return device


@pytest.mark.parametrize(
    ("rates", "rate", "block"), [((48_000, 16_000), 16_000, 320), ((44_100,), 44_100, 882), ((8000,), 8000, 160)]
)
async def test_it_hears_at_16_khz_or_as_the_device_can(
    monkeypatch: pytest.MonkeyPatch, rates: tuple[int, ...], rate: int, block: int
) -> None:
    device = plug_in(monkeypatch, *rates)
    async with Microphone() as microphone:
        (stream,) = device.streams
        assert microphone.rate == stream.samplerate == rate
        assert stream.options == {"channels": 1, "dtype": "int16", "latency": "low"}
        stream.hear(5)
        assert await anext(microphone) == b"\5\0" * block
    assert stream.closed


async def test_blocks_come_in_order_from_the_devices_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    device = plug_in(monkeypatch, 16_000)
    heard: list[int] = []

    def speak() -> None:
        for number in range(50):
            device.streams[0].hear(number)

    async with Microphone() as microphone, anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, speak)
        with anyio.fail_after(5):
            async for pcm in microphone:
                heard.append(pcm[0])
                if len(heard) == 50:
                    break
    assert heard == list(range(50))
    assert microphone.dropped == 0


async def test_who_is_late_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    device = plug_in(monkeypatch, 16_000)
    async with Microphone() as microphone:
        for number in range(130):
            device.streams[0].hear(number)
        assert microphone.dropped == 30
        assert [(await anext(microphone))[0] for _ in range(100)] == list(range(30, 130))


async def test_it_ends_when_the_device_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("npc_runtime.audio.microphone._PATIENCE", 0.05)
    device = plug_in(monkeypatch, 16_000)
    async with Microphone() as microphone:
        device.streams[0].hear(1)
        with anyio.fail_after(5):
            assert [pcm[0] async for pcm in microphone] == [1]


@pytest.mark.parametrize(("rates", "says"), [((), "There is no microphone."), ((11_025,), "Internal PortAudio error.")])
async def test_a_microphone_that_cannot_be_used_is_a_setup_error(
    monkeypatch: pytest.MonkeyPatch, rates: tuple[int, ...], says: str
) -> None:
    device = plug_in(monkeypatch, *rates)
    with pytest.raises(SetupError) as caught:
        async with Microphone():
            pytest.fail("there is nothing to open")
    assert caught.value.message.endswith(says)
    assert "sound settings" in caught.value.hint
    assert all(stream.closed for stream in device.streams)
