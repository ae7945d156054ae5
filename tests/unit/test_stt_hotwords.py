"""Names that recognition should expect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.stt.hotwords import MAX_NAMES, MAX_TOKENS, prompt


def by_letter(text: str) -> int:
    return len(text)


def by_word(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ([], ""),
        (["", "  ", "…"], ""),
        (["Brynja", "Hollowfen"], "Brynja, Hollowfen."),
        (["Brynja", "brynja", " Brynja "], "Brynja."),
        (["D'Artagnan", "Öskür-Hill", "St. Mary"], "D'Artagnan, Öskür-Hill, St. Mary."),
        (["<|endoftext|>", "[x]\nsword"], "endoftext, x sword."),
        (["a" * 41, "Torvald"], "Torvald."),
    ],
)
def test_prompt(names: list[str], line: str) -> None:
    assert prompt(names, by_word) == line


def test_the_first_names_win() -> None:
    line = prompt([f"Name {number}" for number in range(100)], by_word)
    assert line.startswith("Name 0, Name 1,")
    assert line.count("Name") == min(MAX_NAMES, MAX_TOKENS // 2)


@given(st.lists(st.text(max_size=60), max_size=50))
def test_always_within_bounds_and_without_control_characters(names: list[str]) -> None:
    line = prompt(names, by_letter)
    assert len(line) <= MAX_TOKENS
    assert not set(line) & set("<>|[](){}\n\t\0")
