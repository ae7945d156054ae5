"""The little language of `require`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content.conditions import MAX_LENGTH, Axis, ConditionError, all_hold, parse


class Facts:
    def standing(self, axis: Axis) -> float:
        return {"trust": 0.4, "respect": -0.2, "familiarity": 0.0, "affection": 1.0}[axis]

    def in_scene(self, name: str) -> bool:
        return name in ("forge", "iron sword", "0x1A2B")

    def is_done(self, name: str) -> bool:
        return name == "met"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("trust >= 0.4", True),
        ("trust > .4", False),
        ("trust>-1", True),
        ("respect < 0", True),
        ("-0.2 == respect", True),
        ("affection != 1", False),
        ("familiarity <= 0", True),
        ("trust > respect", True),
        ("scene.has(forge)", True),
        ("scene.has( well )", False),
        ('scene.has("iron sword")', True),
        ("scene.has('iron sword')", True),
        ("scene.has(0x1A2B)", True),
        ("done(met)", True),
        ("not done(banished)", True),
        ("not not done(met)", True),
        ("not done(met) or trust > 0", True),
        ("done(met) and done(banished) or trust > 0", True),
        ("done(met) and (done(banished) or trust > 0.9)", False),
        ("(trust) > (0.1)", True),
        ("not trust > 0.9", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert parse(text).holds(Facts()) is holds


@pytest.mark.parametrize(
    ("text", "offset", "hint"),
    [
        ("", 0, "trust"),
        ("trust", 0, "compare"),
        ("trust >", 7, "missing"),
        ("trust >> 1", 7, "missing"),
        ("trust = 1", 6, "=="),
        ("trst > 1", 0, "`trust`"),
        ("xyzzy > 1", 0, "known"),
        ("scene.hass(forge)", 0, "`scene.has`"),
        ("scene.has()", 10, "such as"),
        ("scene.has(iron sword)", 15, "quotes"),
        ("scene.has(forge", 9, ""),
        ("(trust > 1", 0, ""),
        ("trust > 1)", 9, ""),
        ("trust > 1 trust < 2", 10, "and"),
        ("0 < trust < 1", 10, "and"),
        ("done(met) > 1", 0, "and"),
        ("done(met) and 1", 14, "compare"),
        ("done(met) && done(x)", 10, "and"),
        ("done(met) | done(x)", 10, "or"),
        ("!done(met)", 0, "not"),
        ("and done(met)", 0, "missing"),
        ('scene.has("forge)', 10, "quote"),
        ("trust > __import__('os')", 8, "known"),
        ("not " * 13 + "done(x)", 48, ""),
        ("(" * 13 + "done(x)" + ")" * 13, 13, ""),
        ("done(x) or " * 30 + "done(x)", MAX_LENGTH, ""),
    ],
)
def test_what_is_wrong_with_a_condition_and_where(text: str, offset: int, hint: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert caught.value.offset == offset
    assert hint in caught.value.hint


def test_the_first_that_fails_is_named() -> None:
    assert all_hold(("trust > 0", "done(banished)", "trust > 9"), Facts()) == "done(banished)"
    assert all_hold((), Facts()) is None


@given(st.text(alphabet="trusdone.ha()<>=!&|\"' 01-+_", max_size=40))
def test_any_text_is_a_condition_or_an_error_inside_it(text: str) -> None:
    try:
        condition = parse(text)
    except ConditionError as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert condition.holds(Facts()) in (True, False)
