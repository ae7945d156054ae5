"""The grammar of a reply: exact number ranges, and nothing but what is possible."""

import re

from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.llm.grammar import integer_range, reply_grammar, rest_grammar


def matches(patterns: list[str], text: str) -> bool:
    """GBNF sequences of digit classes are regular expressions once quotes and blanks are gone."""
    return any(re.fullmatch(re.sub(r'[" ]', "", pattern), text) for pattern in patterns)


@given(st.integers(-2000, 2000), st.integers(0, 3000), st.integers(-4000, 4000))
def test_integer_range_is_exact(low: int, span: int, value: int) -> None:
    patterns = integer_range(low, low + span)
    assert matches(patterns, str(value)) == (low <= value <= low + span)


@given(st.integers(-2000, 2000), st.integers(0, 3000))
def test_integer_range_has_both_ends_and_not_their_neighbours(low: int, span: int) -> None:
    patterns = integer_range(low, low + span)
    inside = [matches(patterns, str(low)), matches(patterns, str(low + span))]
    outside = [matches(patterns, str(low - 1)), matches(patterns, str(low + span + 1))]
    assert inside == [True, True]
    assert outside == [False, False]


def test_integer_range_has_no_leading_zeros_and_no_minus_zero() -> None:
    patterns = integer_range(-20, 300)
    assert not any(matches(patterns, text) for text in ("00", "007", "-0", "-01", "+5", ""))


def test_actions_are_spelled_out() -> None:
    option = ActionOption(
        "repair_item",
        "mend it",
        (
            ArgumentOption("item", "choice", choices=("iron_sword", "shield")),
            ArgumentOption("price", "integer", minimum=5, maximum=60),
            ArgumentOption("note", "text", max_length=20, required=False),
        ),
    )
    grammar = reply_grammar([option], max_sentences=2)
    assert '"repair_item" " item=" ("iron_sword" | "shield") " price=" ([5-9] | [1-5] [0-9] | "6" "0")' in grammar
    assert 'action ::= " [action " act "]"' in grammar
    assert '(" note=" "\\"" [^\\x00-\\x1f"\\[\\]\\\\]{1,20} "\\"")?' in grammar
    assert "action{0,2}" in grammar


def test_without_actions_none_can_be_written() -> None:
    assert "action" not in reply_grammar([], max_sentences=2)


def test_one_sentence_means_one() -> None:
    assert 'more ::= ""' in reply_grammar([], max_sentences=1)


def test_the_rest_of_a_reply_only_says_what_is_left() -> None:
    leave = ActionOption("leave", "Go away.")
    wanted = {
        (False, 2, True): 'root ::= " " word ([,;:]? " " word){0,27} end more action{0,2}',
        (False, 2, False): 'root ::= (" " sentence more)? action{0,2}',
        (False, 0, False): 'root ::= "" action{0,2}',
        (True, 0, False): 'root ::= "" (" [")?',
    }
    for (small, left, within), root in wanted.items():
        rules = rest_grammar([leave], small=small, max_sentences=left, within=within).splitlines()
        assert rules[0] == root
        assert any(rule.startswith("action ::=") for rule in rules) == (not small)
    assert "action" not in rest_grammar([], small=False, max_sentences=1, within=False)
