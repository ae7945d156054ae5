"""Framed decoding with small networks of which everything is known: the pieces, the margins, the check, its memory."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.speech import Samples
from npc_runtime.tts.framed import FIRST_FRAMES, MOST_FRAMES, Run, Stage, growing, pieces
from npc_runtime.tts.framed_check import check, reach
from npc_runtime.tts.framed_model import Sounding
from npc_runtime.tts.framed_sentence import begin
from npc_runtime.tts.framed_verdict import Verdict, VerdictFile

HOP = 4


def _network(left: int, right: int, hop: int = 1) -> Run:
    """Every result mixes the frames from `left` before to `right` after, each differently."""

    def run(window: Any, begin: int) -> Any:
        count = window.shape[-1]
        padded = np.pad(np.asarray(window, np.float64), ((0, 0), (0, 0), (left, right)))
        out = np.zeros((1, 1, count * hop))
        for at, phase in itertools.product(range(left + right + 1), range(hop)):
            out[0, 0, phase::hop] += padded[0, 0, at : at + count] * (1 + at + 0.1 * phase)
        return np.sin(out / 10)

    return run


def _frames(count: int) -> Any:
    return np.random.default_rng(count).uniform(-1, 1, (1, 1, count)).astype(np.float32)


margins = st.tuples(st.integers(0, 5), st.integers(0, 5))
plans = st.lists(st.integers(-1, 30), max_size=8)


@given(st.integers(0, 90), margins, margins, plans)
def test_any_pieces_join_to_the_whole(
    count: int, inner: tuple[int, int], outer: tuple[int, int], sizes: list[int]
) -> None:
    frames = _frames(count)
    first, second = _network(*inner), _network(*outer, HOP)
    whole = np.asarray(second(first(frames, 0), 0)).reshape(-1)
    made = list(pieces(frames, (Stage(first, *inner), Stage(second, *outer, HOP)), iter(sizes)))
    joined = np.concatenate([np.zeros(0), *made])
    assert len(joined) == count * HOP
    assert np.allclose(joined, whole, atol=1e-5)
    wanted = list(itertools.takewhile(lambda end: end < count, itertools.accumulate(max(size, 1) for size in sizes)))
    assert [len(piece) // HOP for piece in made[: len(wanted)]] == [max(size, 1) for size in sizes[: len(wanted)]]


@pytest.mark.parametrize(("left", "right"), [(2, 3), (3, 2)])
def test_a_margin_too_small_is_heard(left: int, right: int) -> None:
    frames, network = _frames(60), _network(3, 3)
    whole = np.asarray(network(frames, 0)).reshape(-1)
    made = np.concatenate(list(pieces(frames, (Stage(network, left, right),), iter([10]))))
    assert not np.allclose(made, whole, atol=1e-3)


def test_a_piece_is_made_when_it_is_asked_for_and_from_little() -> None:
    seen: list[tuple[int, int]] = []
    network = _network(2, 3, HOP)

    def run(window: Any, begin: int) -> Any:
        seen.append((begin, begin + window.shape[-1]))
        return network(window, begin)

    made = pieces(_frames(100), (Stage(run, 2, 3, HOP),), iter([10, 20]))
    assert seen == []
    assert len(next(made)) == 10 * HOP
    assert seen == [(0, 13)]
    next(made)
    assert seen[1:] == [(8, 33)]


def test_a_network_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="10 frames became 10 values instead of 4 each"):
        next(pieces(_frames(10), (Stage(_network(0, 0), 0, 0, HOP),), iter([10])))


def test_pieces_grow_and_stop_growing() -> None:
    sizes = list(itertools.islice(growing(), 8))
    assert sizes[0] == FIRST_FRAMES
    assert all(after in (2 * before, MOST_FRAMES) for before, after in itertools.pairwise(sizes))
    assert sizes[-2:] == [MOST_FRAMES, MOST_FRAMES]


@given(margins)
def test_the_margins_of_a_network_are_found(expected: tuple[int, int]) -> None:
    assert reach(_network(*expected), _frames(41), 1) == expected
    assert reach(_network(*expected, HOP), _frames(41), HOP) == expected


def _whole(frames: Any, flow: Run, generator: Run) -> Samples:
    sound: Samples = np.asarray(generator(flow(frames, 0), 0), np.float32).reshape(-1)
    return sound


def test_the_check_finds_the_margins() -> None:
    flow, generator, frames = _network(5, 4), _network(1, 2, HOP), _frames(90)
    verdict = check(_whole(frames, flow, generator), frames, flow, generator, HOP)
    assert verdict.framed
    assert (verdict.flow_left, verdict.flow_right, verdict.generator_left, verdict.generator_right) == (5, 4, 1, 2)
    assert verdict.difference < 1e-5


def _uses_the_mean(window: Any, begin: int) -> Any:
    return np.asarray(window) - np.mean(window)


@pytest.mark.parametrize(
    ("flow", "spoil", "reason"),
    [
        (_network(2, 2), lambda whole: whole + 0.01, "differs by 0.01"),
        (_network(2, 2), lambda whole: whole * np.nan, "differs by nan"),
        (_network(2, 2), lambda whole: whole[:-1], "360 samples instead of 359"),
        (_uses_the_mean, lambda whole: whole, "depend on 45 neighbours"),
    ],
)
def test_the_check_refuses_what_is_not_the_same(flow: Run, spoil: Any, reason: str) -> None:
    generator, frames = _network(1, 1, HOP), _frames(90)
    verdict = check(spoil(_whole(frames, flow, generator)), frames, flow, generator, HOP)
    assert not verdict.framed
    assert reason in verdict.reason


GOOD = Verdict("", 35, 34, 8, 7, 1.5e-5)
BAD = Verdict("its noise is not simply added")


@pytest.mark.parametrize("verdict", [GOOD, BAD])
def test_a_verdict_is_remembered_for_its_model_and_engine_only(tmp_path: Path, verdict: Verdict) -> None:
    file = VerdictFile(tmp_path / "new", b"model", "engine 1")
    assert file.read() is None
    file.write(verdict)
    assert VerdictFile(tmp_path / "new", b"model", "engine 1").read() == verdict
    assert VerdictFile(tmp_path / "new", b"other", "engine 1").read() is None
    assert VerdictFile(tmp_path / "new", b"model", "engine 2").read() is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == [file.path.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"{}",
        b"\xff\xfe",
        b"[" * 9000,
        json.dumps({"reason": ""}).encode(),
        json.dumps(
            {
                "reason": "",
                "flow_left": -1,
                "flow_right": 0,
                "generator_left": 0,
                "generator_right": 0,
                "difference": 0,
            }
        ).encode(),
    ],
)
def test_a_damaged_memory_is_no_memory(tmp_path: Path, content: bytes) -> None:
    file = VerdictFile(tmp_path, b"model", "engine")
    file.path.write_bytes(content)
    assert file.read() is None
    file.write(GOOD)
    assert file.read() == GOOD


def test_a_place_that_cannot_be_written_to_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    file = VerdictFile(tmp_path / "file" / "folder", b"model", "engine")
    file.write(GOOD)
    assert file.read() is None


RATE = 8000
SYMBOLS = ["^", "_", "s", "_", "a", "_", ".", "$"]


def _cut_up(audio: Samples, sizes: Sequence[int]) -> Iterator[Samples]:
    edges = [0, *itertools.accumulate(sizes)]
    for start, end in itertools.pairwise([*[edge for edge in edges if edge < len(audio)], len(audio)]):
        yield audio[start:end]


@given(
    st.lists(st.integers(0, 900), min_size=len(SYMBOLS), max_size=len(SYMBOLS)),
    st.lists(st.integers(1, 1500), max_size=12),
    st.integers(0, 3000),
    st.floats(0, 300),
)
def test_a_sentence_in_any_pieces_is_the_sentence_in_one(
    lengths: list[int], sizes: list[int], silent: int, pause: float
) -> None:
    audio = np.sin(np.arange(sum(lengths), dtype=np.float32) / 3)
    audio[:silent] = 0

    def speak(cuts: Sequence[int]) -> tuple[Any, Samples]:
        sounding = Sounding(np.asarray(lengths, np.int64), _cut_up(audio, cuts))
        sentence = begin(sounding, SYMBOLS, rate=RATE, language="en", gain=1.0, pause_ms=pause)
        if sentence is None:
            return (), np.zeros(0, np.float32)
        return sentence.trim.phones, np.concatenate([np.zeros(0, np.float32), *sentence.audio()])

    phones, joined = speak(sizes)
    assert sum(phone.samples for phone in phones) == len(joined)
    whole_phones, whole = speak([])
    assert phones == whole_phones
    assert np.array_equal(joined, whole)


def test_phones_are_known_as_soon_as_sound_begins_and_nothing_is_made_in_vain() -> None:
    asked: list[int] = []
    lengths = np.asarray([100, 100, 300, 100, 300, 100, 2000, 2000], np.int64)

    def made() -> Iterator[Samples]:
        for number in range(10):
            asked.append(number)
            yield np.zeros(500, np.float32) if number == 0 else np.full(500, 0.3, np.float32)

    sentence = begin(Sounding(lengths, made()), SYMBOLS, rate=RATE, language="en", gain=1.0, pause_ms=30)
    assert sentence is not None
    assert asked == [0, 1]
    assert [phone.ipa for phone in sentence.trim.phones] == ["", "s", "a", ""]
    joined = np.concatenate(list(sentence.audio()))
    assert len(joined) == sentence.trim.total
    assert max(asked) * 500 < sentence.trim.stop <= (max(asked) + 1) * 500


def test_without_lengths_all_is_heard_first() -> None:
    audio = np.concatenate([np.zeros(400, np.float32), np.full(4000, 0.3, np.float32), np.zeros(900, np.float32)])
    sentence = begin(
        Sounding(None, _cut_up(audio, [1000] * 5)), SYMBOLS, rate=RATE, language="en", gain=1.0, pause_ms=100
    )
    assert sentence is not None
    assert sentence.timing == "estimated"
    assert len(sentence.heard) == len(audio)
    assert sum(phone.samples for phone in sentence.trim.phones) == sum(map(len, sentence.audio()))


def test_pieces_fade_as_the_whole_does() -> None:
    audio = np.ones(3000, np.float32)
    sentence = begin(
        Sounding(np.asarray([0, 0, 500, 0, 500, 0, 1000, 1000], np.int64), _cut_up(audio, [1175, 3, 20])),
        SYMBOLS,
        rate=RATE,
        language="en",
        gain=1.0,
        pause_ms=10,
    )
    assert sentence is not None
    out = np.concatenate(list(sentence.audio()))
    assert (sentence.trim.stop, sentence.trim.fade) == (1200, 40)
    assert np.allclose(out[-40:], np.linspace(1, 0, 40), atol=1e-6)
