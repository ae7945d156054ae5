"""The canonical track: it tiles the clip exactly, closes the lips visibly and keeps the phonetics."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.lipsync.contact import widen
from npc_runtime.lipsync.table import phone_table
from npc_runtime.lipsync.track import Track, track
from npc_runtime.speech import TimedPhone

RATE = 22050
ALPHABET = ["", *"pbmfvtdkɡszʃʒhʔnlŋwjaeiouɑɔəɪʊøyɯçcɾr", "tʃ", "aɪ", "pf", "ː", "ǃ", ","]

phone_lists = st.lists(
    st.builds(TimedPhone, st.sampled_from(ALPHABET), st.integers(0, 6000), st.booleans(), st.booleans()), max_size=25
)


def spoken(*phones: str | tuple[str, int], rate: int = RATE, language: str = "en", each: int = 2000) -> Track:
    """A track of phones; `'` before one makes it stressed, `_` begins a word."""
    made = []
    for item in phones:
        text, samples = (item, each) if isinstance(item, str) else item
        made.append(TimedPhone(text.lstrip("'_"), samples, text.startswith("'"), text.startswith("_")))
    return track(made, rate, language)


def look(made: Track) -> list[tuple[str, int]]:
    """Strongest shape and length of each segment."""
    return [(segment.shapes[0][0], segment.end - segment.start) for segment in made.segments]


@given(
    phone_lists, st.sampled_from([8000, 16000, 22050, 24000, 44100, 48000]), st.sampled_from(["en", "de", "tr", "fi"])
)
def test_segments_tile_the_clip(phones: list[TimedPhone], rate: int, language: str) -> None:
    made = track(phones, rate, language)
    assert made.samples == sum(phone.samples for phone in phones)
    assert all(segment.end > segment.start for segment in made.segments)
    assert all(a.end == b.start for a, b in pairwise(made.segments))
    assert not made.segments or made.segments[0].start == 0
    for segment in made.segments:
        assert 0 <= segment.jaw <= 1
        assert all(0 <= weight <= 1 for _, weight in segment.shapes)
        if {"SS", "CH"} & {name for name, _ in segment.shapes}:
            assert segment.jaw <= 0.35


@given(phone_lists, st.sampled_from([1.0, 1.3, 2.0, 4.0]))
def test_every_closure_is_seen_at_any_pace(phones: list[TimedPhone], pace: float) -> None:
    quick = [TimedPhone(p.ipa, int(p.samples / pace), p.stressed, p.word_start) for p in phones]
    made = track(quick, RATE, "en")
    need = {name: math.ceil(contact.ms * RATE / 1000) for name, contact in phone_table().contacts.items()}
    runs: list[tuple[str, int]] = []
    for segment in made.segments:
        name, weight = segment.shapes[0]
        if name in need:
            assert weight >= (0.9 if name == "PP" else 0.8)
            if runs and runs[-1][0] == name:
                runs[-1] = (name, runs[-1][1] + segment.end - segment.start)
                continue
        runs.append((name, segment.end - segment.start))
    wanted = sum(need.get(name, 0) for name, _ in runs)
    closures = [phone for phone in quick if phone.ipa in ("p", "b", "m", "pf")]
    if made.samples >= wanted + 26 * max(need.values()):  # room for all, whatever zero-length phones there were
        assert all(length >= need[name] for name, length in runs if name in need)
        assert bool(closures) == any(name == "PP" for name, _ in runs)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["", "", "PP", "FF"])), max_size=20),
    st.integers(1, 200),
    st.integers(1, 200),
)
def test_widening_meets_every_need_there_is_room_for(parts: list[tuple[int, str]], lips: int, teeth: int) -> None:
    lengths, contacts = [length for length, _ in parts], [contact for _, contact in parts]
    needs = {"PP": lips, "FF": teeth}
    result = widen(lengths, contacts, needs)
    assert sum(result) == sum(lengths)
    assert all(length >= 0 for length in result)
    runs: list[tuple[str, int]] = []
    for contact, length in zip(contacts, result, strict=True):
        if contact and runs and runs[-1][0] == contact:
            runs[-1] = (contact, runs[-1][1] + length)
        else:
            runs.append((contact, length))
    if sum(lengths) >= sum(needs[contact] for contact, _ in runs if contact):
        assert all(length >= needs[contact] for contact, length in runs if contact)


def test_a_long_closure_takes_nothing() -> None:
    assert widen([100, 60, 100], ["", "PP", ""], {"PP": 50}) == [100, 60, 100]


def test_a_short_closure_borrows_from_the_sound_before_it_first() -> None:
    assert widen([100, 40, 100], ["", "PP", ""], {"PP": 50}) == [90, 50, 100]
    assert widen([20, 40, 100], ["", "PP", ""], {"PP": 50}) == [15, 50, 95]


def test_lips_stay_off_the_middle_of_a_vowel() -> None:
    made = spoken(("a", 2000), ("p", 250), ("a", 2000))
    first, closure, second = made.segments
    assert closure.start >= 2000 * 0.75
    assert closure.end <= 2250 + 2000 * 0.25
    assert closure.end - closure.start >= 0.025 * RATE
    assert (first.shapes[0][0], second.shapes[0][0]) == ("aa", "aa")


@pytest.mark.parametrize(
    ("phones", "language", "expected"),
    [
        (("a", "ɪ"), "en", [("aa", 2400), ("ih", 1600)]),
        (("aɪ",), "en", [("aa", 1200), ("ih", 800)]),
        (("t", "ʃ"), "en", [("DD", 1400), ("CH", 2600)]),
        (("t", "_ʃ"), "en", [("DD", 2000), ("CH", 2000)]),
        (("a", "'ɪ"), "en", [("aa", 2000), ("ih", 2000)]),
        (("t", "s"), "de", [("DD", 1600), ("SS", 2400)]),
        (("t", "s"), "en", [("DD", 2000), ("SS", 2000)]),
        (("pf",), "de", [("PP", 1000), ("FF", 1000)]),
        # A mark on its own lengthens what it follows.
        (("a", "ː"), "en", [("aa", 4000)]),
        (("c", "\u0327"), "de", [("kk", 4000)]),
        # h shows the vowel it leads to, else the one it comes from, else its own faint pose.
        (("h", "uː"), "en", [("ou", 2000), ("ou", 2000)]),
        (("h", "j", "u"), "en", [("ih", 2000), ("ih", 2000), ("ou", 2000)]),
        (("a", "h", "v"), "tr", [("aa", 2000), ("aa", 2000), ("FF", 2000)]),
        (("s", "h", "t"), "en", [("SS", 2000), ("kk", 2000), ("DD", 2000)]),
        # A glottal stop shows what was there before.
        (("ʌ", "ʔ", "n"), "en", [("aa", 2000), ("aa", 2000), ("nn", 2000)]),
        (("ʔ", "a"), "de", [("sil", 2000), ("aa", 2000)]),
        (("", "a", "."), "en", [("sil", 2000), ("aa", 2000), ("sil", 2000)]),
    ],
)
def test_layout(phones: tuple[str, ...], language: str, expected: list[tuple[str, int]]) -> None:
    assert look(spoken(*phones, language=language)) == expected


def test_stress_opens_the_mouth_a_little_more_but_never_beyond_full() -> None:
    plain, stressed, full = (spoken(phone).segments[0] for phone in ("ɛ", "'ɛ", "'ɑ"))
    assert stressed.shapes[0][1] == pytest.approx(0.99)
    assert stressed.jaw == pytest.approx(plain.jaw * 1.1)
    assert full.shapes == (("aa", 1.0),)


def test_unknown_phones_are_counted() -> None:
    assert spoken("ǃ", "a", "ǃ", "ʘ").unknown_phones == {"ǃ": 2, "ʘ": 1}
    assert not spoken("a").unknown_phones


@pytest.mark.parametrize(("rate", "samples"), [(0, 10), (-1, 10), (RATE, -1)])
def test_impossible_times_are_refused(rate: int, samples: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        track([TimedPhone("a", samples)], rate, "en")
