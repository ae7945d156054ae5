"""Forms of audio, the mailbox, the bucket, and files, without a server."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime import events
from npc_runtime.errors import InputError, OutputError
from npc_runtime.server import reading
from npc_runtime.server.audio_files import AudioFiles
from npc_runtime.server.delivery import Delivery
from npc_runtime.server.limits import TokenBucket
from npc_runtime.server.mailbox import Frame, Mailbox, Overflow

pytestmark = pytest.mark.anyio

RATE = 22050
TONE = (np.sin(np.arange(RATE) * 2 * np.pi * 440 / RATE) * 12000).astype("<i2")


def pieces(clause: int = 0, *, turn: int = 1, size: int = 1000, start_ms: float = 0.0) -> list[events.SpeechAudio]:
    return [
        events.SpeechAudio(
            turn=turn,
            clause=clause,
            rate=RATE,
            start_ms=start_ms + at * 1000 / RATE,
            last=at + size >= len(TONE),
            pcm=TONE[at : at + size].tobytes(),
        )
        for at in range(0, len(TONE), size)
    ]


def delivery(form: Any, rate: int | None, tmp_path: Path) -> Delivery:
    return Delivery(form, rate, session="s", files=AudioFiles(tmp_path))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("size", [100, 1000, 30000])
async def test_a_resampled_clause_has_its_length_its_times_and_no_clicks(tmp_path: Path, rate: int, size: int) -> None:
    form = delivery("binary", rate, tmp_path)
    out = [piece for each in pieces(size=size, start_ms=500) if (piece := await form.prepare(each))]
    made = np.concatenate([np.frombuffer(piece.pcm, "<i2") for piece in out if isinstance(piece, events.SpeechAudio)])
    assert abs(len(made) - rate) <= 2
    before = 0
    for piece in out:
        assert isinstance(piece, events.SpeechAudio)
        assert piece.rate == rate
        assert piece.start_ms == pytest.approx(500 + before * 1000 / rate, abs=0.01)
        before += len(piece.pcm) // 2
    assert [piece.last for piece in out if isinstance(piece, events.SpeechAudio)] == [False] * (len(out) - 1) + [True]
    steepest = 12000 * 2 * np.pi * 440 / rate
    middle = made[rate // 20 : -rate // 20].astype(float)
    assert np.abs(np.diff(middle)).max() < steepest * 1.05


async def test_a_clause_that_was_broken_off_leaves_nothing_in_the_next(tmp_path: Path) -> None:
    for form in (delivery("binary", 16000, tmp_path), delivery("file", None, tmp_path)):
        first = pieces()
        for piece in first[:5]:
            await form.prepare(piece)
        assert await form.prepare(events.SpeechStop(turn=1)) == events.SpeechStop(turn=1)
        out = [await form.prepare(piece) for piece in pieces(turn=2, start_ms=3.0)]
        heard = [piece for piece in out if isinstance(piece, events.SpeechAudio)]
        assert heard[0].start_ms == pytest.approx(3.0)
        if heard[0].path:
            with wave.open(heard[0].path, "rb") as file:
                assert file.readframes(RATE * 2) == TONE.tobytes()


def test_old_files_go_first_and_all_at_the_end(tmp_path: Path) -> None:
    files = AudioFiles(tmp_path / "new", keep=2)
    paths = [files.write(str(number), b"\0\0", 8000) for number in range(4)]
    assert [path.exists() for path in paths] == [False, False, True, True]
    files.close()
    assert not list((tmp_path / "new").iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        AudioFiles(tmp_path / "file").write("x", b"", 8000)


def frame(seq: int, size: int = 10) -> Frame:
    return Frame(seq, events.SpeechStop(turn=1), "x" * size)


def test_the_mailbox_is_bounded_and_replays() -> None:
    box = Mailbox(100)
    for seq in range(1, 11):
        box.put(frame(seq))
    with pytest.raises(Overflow):
        box.put(frame(11, 1))
    assert [each.seq for each in box.since(3)] == list(range(4, 11))
    assert [each.seq for each in box.since(3, most=25)] == [4, 5]
    assert [each.seq for each in box.since(3, most=1)] == [4]
    box.forget(3)
    box.put(frame(11, 30))
    assert [each.seq for each in box.since(0)] == list(range(4, 12))
    box.put_last(frame(12, 1000))
    assert [each.seq for each in box.since(0)] == [12]
    with pytest.raises(Overflow):
        box.put(frame(13, 1))


def test_one_frame_may_be_larger_than_the_mailbox() -> None:
    box = Mailbox(100)
    box.put(frame(1, 1000))
    assert box.since(0)


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time


def test_the_bucket_allows_a_burst_and_then_the_rate() -> None:
    clock = Hands()
    bucket = TokenBucket(10, 5, clock)
    assert [bucket.take() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.time += 0.2
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    clock.time += 100
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=12,
)
types = st.sampled_from(["hello", "scene", "player.text", "listen.start", "action.result", "converse", "save"])


@given(json_values | st.fixed_dictionaries({"type": types}, optional={"text": json_values, "id": json_values}))
def test_whatever_a_game_sends_is_a_message_or_an_error_in_one_line(value: object) -> None:
    try:
        read = reading.read(value)
    except InputError as error:
        assert error.message
        assert "pydantic" not in error.message + error.hint
        assert len(error.message) < 400
    else:
        assert read.message.type


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_whatever_bytes_arrive(data: bytes | str) -> None:
    try:
        reading.parse(data)
    except InputError as error:
        assert error.code == "bad_json"
