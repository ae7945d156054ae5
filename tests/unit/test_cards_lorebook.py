"""Lorebooks: which entries come to mind, by the rules of Character Card V3, and that no key can take long."""

from typing import Any

import pytest

from npc_runtime.content.cards.decorators import parse, without_decorators
from npc_runtime.content.cards.lore_keys import any_pattern
from npc_runtime.content.cards.lorebook import Lore, Lorebook, Moment, Said, activate
from npc_runtime.content.cards.macros import Cast

CAST = Cast("Mira", "the player")
TALK = (
    "Good morning.",
    "*Good morning, traveller.",
    "Is the ferry running?",
    "*It is. Two crowns.",
    "The bridge at Hollowfen is out, they say.",
)
"""Player and character in turn; a star marks the character."""


def entry(content: str, *keys: str, **more: Any) -> dict[str, Any]:
    base = {"keys": list(keys), "content": content, "extensions": {}, "enabled": True, "insertion_order": 0}
    return {**base, "use_regex": False, **more}


def said(*texts: str) -> tuple[Said, ...]:
    return tuple(Said(text.removeprefix("*"), by_character=text.startswith("*")) for text in texts)


def lore(*entries: dict[str, Any], talk: tuple[str, ...] = TALK, **more: Any) -> tuple[Lore, ...]:
    moment = {name: more.pop(name) for name in ("matched", "greeting", "crowded") if name in more}
    book = Lorebook.from_json({"extensions": {}, "entries": list(entries), **more})
    return activate(book, Moment(said(*talk), CAST, **moment), lambda text: len(text.split()))


CASES: list[tuple[str, list[dict[str, Any]], dict[str, Any], list[str]]] = [
    ("a key that was said", [entry("A", "ferry")], {}, ["A"]),
    ("a key that was not", [entry("A", "castle")], {}, []),
    ("any of several keys", [entry("A", "castle", "bridge")], {}, ["A"]),
    ("no keys", [entry("A")], {}, []),
    ("an empty key", [entry("A", "")], {}, []),
    ("switched off", [entry("A", "ferry", enabled=False)], {}, []),
    ("switched off, though constant", [entry("@@activate\nA", "ferry", enabled=False, constant=True)], {}, []),
    ("constant", [entry("A", constant=True)], {}, ["A"]),
    ("constant, with keys that were not said", [entry("A", "castle", constant=True)], {}, ["A"]),
    ("no content", [entry(" ", constant=True)], {}, []),
    ("selective, both said", [entry("A", "ferry", selective=True, secondary_keys=["crowns"])], {}, ["A"]),
    ("selective, one said", [entry("A", "ferry", selective=True, secondary_keys=["gold"])], {}, []),
    ("secondary keys that do not count", [entry("A", "ferry", selective=False, secondary_keys=["gold"])], {}, ["A"]),
    ("selective without secondary keys", [entry("A", "ferry", selective=True, secondary_keys=[])], {}, ["A"]),
    ("case does not count", [entry("A", "FERRY")], {}, ["A"]),
    ("case counts", [entry("A", "FERRY", case_sensitive=True)], {}, []),
    ("case counts and is right", [entry("A", "Hollowfen", case_sensitive=True)], {}, ["A"]),
    ("a pattern", [entry("A", r"bridge\s+at", use_regex=True)], {}, ["A"]),
    ("a pattern in slashes, with a flag", [entry("A", "/FERRY/i", use_regex=True)], {}, ["A"]),
    ("a pattern in slashes, without", [entry("A", "/FERRY/", use_regex=True)], {}, []),
    ("an invalid pattern", [entry("A", "ferry(", use_regex=True)], {}, []),
    ("an invalid pattern beside a good one", [entry("A", "ferry", "[", use_regex=True)], {}, []),
    ("a pattern is not for constant entries", [entry("A", "castle", use_regex=True, constant=True)], {}, []),
    ("a pattern ignores secondary keys", [entry("A", "f.rry", use_regex=True, secondary_keys=["x"])], {}, ["A"]),
    ("outside of the scan depth", [entry("A", "ferry")], {"scan_depth": 2}, []),
    ("inside of the scan depth", [entry("A", "ferry")], {"scan_depth": 3}, ["A"]),
    ("a scan depth of nothing", [entry("A", "bridge"), entry("B", constant=True)], {"scan_depth": 0}, ["B"]),
    ("a scan depth of its own", [entry("@@scan_depth 3\nA", "ferry")], {"scan_depth": 1}, ["A"]),
    ("once only", [entry("A", "ferry", "bridge", "crowns")], {}, ["A"]),
    (
        "in insertion order, then in the order of the book",
        [
            entry("C", "ferry", insertion_order=9),
            entry("A", "ferry", insertion_order=-1),
            entry("B", "ferry", insertion_order=9),
        ],
        {},
        ["A", "C", "B"],
    ),
    (
        "the budget drops what has the lowest priority",
        [entry("a b c", "ferry", priority=1), entry("d e", "ferry", priority=9), entry("f g", "ferry", priority=5)],
        {"token_budget": 4},
        ["d e", "f g"],
    ),
    (
        "the budget goes by insertion order without priorities",
        [entry("a b", "ferry", insertion_order=1), entry("c d", "ferry", insertion_order=2)],
        {"token_budget": 3},
        ["c d"],
    ),
    ("a budget for nothing", [entry("A", constant=True)], {"token_budget": 0}, []),
    (
        "one entry brings the next to mind",
        [entry("Eirik dug here.", "ferry"), entry("He was a brother.", "Eirik"), entry("C", "brother")],
        {"recursive_scanning": True},
        ["Eirik dug here.", "He was a brother.", "C"],
    ),
    ("and does not otherwise", [entry("Eirik dug.", "ferry"), entry("B", "Eirik")], {}, ["Eirik dug."]),
    (
        "a hidden key counts for others, and is not told",
        [entry("A {{hidden_key:Eirik}}", "ferry"), entry("B", "Eirik")],
        {"recursive_scanning": True},
        ["A", "B"],
    ),
    (
        "a comment does not count for others",
        [entry("A {{// Eirik}}", "ferry"), entry("B", "Eirik")],
        {"recursive_scanning": True},
        ["A"],
    ),
    (
        "two that name each other, each once",
        [entry("moon", "ferry", "tide"), entry("tide", "moon")],
        {"recursive_scanning": True},
        ["moon", "tide"],
    ),
    ("an additional key that was said", [entry("@@additional_keys crowns, gold\nA", "ferry")], {}, ["A"]),
    ("an additional key that was not", [entry("@@additional_keys gold\nA", "ferry")], {}, []),
    ("an additional pattern", [entry("@@additional_keys f.rry\nA", "castle", use_regex=True)], {}, ["A"]),
    ("a key that excludes", [entry("@@exclude_keys castle,bridge\nA", "ferry")], {}, []),
    ("it excludes constant entries too", [entry("@@exclude_keys bridge\nA", constant=True)], {}, []),
    ("too early", [entry("@@activate_only_after 3\nA", "ferry")], {}, []),
    ("late enough", [entry("@@activate_only_after 2\nA", "ferry")], {}, ["A"]),
    ("every second answer", [entry("@@activate_only_every 2\nA", "ferry")], {}, ["A"]),
    ("every third answer", [entry("@@activate_only_every 3\nA", "ferry")], {}, []),
    ("never", [entry("@@dont_activate\nA", "ferry")], {}, []),
    ("always", [entry("@@dont_activate\n@@activate\nA", "castle")], {}, ["A"]),
    ("still", [entry("@@keep_activate_after_match\nA", "castle")], {"matched": {0}}, ["A"]),
    ("no more", [entry("@@dont_activate_after_match\nA", "ferry")], {"matched": {0}}, []),
    ("not yet no more", [entry("@@dont_activate_after_match\nA", "ferry")], {"matched": {1}}, ["A"]),
    ("another greeting", [entry("@@is_greeting 1\nA", "ferry")], {"greeting": 0}, []),
    ("an unknown greeting", [entry("@@is_greeting 1\nA", "ferry")], {}, ["A"]),
    ("no room", [entry("@@ignore_on_max_context\nA", "ferry")], {"crowded": True}, []),
    ("macros", [entry("{{char}} ferries {{user}}.", "ferry")], {}, ["Mira ferries the player."]),
]


@pytest.mark.parametrize(("entries", "more", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_comes_to_mind(entries: list[dict[str, Any]], more: dict[str, Any], expected: list[str]) -> None:
    assert [found.text for found in lore(*entries, **more)] == expected


@pytest.mark.parametrize(
    ("lines", "depth", "role", "position"),
    [
        ("", None, "system", "after_char"),
        ("@@depth 2\n", 2, "system", "after_char"),
        ("@@depth 99\n", 5, "system", "after_char"),
        ("@@reverse_depth 1\n", 4, "system", "after_char"),
        ("@@reverse_depth 1\n@@depth 3\n@@depth 1\n", 3, "system", "after_char"),
        ("@@depth many\n@@@depth 1\n@@@depth 2\n", 1, "system", "after_char"),
        ("@@shimmer 4\n@@@glow\n@@@depth 3\n", 3, "system", "after_char"),
        ("@@depth 2\n@@@role user\n", 2, "system", "after_char"),
        ("@@role user\n@@depth 0\n", 0, "user", "after_char"),
        ("@@role king\n", None, "system", "after_char"),
        ("@@position scenario\n@@depth 2\n", None, "system", "scenario"),
        ("@@position moon\n@@@depth 2\n", 2, "system", "after_char"),
    ],
)
def test_where_it_belongs(lines: str, depth: int | None, role: str, position: str) -> None:
    (found,) = lore(entry(f"{lines}\nA\n", "ferry"))
    assert (found.text, found.depth, found.role, found.position) == ("A", depth, role, position)


def test_a_position_of_v2() -> None:
    assert [found.position for found in lore(entry("A", "ferry", position="before_char"))] == ["before_char"]


def test_decorators_may_stand_anywhere_and_are_never_told() -> None:
    assert parse("One.\n@@Strange!\n@@depth 4\nTwo.\n@@role user") == ({"depth": 4, "role": "user"}, "One.\nTwo.")
    assert without_decorators("  plain @@depth 4") == "  plain @@depth 4"


def test_wrong_types_count_as_absent() -> None:
    strange: dict[str, Any] = {"keys": "ferry", "content": "A", "insertion_order": "first", "priority": None}
    assert [found.text for found in lore(strange, {"keys": [3], "content": 4}, token_budget="much")] == ["A"]
    assert Lorebook.of_card({"character_book": []}).entries == ()


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(.*a){20}b",
        "(?:a|aa)+b",
        "(a{1,20}){1,10}b",
    ],
)
def test_a_pattern_that_would_explode_elsewhere_has_an_answer(pattern: str) -> None:
    assert not any_pattern([pattern], "a" * 100_000 + "!", case_sensitive=True)


@pytest.mark.parametrize(
    "pattern",
    ["(a{1,20}){1,11}", "a{1000}{1000}", "(" * 400 + ")" * 400, "a" * 201, r"(a)\1", "(?=a)a", "(?<!b)a", "*"],
)
def test_a_pattern_that_is_not_accepted_matches_nothing(pattern: str) -> None:
    assert not any_pattern([pattern, "a"], "aaaa" * 200, case_sensitive=True)


def test_patterns_have_a_length_and_a_number() -> None:
    assert any_pattern(["a" * 200], "a" * 200, case_sensitive=True)
    entries = [entry(f"{number}", "ferry", "x", use_regex=True) for number in range(40)]
    assert [found.text for found in lore(*entries, entry("plain", "ferry"))] == [str(n) for n in range(32)] + ["plain"]
