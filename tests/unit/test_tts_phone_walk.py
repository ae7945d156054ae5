import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.speech import TimedPhone
from npc_runtime.tts.phone_walk import walk


def _walk(symbols: Sequence[str], samples: Sequence[int], language: str = "en") -> list[tuple[str, int]]:
    return [(phone.ipa, phone.samples) for phone in walk(symbols, samples, language)]


def test_blanks_stress_marks_and_spaces_belong_to_the_next_phone() -> None:
    symbols = ["^", "_", "ˈ", "_", "a", "_", " ", "_", "d", "_", ".", "_", "$"]
    assert _walk(symbols, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]) == [
        ("", 1),
        ("a", 2 + 4 + 8 + 16),
        ("d", 32 + 64 + 128 + 256),
        ("", 512 + 1024 + 2048 + 4096),
    ]


def test_length_and_leftover_marks_extend_the_phone_before() -> None:
    assert _walk(["i", "_", "ː", "_", "n", "_", "\u0329"], [1, 2, 4, 8, 16, 32, 64]) == [("i", 7), ("n", 120)]


def test_stress_and_word_starts_are_told() -> None:
    phones = walk(["ˌ", "o", "ˈ", "k", " ", "d", ",", "ˈ", "a"], [1] * 9, "tr")
    assert phones == (
        TimedPhone("o", 2, False, True),
        TimedPhone("k", 2, True, False),
        TimedPhone("d", 2, False, True),
        TimedPhone("", 1),
        TimedPhone("a", 2, True, True),
    )


@pytest.mark.parametrize(
    ("symbols", "language", "expected"),
    [
        ("a_ɪ", "en", ["aɪ"]),
        ("a_ʊ", "de", ["aʊ"]),
        ("e_ɪ", "en", ["eɪ"]),
        ("o_ʊ", "en", ["oʊ"]),
        ("ɔ_ɪ", "en", ["ɔɪ"]),
        ("ɔ_ø", "de", ["ɔø"]),
        ("ɔ_ʏ", "de", ["ɔʏ"]),
        ("t_ʃ", "tr", ["tʃ"]),
        ("d_ʒ", "tr", ["dʒ"]),
        ("t_s", "de", ["ts"]),
        ("d_z", "de", ["dz"]),
        ("p_f", "de", ["pf"]),
        ("t_s", "en", ["t", "s"]),
        ("p_f", "tr", ["p", "f"]),
        ("t_ _ʃ", "en", ["t", "ʃ"]),
        ("a_ˈ_ɪ", "en", ["a", "ɪ"]),
        ("a_ː_ɪ", "en", ["a", "ɪ"]),
        ("t_,_ʃ", "en", ["t", "", "ʃ"]),
        ("t\u0361ʃ", "en", ["tʃ"]),
        ("a_ɪ_ɪ", "en", ["aɪ", "ɪ"]),
        ("a_ɪ_\u032f", "en", ["aɪ"]),
        ("c_\u0327", "de", ["ç"]),
        ("ç", "de", ["ç"]),
        ("ɑ_\u0303", "de", ["ɑ"]),
        ("a_\u0303", "de", ["a"]),
        ("ɜ_˞", "en", ["ɝ"]),
        ("ɡ", "en", ["ɡ"]),
        ("g", "en", ["ɡ"]),
        ("i_ʲ", "en", ["i"]),
        ("(_1_)_a", "de", ["a"]),
        ("a_3_#", "de", ["a"]),
        ("ˈ_ː_\u0303", "en", [""]),
        ("", "en", []),
    ],
)
def test_phones_are_what_lip_sync_looks_up(symbols: str, language: str, expected: list[str]) -> None:
    assert [ipa for ipa, _ in _walk(list(symbols), [1] * len(symbols), language)] == expected


def test_symbols_of_several_letters_are_cleaned() -> None:
    assert [ipa for ipa, _ in _walk(["aɪ", "c\u0327", "aː", "ɪ"], [1, 1, 1, 1])] == ["aɪ", "ç", "a", "ɪ"]


@pytest.mark.parametrize(
    ("onset", "silence"),
    [(None, 10), (0, 10), (12, 12), (17, 17), (25, 25), (90, 25)],
)
def test_what_is_silent_before_the_first_phone_is_silence(onset: int | None, silence: int) -> None:
    phones = walk(["^", "_", "ˈ", "p", "$"], [10, 10, 5, 20, 3], "en", onset=onset)
    assert [(phone.ipa, phone.samples) for phone in phones] == [("", silence), ("p", 45 - silence), ("", 3)]


def test_silences_around_a_phone_without_length_are_one() -> None:
    assert walk(["^", "a", "^"], [1, 0, 1], "en", onset=None) == (TimedPhone("", 2),)


SYMBOL = st.sampled_from([*"_ˈˌː ^$.,?!aɪʊetdʃʒszpfonkh(1)'-\u0327\u0303\u0361ʲc", "aɪ", "tʃ"])


@given(
    st.lists(st.tuples(SYMBOL, st.integers(0, 4000)), max_size=60),
    st.sampled_from(["en", "de", "tr"]),
    st.one_of(st.none(), st.integers(0, 50_000)),
)
def test_no_sample_is_lost_and_every_phone_is_clean(
    pairs: list[tuple[str, int]], language: str, onset: int | None
) -> None:
    phones = walk([symbol for symbol, _ in pairs], [count for _, count in pairs], language, onset=onset)
    assert sum(phone.samples for phone in phones) == sum(count for _, count in pairs)
    for phone in phones:
        assert type(phone.samples) is int
        assert phone.samples > 0
        assert phone.ipa == unicodedata.normalize("NFC", phone.ipa)
        assert all(unicodedata.category(char) in ("Ll", "Lo") for char in phone.ipa)
    assert not any(not a.ipa and not b.ipa for a, b in pairwise(phones))
