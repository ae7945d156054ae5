"""The listener with a scripted detector: a frame's first sample says how probable speech is in it."""

import itertools
import sys
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npc_runtime.errors import AudioError, InputError
from npc_runtime.speech import Samples
from npc_runtime.stt.endpoint import EndpointPolicy, EndpointSettings, TurnHint
from npc_runtime.stt.listener import (
    PARTIAL_MS,
    Commit,
    Interrupted,
    Listener,
    ListenerEvent,
    Mode,
    Nothing,
    Partial,
    ProvisionalEnd,
    Resumed,
    VoiceStart,
)
from npc_runtime.stt.tone import Tone

FRAME = 512
MS = 32.0
QUIET = 0.001
PAUSE = int(EndpointSettings().provisional_ms / MS)
"""Frames of silence that announce a pause."""


class Script:
    """A frame is voiced when it is loud, and perhaps voiced when it is less so."""

    def __init__(self) -> None:
        self.resets = 0

    def __call__(self, frame: Samples) -> float:
        level = abs(float(frame[0]))
        return 0.9 if level > 0.1 else 0.4 if level > 0.01 else 0.02

    def reset(self) -> None:
        self.resets += 1


def pcm(pattern: str) -> bytes:
    """One frame per letter: `v` voiced, `f` faintly, `s` soft, `0` digital silence; neighbouring samples differ."""
    level = {"v": 0.5, "f": 0.05, "s": QUIET, "0": 0.0}
    frames = [np.full(FRAME, level[letter]) * (-1.0) ** np.arange(FRAME) for letter in pattern]
    return np.round(np.concatenate(frames) * 32767).astype("<i2").tobytes()


def listener(mode: Mode = "open_mic", policy: EndpointPolicy | None = None) -> Listener:
    return Listener(Script(), policy or EndpointPolicy(), 16_000, mode)


def told(events: list[ListenerEvent]) -> list[tuple[object, ...]]:
    """Events in a form that can be compared: audio as its number of frames and its sum."""
    found: list[tuple[object, ...]] = []
    for event in events:
        values = (getattr(event, name) for name in type(event).__slots__)
        found.append((type(event).__name__, *(v.tobytes() if isinstance(v, np.ndarray) else v for v in values)))
    return found


def kinds(events: list[ListenerEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def voiced_frames(samples: Samples) -> int:
    return int((np.abs(samples) > 0.1).sum()) // FRAME


def test_a_turn_from_voice_to_commit() -> None:
    ears = listener()
    events = ears.feed(pcm("s" * 30 + "v" * 12 + "s" * 5 + "v" * 10 + "s" * 30))
    start, first, resumed, second, commit = (event for event in events if not isinstance(event, Partial))
    assert start == VoiceStart(30 * MS)
    assert isinstance(first, ProvisionalEnd)
    assert (first.revision, first.last_voiced_ms) == (1, 42 * MS)
    assert len(first.samples) == (10 + 12 + PAUSE) * FRAME  # 320 ms of pre-roll, and everything up to now
    assert resumed == Resumed(1)
    assert isinstance(second, ProvisionalEnd)
    assert second.revision == 2
    assert isinstance(commit, Commit)
    assert (commit.revision, commit.last_voiced_ms, commit.too_long) == (2, 57 * MS, False)
    assert voiced_frames(commit.samples) == 22
    assert commit.samples[: len(second.samples)].tobytes() == second.samples.tobytes()


def test_what_is_much_softer_than_the_voice_was_is_its_echo() -> None:
    echo = np.full(FRAME, QUIET) * (-1.0) ** np.arange(FRAME)
    echo[0] = 0.2  # the detector is sure of it
    tail = np.round(np.tile(echo, 3) * 32767).astype("<i2").tobytes()
    start, end = listener().feed(pcm("v" * 12) + tail)
    assert start == VoiceStart(0.0)
    assert isinstance(end, ProvisionalEnd)
    assert end.last_voiced_ms == 12 * MS


def test_a_soft_voice_is_no_echo() -> None:
    soft = np.full(FRAME, QUIET) * (-1.0) ** np.arange(FRAME)
    soft[0] = 0.2
    assert kinds(listener().feed(np.round(np.tile(soft, 12) * 32767).astype("<i2").tobytes())) == ["VoiceStart"]


def test_a_voice_at_the_very_start_has_the_pre_roll_that_there_is() -> None:
    (_, end) = listener().feed(pcm("v" * 12 + "s" * 3))
    assert isinstance(end, ProvisionalEnd)
    assert len(end.samples) == (12 + PAUSE) * FRAME


@given(st.text("vfs0", min_size=1, max_size=150), st.lists(st.integers(0, 2 * FRAME * 150), max_size=15), st.booleans())
@settings(deadline=None, max_examples=60)
def test_any_chunking_gives_the_same_events(pattern: str, cuts: list[int], hold: bool) -> None:
    mode: Mode = "push_to_talk" if hold else "open_mic"
    data = pcm(pattern)
    whole, cut = listener(mode), listener(mode)
    expected = whole.feed(data) + whole.stop()
    edges = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    events = [event for start, end in itertools.pairwise(edges) for event in cut.feed(data[start:end])] + cut.stop()
    assert told(events) == told(expected)


@given(st.text("vs", min_size=1, max_size=200))
@settings(deadline=None, max_examples=60)
def test_no_voiced_frame_of_a_turn_is_lost_or_heard_twice(pattern: str) -> None:
    ears = listener()
    events = ears.feed(pcm(pattern)) + ears.stop()
    heard = sum(voiced_frames(event.samples) for event in events if isinstance(event, Commit))
    assert heard <= pattern.count("v")
    if "Nothing" not in kinds(events) and "VoiceStart" in kinds(events):
        # Single voiced frames far from a turn are clicks; what lies within runs of two is not.
        runs = [len(run) for run in pattern.split("s") if len(run) >= 2]
        assert heard >= sum(runs)


def test_a_hint_that_comes_late_ends_the_turn_at_once() -> None:
    ears = listener()
    ears.feed(pcm("v" * 12 + "s" * 3))
    assert ears.hint(TurnHint.UNFINISHED, 1) == []
    ears.feed(pcm("s" * 20))
    assert ears.hint(TurnHint.FINISHED, 2) == []  # of another pause
    (commit,) = ears.hint(TurnHint.FINISHED, 1)
    assert isinstance(commit, Commit)
    assert len(commit.samples) == 35 * FRAME
    assert ears.hint(TurnHint.FINISHED, 1) == []
    early = listener()
    early.feed(pcm("v" * 12 + "s" * 3))
    assert early.hint(TurnHint.UNFINISHED, 1) == []
    assert early.feed(pcm("s" * 20)) == []


@pytest.mark.parametrize(("vetoed", "ended"), [(1, False), (2, False), (3, True)])
def test_a_veto_makes_the_pause_longer_that_it_is_meant_for(
    monkeypatch: pytest.MonkeyPatch, vetoed: int, ended: bool
) -> None:
    monkeypatch.setattr("npc_runtime.stt.listener.ending", lambda samples: Tone.FALLING)
    ears = listener()
    ears.feed(pcm("v" * 12 + "s" * 4 + "v" * 8 + "s" * 2)) if vetoed > 1 else ears.feed(pcm("v" * 12 + "s" * 2))
    revision = min(vetoed, 2)
    ears.veto(vetoed)
    assert ears.hint(TurnHint.FINISHED, revision) == []
    assert kinds(ears.feed(pcm("s" * 8))) == ["Commit"] * ended
    assert kinds(ears.feed(pcm("s" * 8))) == ["Commit"] * (not ended)


def test_the_melody_is_judged_once_when_the_voice_has_died_away(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []

    def ending(samples: Samples) -> Tone:
        judged.append(len(samples) // FRAME)
        return Tone.RISING

    monkeypatch.setattr("npc_runtime.stt.listener.ending", ending)
    ears = listener()
    assert kinds(ears.feed(pcm("v" * 12 + "s" + "v" * 3 + "ffss")))[-1] == "ProvisionalEnd"
    assert judged == []
    ears.feed(pcm("s"))
    assert judged == [21]
    assert ears.hint(TurnHint.FINISHED, 2) == []
    assert kinds(ears.feed(pcm("s" * 13))) == ["Commit"]  # not sooner: a statement that rises goes on
    ears.feed(pcm("v" * 8 + "s" * 3))
    assert len(judged) == 2


def test_a_voice_that_grows_soft_is_heard_to_its_end() -> None:
    *_, first, resumed, second, commit = listener().feed(pcm("v" * 12 + "f" * 10 + "s" * 30))
    assert isinstance(first, ProvisionalEnd)
    assert first.last_voiced_ms == 13 * MS
    assert resumed == Resumed(1)
    assert isinstance(second, ProvisionalEnd) and isinstance(commit, Commit)
    assert second.last_voiced_ms == commit.last_voiced_ms == 22 * MS
    assert commit.revision == second.revision == 2


def test_no_partial_is_begun_when_the_voice_is_in_doubt() -> None:
    ears = listener(policy=EndpointPolicy(EndpointSettings(provisional_ms=96)))
    assert kinds(ears.feed(pcm("v" * int(PARTIAL_MS / MS) + "fs"))) == ["VoiceStart"]
    assert kinds(ears.feed(pcm("v"))) == ["Partial"]


def test_partials_come_one_at_a_time() -> None:
    ears = listener()
    assert kinds(ears.feed(pcm("v" * 60))) == ["VoiceStart", "Partial"]
    ears.partial_done()
    first, *more = ears.feed(pcm("v" * 20))
    assert isinstance(first, Partial)
    assert voiced_frames(first.samples) == 61
    assert more == []


def test_partials_of_a_long_turn_are_further_apart() -> None:
    ears = listener()
    places = []
    for frame in range(1000):
        if any(isinstance(event, Partial) for event in ears.feed(pcm("v"))):
            places.append(frame)
            ears.partial_done()
    gaps = [(after - before) * MS for before, after in itertools.pairwise(places)]
    assert min(gaps) > PARTIAL_MS - MS
    assert gaps[0] < PARTIAL_MS + 2 * MS
    assert gaps[-1] > 2000


def test_what_follows_a_commit_begins_with_its_own_onset() -> None:
    ears = listener()
    ears.feed(pcm("v" * 12 + "s" * 3))
    events = ears.feed(pcm("s" * 15 + "v" * 8 + "s" * 3))
    assert kinds(events) == ["Commit", "VoiceStart", "ProvisionalEnd"]
    end = events[-1]
    assert isinstance(end, ProvisionalEnd)
    assert voiced_frames(end.samples) == 8
    assert len(end.samples) >= (10 + 8 + PAUSE) * FRAME


def test_a_noise_is_dropped_but_a_soft_first_word_is_not() -> None:
    ears = listener()
    events = ears.feed(pcm("s" * 20 + "vvv" + "s" * 10 + "v" * 12 + "s" * 3))
    assert kinds(events) == ["VoiceStart", "Nothing", "VoiceStart", "ProvisionalEnd"]
    assert events[1] == Nothing("noise")
    assert isinstance(events[-1], ProvisionalEnd)
    assert voiced_frames(events[-1].samples) == 15
    events = listener().feed(pcm("s" * 20 + "vvv" + "s" * 60 + "v" * 12 + "s" * 3))
    assert isinstance(events[-1], ProvisionalEnd)
    assert voiced_frames(events[-1].samples) == 12


def test_an_endless_voice_is_cut_without_losing_a_sample() -> None:
    ears = listener()
    data = pcm("v" * 4000)
    events = [event for start in range(0, len(data), 32_000) for event in ears.feed(data[start : start + 32_000])]
    events += ears.stop()
    commits = [event for event in events if isinstance(event, Commit)]
    assert [commit.too_long for commit in commits] == [True, True, False]
    assert sum(voiced_frames(commit.samples) for commit in commits) == 4000


@pytest.mark.parametrize("letter", ["s", "0", "v"])
@pytest.mark.parametrize("mode", ["open_mic", "push_to_talk"])
def test_an_hour_of_anything_keeps_little(letter: str, mode: Mode) -> None:
    ears = listener(mode)
    half_a_minute = pcm(letter * 100) * 10
    most = 0
    for _ in range(113):
        ears.feed(half_a_minute)
        most = max(most, footprint(ears))
    assert most < (4_500_000 if letter == "v" else 2_500_000 if mode == "push_to_talk" else 200_000)


def footprint(ears: Listener) -> int:
    """Bytes of all arrays that the listener holds."""
    seen: set[int] = set()
    total = 0
    waiting: list[object] = [ears]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            total += (thing.base if thing.base is not None else thing).nbytes
        elif isinstance(thing, bytes):
            total += sys.getsizeof(thing)
        elif not isinstance(thing, str | int | float | type):
            waiting += list(getattr(thing, "__dict__", {}).values())
            waiting += [getattr(thing, name) for name in getattr(type(thing), "__slots__", ())]
            if isinstance(thing, Iterable):
                waiting += list(thing)
    return total


def test_push_to_talk() -> None:
    ears = listener("push_to_talk")
    assert kinds(ears.feed(pcm("s" * 5 + "v" * 8 + "s" * 60))) == ["VoiceStart", "ProvisionalEnd"]
    (commit,) = ears.stop()
    assert isinstance(commit, Commit)
    assert commit.revision == 1
    assert voiced_frames(commit.samples) == 8


def test_push_to_talk_without_a_voice() -> None:
    assert listener("push_to_talk").stop() == [Nothing("silence")]
    still = listener("push_to_talk")
    assert still.feed(pcm("0" * 50)) + still.stop() == [Nothing("silence")]
    soft = listener("push_to_talk")
    (commit,) = soft.feed(pcm("s" * 50)) + soft.stop()
    assert isinstance(commit, Commit)  # recognition amplifies, and may hear more
    assert len(commit.samples) == 50 * FRAME
    open_mic = listener()
    assert open_mic.feed(pcm("s" * 50)) + open_mic.stop() == []


def test_stop_ends_the_turn_and_the_stream_may_go_on() -> None:
    ears = listener()
    ears.feed(pcm("v" * 12)[:-300])
    (commit,) = ears.stop()
    assert isinstance(commit, Commit)
    assert len(commit.samples) == 12 * FRAME
    assert ears.stop() == []
    events = ears.feed(pcm("v" * 12 + "s" * 3))
    assert events[0] == VoiceStart(12 * MS)


@pytest.mark.parametrize(
    ("pattern", "played_db", "decided"),
    [
        ("v" * 12, None, [8 * MS]),
        ("vvvv" + "s" * 20, None, []),  # a cough
        ("s" * 100, None, []),
        ("v" * 12, -6.0, []),  # as loud as its echo may be
    ],
)
def test_a_voice_over_the_character_interrupts_once(
    pattern: str, played_db: float | None, decided: list[float]
) -> None:
    ears = listener()
    assert not any(isinstance(event, Interrupted) for event in ears.feed(pcm("v" * 12 + "s" * 40)))
    ears.character_speaks(played_db)
    events = ears.feed(pcm(pattern))
    assert [event.at_ms - 52 * MS for event in events if isinstance(event, Interrupted)] == decided
    ears.character_stops()
    assert not any(isinstance(event, Interrupted) for event in ears.feed(pcm("v" * 30)))


def test_a_policy_outlives_its_listeners() -> None:
    policy = EndpointPolicy()
    first = listener(policy=policy)
    first.feed(pcm("s" * 9 + "v" * 12 + "s"))  # the microphone vanishes in the middle of a turn
    second = listener("push_to_talk", policy)
    events = second.feed(pcm("s" * 4 + "v" * 12 + "s" * 60))
    assert kinds(events) == ["VoiceStart", "ProvisionalEnd"]
    assert events[0] == VoiceStart(4 * MS)
    policy.hint(TurnHint.FINISHED)
    assert second.feed(pcm("s" * 60)) == []
    assert kinds(second.stop()) == ["Commit"]


@pytest.mark.parametrize("rate", [0, 4_000, 1_000_000])
def test_wrong_rates(rate: int) -> None:
    with pytest.raises(InputError):
        Listener(Script(), EndpointPolicy(), rate)


def test_a_chunk_that_is_too_large_changes_nothing() -> None:
    ears = listener()
    ears.feed(pcm("v" * 5))
    with pytest.raises(AudioError):
        ears.feed(bytes(100_000_000))
    events = ears.feed(pcm("v" * 5 + "s" * 3))
    assert isinstance(events[-1], ProvisionalEnd)
    assert voiced_frames(events[-1].samples) == 10
