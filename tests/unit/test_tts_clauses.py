import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.tts.clauses import ClauseCutter


def _cut(*sentences: str, language: str = "en", max_chars: int = 250, merge_chars: int = 0) -> list[str]:
    cutter = ClauseCutter(language, max_chars=max_chars, merge_chars=merge_chars)
    pieces: list[str] = []
    for sentence in sentences:
        pieces += cutter.add(sentence + " ")
        pieces += cutter.sentence_end()
    return pieces + cutter.close()


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Halt!", ["Halt!"]),
        ("Aye, I can mend it.", ["Aye, I can mend", "it."]),
        ("Well then, I can mend it.", ["Well then,", "I can mend it."]),
        ("Hear me out: it broke.", ["Hear me out:", "it broke."]),
        ("I do not know… ask her.", ["I do not know…", "ask her."]),
        ("I do not know... ask her.", ["I do not know...", "ask her."]),
        ("I know not—ask her.", ["I know not—", "ask her."]),
        ("I know not — ask her.", ["I know not —", "ask her."]),
        ("I know not – ask her.", ["I know not –", "ask her."]),
        ("It costs 1,000 and 10:30 is late.", ["It costs 1,000 and 10:30", "is late."]),
        ('"Well then," he said.', ['"Well then,"', "he said."]),
        ('Read "Ash, Iron and Salt" first.', ['Read "Ash, Iron and Salt"', "first."]),
        ("Bring me three bars of good iron before dusk.", ["Bring me three bars", "of good iron before dusk."]),
        ("Bring three good bars of iron to the forge.", ["Bring three good bars", "of iron to the forge."]),
        ("Go find my friend Dr. Smith today.", ["Go find my friend", "Dr. Smith today."]),
        ("I know well what you're talking of.", ["I know well", "what you're talking of."]),
        ("Visit us at http://a.example/x soon.", ["Visit us at http://a.example/x", "soon."]),
    ],
)  # fmt: skip
def test_the_first_piece_is_a_clause(sentence: str, expected: list[str]) -> None:
    assert _cut(sentence) == expected


@pytest.mark.parametrize(
    ("language", "sentence", "expected"),
    [
        ("de", "Bring mir drei gute Barren Eisen in die Schmiede heute.", "Bring mir drei gute"),
        ("tr", "Bana akşamdan önce üç iyi demir çubuk ve çekiç getir.", "Bana akşamdan önce üç"),
        ("xx", "aa bb cc dd ee ff gg hh ii jj.", "aa bb cc dd"),
    ],
)  # fmt: skip
def test_no_piece_ends_on_a_word_that_leans_on_the_next(language: str, sentence: str, expected: str) -> None:
    assert _cut(sentence, language=language)[0] == expected


def test_later_pieces_are_whole_sentences() -> None:
    assert _cut("Well met, friend.", "Steel, you see, does not lie.", "Men do.") == [
        "Well met,",
        "friend.",
        "Steel, you see, does not lie.",
        "Men do.",
    ]


def test_later_sentences_can_be_merged() -> None:
    assert _cut("Well met.", "Yes.", "No.", "Perhaps tomorrow then.", "Go.", merge_chars=20) == [
        "Well met.",
        "Yes. No. Perhaps tomorrow then.",
        "Go.",
    ]


def test_a_slow_start_is_cut_after_350_ms() -> None:
    cutter = ClauseCutter("en")
    assert cutter.add("Steel never lies when") == []
    assert cutter.tick(349) == []
    assert cutter.tick(350) == ["Steel never lies"]
    assert cutter.tick(900) == []
    assert cutter.close() == ["when"]


def test_after_350_ms_the_third_word_is_enough() -> None:
    cutter = ClauseCutter("en")
    assert cutter.add("Steel ") + cutter.tick(500) + cutter.add("never li") == []
    assert cutter.add("es ever") == ["Steel never lies"]


def test_a_long_text_without_an_end_is_split_at_commas_then_spaces() -> None:
    text = "one two three four, " + "five six seven eight nine ten, " * 4 + "eleven " * 20
    cutter = ClauseCutter("en", max_chars=60)
    pieces = cutter.add(text) + cutter.close()
    assert all(len(piece) <= 60 for piece in pieces)
    assert pieces[1] == "five six seven eight nine ten,"
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_a_word_longer_than_the_limit_stays_whole() -> None:
    cutter = ClauseCutter("en", max_chars=20)
    assert cutter.add("Hear me, " + "a" * 90 + " then more words here") == ["Hear me,", "a" * 90]


def test_punctuation_alone_is_never_a_piece_of_its_own() -> None:
    assert _cut("Well then,", "...", "Right.") == ["Well then,", "... Right."]


WORDS = st.sampled_from(
    ["a", "the", "steel", "Dr.", "1,000", "3.5", "friend,", "well;", "so:", "—", "…", "...", '"short', 'title"', "“ok”",
     "–", "don't", "x" * 40, "😀", "\ud83d\ude00", "über", "ve", "10:30", "yes—no", "Halt!", "Why?", "l'été", "«a, b»",
     ",", "\n"]
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=200)


def _pieces(text: str, cuts: list[int], max_chars: int) -> list[str]:
    cutter = ClauseCutter("en", max_chars=max_chars)
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces: list[str] = []
    for start, end in pairwise(edges):
        pieces += cutter.add(text[start:end])
    return pieces + cutter.close()


@given(TEXT, st.lists(st.integers(0, 400), max_size=20), st.integers(10, 120))
def test_any_split_of_the_stream_gives_the_same_pieces_and_nothing_is_lost(
    text: str, cuts: list[int], max_chars: int
) -> None:
    pieces = _pieces(text, cuts, max_chars)
    assert pieces == _pieces(text, [], max_chars)
    assert _squeezed("".join(pieces)) == _squeezed(text)
    assert all(pieces)


@given(st.lists(TEXT, max_size=6), st.lists(st.floats(0, 900), max_size=6), st.integers(0, 80))
def test_nothing_is_lost_whatever_the_order_of_events(texts: list[str], ticks: list[float], merge: int) -> None:
    cutter = ClauseCutter("de", max_chars=60, merge_chars=merge)
    pieces: list[str] = []
    for at, text in enumerate(texts):
        pieces += cutter.add(text)
        if at < len(ticks):
            pieces += cutter.tick(ticks[at])
        if at % 2:
            pieces += cutter.sentence_end()
    pieces += cutter.close()
    assert _squeezed("".join(pieces)) == _squeezed("".join(texts))


@given(st.lists(WORDS, min_size=1, max_size=60), st.integers(10, 120))
def test_no_word_is_ever_cut(words: list[str], max_chars: int) -> None:
    text = " ".join(words)
    whole = set(_tokens(text))
    for piece in _pieces(text, [], max_chars):
        assert set(_tokens(piece)) <= whole


def _tokens(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"[^\s—…]+", text))


def _squeezed(text: str) -> str:
    return "".join(text.split())
