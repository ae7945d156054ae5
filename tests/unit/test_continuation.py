"""Going on behind another's words: none of them is said twice, and no new one is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.llm.continuation import Continuation

OLD = st.sampled_from(["aye", "that", "blade", "is", "a", "disgrace", "steel", "does", "not", "lie", "schön", "değil"])
NEW = st.sampled_from(["leave", "it", "here", "ten", "crowns", "tomorrow", "größe", "yarın"])
MARK = st.sampled_from(["", "", "", ",", ".", "!", "?"])


def sentence(word: st.SearchStrategy[str], *, least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.tuples(word, MARK).map("".join), min_size=least, max_size=12)


def said(written: str, reply: str, *, cuts: list[int] | None = None, joined: bool = False) -> str:
    """What is new in a reply that comes in pieces."""
    continuation = Continuation(written, joined=joined)
    edges = [0, *sorted(cut % (len(reply) + 1) for cut in cuts or []), len(reply)]
    pieces = [reply[start:end] for start, end in pairwise(edges)]
    return "".join([*(continuation.feed(piece) for piece in pieces), continuation.close()])


CUTS = st.lists(st.integers(min_value=0, max_value=400), max_size=8)


@given(sentence(OLD, least=1), sentence(NEW), st.integers(min_value=0, max_value=12), CUTS)
def test_what_was_written_is_not_said_again_from_wherever_it_is_repeated(
    old: list[str], new: list[str], start: int, cuts: list[int]
) -> None:
    repeated = old[min(start, len(old)) :]
    assert said(" ".join(old), " ".join([*repeated, *new]), cuts=cuts).split() == new


@given(sentence(OLD), sentence(NEW, least=1), CUTS)
def test_new_words_all_stay(old: list[str], new: list[str], cuts: list[int]) -> None:
    reply = " ".join(new)
    assert said(" ".join(old), reply, cuts=cuts) == (f" {reply}" if old else reply)


@given(sentence(OLD), sentence(OLD | NEW), CUTS)
def test_where_the_reply_is_cut_makes_no_difference(old: list[str], reply: list[str], cuts: list[int]) -> None:
    written, text = " ".join(old), " ".join(reply)
    whole = said(written, text)
    assert said(written, text, cuts=cuts) == whole
    assert text.endswith(whole.strip())


@given(st.text(alphabet="ab .[]e", max_size=40), st.text(alphabet="ab .[]e", max_size=60), CUTS)
def test_anything_at_all_is_cut_the_same_way(written: str, reply: str, cuts: list[int]) -> None:
    assert said(written, reply, cuts=cuts, joined=True) == said(written, reply, joined=True)


@pytest.mark.parametrize(
    ("written", "reply", "new"),
    [
        ("Aye. That blade", "Aye. That blade's a disgrace.", "'s a disgrace."),
        ("That blade's a dis", "That blade's a disgrace, here.", "grace, here."),
        ("Bring the sword a", "and go.", " and go."),
        ("Aye. That blade is", "Aye. That blade is a disgrace.", " a disgrace."),
        ("Aye. That blade is", "blade is a disgrace.", " a disgrace."),
        ("Aye. Leave it", "Aye. Leave it. Come back tomorrow.", ". Come back tomorrow."),
        ("I will mend it here.", "I will mend it here and now.", " and now."),
        ("I know you.", "You should leave.", " You should leave."),
        ("I'll mend it. Come back tomorrow.", "I'll mend it. Ten crowns.", " Ten crowns."),
        ("Aye. Leave it here.", "Aye.", ""),
        ("He said", "“he SAID, leave”", ", leave”"),
        ("One", "", ""),
        ("", "Aye. Leave it.", "Aye. Leave it."),
    ],
)
def test_words(written: str, reply: str, new: str) -> None:
    assert said(written, reply) == new


def test_an_action_is_not_done_twice_and_another_is() -> None:
    written = "[emotion joy] Here. [action give item=sword]"
    reply = "Here. [action give item=sword] [emotion anger] Go. [action  give item=sword] [action attack]"
    assert said(written, reply).split() == ["[emotion", "anger]", "Go.", "[action", "attack]"]


def test_a_feeling_before_the_new_words_counts_between_sentences_only() -> None:
    assert said("[emotion joy] Aye.", "[emotion anger] Aye. Go.") == " [emotion anger] Go."
    assert said("[emotion joy] Aye, that", "[emotion anger] Aye, that blade.") == " blade."


def test_a_model_that_goes_on_in_its_own_words_needs_no_blank() -> None:
    assert said("That blade's a dis", "grace. Leave it.", joined=True) == "grace. Leave it."
