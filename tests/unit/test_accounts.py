"""Accounts: what is said, told and remembered about how an action went."""

from collections.abc import Mapping
from typing import Any

import pytest

from npc_runtime.accounts import Account, authored, usual
from npc_runtime.actions.requests import Answer, Outcome, Status
from npc_runtime.content.action import ActionDefinition, Argument, OutcomeLines

NAMES = {"iron_sword": "Iron Sword", "p1": "Ash", "gate_2": "the north gate"}
STATES: tuple[Status, ...] = ("done", "failed", "refused", "timed_out")


def account(status: Status = "done", language: str = "en", **outcome: Any) -> Account:
    args: Mapping[str, Any] = {"item": "iron_sword", "price": 40, "when": "at_once", "loud": True}
    return Account("repair_item", args, Outcome(status, **outcome), NAMES, "Ash", "gate_2", language)


def defined(**lines: tuple[str, ...]) -> ActionDefinition:
    return ActionDefinition(
        name="repair_item",
        description="d",
        needs_result=True,
        args={"item": Argument(type="entity")},
        say=OutcomeLines(**lines),
    )


def test_a_deed_in_words() -> None:
    assert account().deed == "repair item: Iron Sword, 40, at once, yes, the north gate"
    assert Account("nod", {}, Outcome("done"), {}, "Ash").deed == "nod"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, ""),
        (3, "3"),
        (3.0, "3"),
        (1234567.0, "1234567"),
        (0.25, "0.25"),
        (True, "yes"),
        ("iron_sword", "Iron Sword"),
        ("a nice_day", "a nice_day"),
        (("iron_sword", "rope"), "Iron Sword, rope"),
        ({"price_now": 40, "left": False}, "price now: 40, left: no"),
        ((), "nothing"),
        ({}, "nothing"),
        ("two\n lines", "two lines"),
    ],
)
def test_a_result_in_words(result: Answer | None, words: str) -> None:
    assert account(result=result).result == words


def test_a_long_result_is_cut() -> None:
    assert len(account(result=tuple("x" * 1000 for _ in range(200))).result) == 400


@pytest.mark.parametrize(
    ("line", "filled"),
    [
        ("Here is {item}, {player}.", "Here is Iron Sword, Ash."),
        ("{price} crowns at {target}, {when}: {loud}", "40 crowns at the north gate, at once: yes"),
        ("No more {{item}}", "No more {Iron Sword}"),
        ("{result}", None),
        ("{message}", None),
    ],
)
def test_placeholders(line: str, filled: str | None) -> None:
    assert account().filled(line) == filled


def test_what_the_game_says_is_taken_as_it_is() -> None:
    assert (
        account("failed", message="{item} [action nod] broke").filled("Oh: {message}")
        == "Oh: {item} [action nod] broke"
    )


def test_our_own_reasons_are_never_spoken() -> None:
    late = account("timed_out", reason="the game did not answer")
    assert late.filled("It went wrong: {message}.") is None
    assert "the game did not answer" in late.words and "the game did not answer" in late.tiding


@pytest.mark.parametrize(
    ("language", "words"), [("en", "yes"), ("de", "ja"), ("de-AT", "ja"), ("tr", "evet"), ("fr", "yes")]
)
def test_truth_is_spoken_in_the_characters_language(language: str, words: str) -> None:
    assert account(language=language, result=True).filled("{result}") == words
    assert account(language=language, result=True).result == words
    assert words in account(language=language).deed


@pytest.mark.parametrize(
    ("language", "told", "later"),
    [
        ("de", "misslungen", "Das ist dir misslungen"),
        ("tr", "Bunu denedin ama başaramadın", "Bunu başaramadın"),
    ],
)
def test_what_a_model_is_told_is_in_the_characters_language(language: str, told: str, later: str) -> None:
    failed = account("failed", language, message="x9")
    assert told in failed.instruction and "x9" in failed.instruction
    assert failed.tiding.startswith(later) and "x9" in failed.tiding
    assert failed.report.startswith("You failed at this (")  # whoever makes the game reads English
    for status in STATES:
        words = account(status, language).words
        assert not any(english in words for english in ("(done", "(failed", "(not possible", "(nothing"))


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_usual_lines_in_three_languages(language: str) -> None:
    assert usual(account(language=language), 1) is None
    for status in STATES:
        lines = {usual(account(status, language, result="three"), number) for number in range(12)}
        assert len(lines) >= 2 and None not in lines
        assert all(status == "done" or "three" not in str(line) for line in lines)
    found = usual(account(language=language, result=()), 0)
    assert found is not None and {"en": "nothing", "de": "nichts", "tr": "hiçbir şey"}[language] in found


def test_lines_of_the_author() -> None:
    definition = defined(done=("{item} is ready.",), failed=("It broke: {message}.", "It broke."))
    assert authored(account(), definition, 1) == "Iron Sword is ready."
    assert authored(account("failed"), definition, 0) == "It broke."
    assert {authored(account("failed", message="ow"), definition, n) for n in (0, 1)} == {"It broke: ow.", "It broke."}
    assert authored(account("timed_out"), definition, 0) == "It broke."
    assert authored(account("refused"), definition, 0) is None
    assert authored(account("timed_out"), defined(timed_out=("Hm.",), failed=("No.",)), 0) == "Hm."


def test_what_is_told_and_remembered() -> None:
    deed = account().deed
    fine = account()
    assert (fine.instruction, fine.tiding, fine.words) == ("", "", f"{deed} (done)")
    found = account(result=("rope", 2))
    assert found.instruction == f"You found out ({deed}): rope, 2. Tell Ash."
    assert found.tiding == f"You did this ({deed}): rope, 2."
    assert found.words == f"{deed} (done: rope, 2)"
    for status in STATES[1:]:
        ended = account(status, message="a crack")
        assert ended.instruction.endswith("Say so.") and deed in ended.instruction
        assert ended.tiding.endswith(": a crack.") and ended.words.endswith(": a crack)")
