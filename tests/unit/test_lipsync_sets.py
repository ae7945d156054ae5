"""Frames in every target set: what reaches the game."""

from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.errors import EngineError
from npc_runtime.events import VisemeFrame, VisemeSet
from npc_runtime.lipsync.sets import SETS, target_set
from npc_runtime.lipsync.visemes import clip_track, visemes
from npc_runtime.speech import Clip, TimedPhone, Timing

ALPHABET = ["", *"pbmfvtdkɡszʃʒhʔnlŋwjaeiouɑɔəɪʊøyɯçcɾr", "tʃ", "aɪ", "pf", "ː", "ǃ"]
phone_lists = st.lists(
    st.builds(TimedPhone, st.sampled_from(ALPHABET), st.integers(0, 6000), st.booleans(), st.booleans()), max_size=20
)


def clip(
    phones: list[TimedPhone], rate: int = 22050, language: str = "en", timing: Timing = "exact", extra: int = 0
) -> Clip:
    total = sum(phone.samples for phone in phones) + extra
    return Clip(np.zeros(total, np.float32), rate, tuple(phones), timing, language)


def sent(text: str, target: VisemeSet, language: str = "en") -> list[tuple[str, float]]:
    """Ids and weights for phones written with spaces between them."""
    phones = [TimedPhone(ipa.strip("-"), 2205, word_start=True) for ipa in text.split()]
    return [(id_, weight) for _, _, id_, weight in visemes(clip(phones, language=language), target)]


def poses(frames: tuple[VisemeFrame, ...]) -> list[tuple[tuple[float, float], list[tuple[str, float]]]]:
    return [
        (times, [(id_, weight) for _, _, id_, weight in group]) for times, group in groupby(frames, key=lambda f: f[:2])
    ]


@pytest.mark.parametrize("target", SETS)
@given(
    phones=phone_lists,
    rate=st.integers(4000, 192_000),
    language=st.sampled_from(["en", "de", "tr", "fi", "en-GB"]),
    start_ms=st.sampled_from([0.0, 1234.567, 1000 / 3]),
)
def test_frames_tile_the_clip_in_every_set(
    target: VisemeSet, phones: list[TimedPhone], rate: int, language: str, start_ms: float
) -> None:
    spoken = clip(phones, rate, language)
    frames = visemes(spoken, target, start_ms=start_ms)
    if not len(spoken.audio):
        assert frames == ()
        return
    shown = poses(frames)
    assert shown[0][0][0] == round(start_ms, 3)
    assert shown[-1][0][1] == round(start_ms + len(spoken.audio) * 1000 / rate, 3)
    assert all(a[0][1] == b[0][0] for a, b in pairwise(shown))
    assert all(start < end for (start, end), _ in shown)
    assert all(a[1] != b[1] for a, b in pairwise(shown)), "neighbours that look the same are one"
    for _, shapes in shown:
        weights = [weight for _, weight in shapes]
        assert weights == sorted(weights, reverse=True)
        assert len({id_ for id_, _ in shapes}) == len(shapes)
        assert all(0 <= weight <= 1 and weight == round(weight, 3) for weight in weights)
        assert {id_ for id_, _ in shapes} <= set(target_set(target).ids)


@pytest.mark.parametrize("target", SETS)
def test_clips_of_a_turn_meet_at_the_same_number(target: VisemeSet) -> None:
    first = clip([TimedPhone("a", 10_001)])
    second = clip([TimedPhone("b", 3_333)])
    assert visemes(first, target)[-1][1] == visemes(second, target, start_ms=first.duration_ms)[0][0]


@pytest.mark.parametrize(
    ("target", "text", "language", "expected"),
    [
        ("oculus", "ɪ ɔ ʊ", "en", [("ih", 0.7), ("oh", 0.9), ("ou", 0.7)]),
        ("oculus", "ɚ", "en", [("RR", 0.5), ("E", 0.3)]),
        ("oculus", "-- p", "en", [("sil", 1.0), ("PP", 1.0)]),
        ("arkit", "--", "en", [("jawOpen", 0.0)]),
        ("arkit", "u", "en", [("mouthPucker", 0.85), ("mouthFunnel", 0.5), ("jawOpen", 0.12)]),
        ("arkit", "ʌ", "en", [("jawOpen", 0.36)]),
        # Shapes of one pose add up: ɚ is RR and E, and both open the jaw.
        (
            "arkit",
            "ɚ",
            "en",
            [
                ("mouthPucker", 0.225),
                ("jawOpen", 0.216),
                ("mouthFunnel", 0.15),
                ("mouthStretchLeft", 0.096),
                ("mouthStretchRight", 0.096),
                ("mouthDimpleLeft", 0.066),
                ("mouthDimpleRight", 0.066),
            ],
        ),
        ("azure", "aɪ", "en", [("11", 1.0)]),
        ("azure", "aɪ", "de", [("2", 1.0), ("6", 1.0)]),
        ("azure", "dʒ", "en", [("19", 1.0), ("16", 1.0)]),
        ("azure", "dʒ", "de", [("16", 1.0)]),
        ("azure", "h ɛ", "en", [("12", 1.0), ("4", 1.0)]),
        ("azure", "ɔ", "tr", [("3", 1.0)]),
        ("azure", "--", "en", [("0", 1.0)]),
        ("rhubarb", "-- h ɛ l oʊ", "en", [("X", 1.0), ("C", 1.0), ("H", 1.0), ("E", 1.0), ("F", 1.0)]),
        ("rhubarb", "t d n k", "en", [("B", 1.0)]),
        ("skyrim", "-- s tʃ", "en", [("Aah", 0.0), ("DST", 0.8), ("ChJSh", 0.6), ("ChJSh", 0.9)]),
        ("skyrim", "aʊ", "en", [("BigAah", 0.9), ("OohQ", 0.7)]),
        ("vrm", "m a m", "tr", [("aa", 0.0), ("aa", 0.9), ("aa", 0.0)]),
        ("vrm", "-- b e", "de", [("aa", 0.0), ("ee", 0.8)]),
    ],
)
def test_shapes(target: VisemeSet, text: str, language: str, expected: list[tuple[str, float]]) -> None:
    assert sent(text, target, language) == expected


@pytest.mark.parametrize("target", SETS)
def test_every_id_of_a_set_can_be_reached(target: VisemeSet) -> None:
    text = "-- p f θ t k tʃ s n ɹ a ɛ ɪ o u l w ə ɜ ʌ ð iː h ɑ æ ɔ aʊ ɔɪ aɪ"
    assert {id_ for id_, _ in sent(text, target)} == set(target_set(target).ids)


def test_a_voice_whose_phones_do_not_fit_its_audio_is_broken() -> None:
    with pytest.raises(EngineError, match="2305 samples of audio but phones for 2205"):
        visemes(clip([TimedPhone("a", 2205)], extra=100), "oculus")


def test_numbers_are_plain_even_from_numpy_lengths() -> None:
    phones = [TimedPhone(ipa, int(np.int64(1500))) for ipa in "ta"]
    object.__setattr__(phones[0], "samples", np.int64(1500))
    for frame in visemes(clip(phones), "oculus"):
        assert [type(part) for part in frame] == [float, float, str, float]


def test_without_phones_the_jaw_follows_the_loudness() -> None:
    tone = np.sin(np.arange(22050) * 0.05).astype(np.float32) * 0.3
    tone[:8000] = 0
    silent = Clip(tone, 22050, (), "energy", "en")
    frames = visemes(silent, "vrm")
    assert frames[0][3] == 0.0
    assert frames[-1][3] > 0.5
    assert clip_track(silent).samples == 22050
