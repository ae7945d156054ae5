"""What of a reply may be passed on: whole words, whole tags, and as soon as the parser could use them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.llm.passage import Passage


def passed(text: str, written: str = "") -> list[str]:
    passage = Passage(written)
    return [piece for piece in (passage.take(character) for character in text) if piece]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("[emotion joy] Good day. ", ["[emotion joy]", " ", "Good ", "day. "]),
        ("Go.[action leave]", ["Go.", "[action leave]"]),
        ('[action tell what="a ] b"] x', ['[action tell what="a ] b"]', " "]),
        ("[emotion joy Welcome! Sit down.", ["[emotion joy Welcome! ", "Sit "]),
        ("[emotion joy\nSit ", ["[emotion joy\n", "Sit "]),
        ("[loose [emotion joy] Aye ", ["[loose ", "[emotion joy]", " ", "Aye "]),
        ("3 < 5 and <b>bold</b> ", ["3 ", "< ", "5 ", "and ", "<b>", "bold", "</b>", " "]),
        ("<e:joy:2>Aye ", ["<e:joy:2>", "Aye "]),
        ("<think>He is\n a [liar] </b> </think>Aye ", ["<think>He is\n a [liar] </b> </think>", "Aye "]),
        ("剣を直します。はい", ["剣を直します。"]),
    ],
)
def test_words_and_tags_leave_whole(text: str, pieces: list[str]) -> None:
    assert passed(text) == pieces


@pytest.mark.parametrize("text", ["x" * 450, "[" + "x" * 450, "<" + "x" * 450, "[action " + "x" * 2500])
def test_nothing_is_held_for_ever(text: str) -> None:
    assert passed(text)


def test_what_was_written_is_not_passed_on_again_and_its_tag_is_known() -> None:
    assert passed("leave] Aye ", "Good day. [action ") == ["leave]", " ", "Aye "]
    assert passed(" is", "[joy] Her name") == [" "]


@pytest.mark.parametrize(
    ("text", "sure"), [("Good day.", "day."), ('He said: "Go!"', '"Go!"'), ("Good da", ""), ("Go. [action le", "")]
)
def test_of_what_broke_off_a_last_word_with_its_mark_is_sure(text: str, sure: str) -> None:
    passage = Passage()
    passage.take(text)
    assert passage.broken_off() == sure
    assert passage.rest() == ""


@given(text=st.text(alphabet='ab .[]<>"/\n!act=think', max_size=80), cuts=st.lists(st.integers(0, 80)))
def test_nothing_is_lost_or_doubled_however_it_is_cut(text: str, cuts: list[int]) -> None:
    whole, pieces = Passage(), Passage()
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    taken = "".join(pieces.take(text[start:end]) for start, end in pairwise(places))
    assert taken == whole.take(text)
    assert taken + pieces.rest() == text
