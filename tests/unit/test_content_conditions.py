"""The little language of `require`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content.conditions import (
    LEVELS,
    MAX_LENGTH,
    Axis,
    ConditionError,
    MoodAxis,
    Question,
    all_hold,
    level,
    parse,
)


class Plain:
    def standing(self, axis: Axis) -> float:
        return {"trust": 0.4, "respect": -0.2, "familiarity": 0.0, "affection": 1.0}[axis]

    def in_scene(self, name: str) -> bool:
        return name in ("forge", "iron sword", "0x1A2B")

    def is_done(self, name: str) -> bool:
        return name == "met"


class Facts(Plain):
    """Facts that tell more."""

    time: float | None = 2 * 86_400.0 + 22.5 * 3_600

    def mood(self, axis: MoodAxis) -> float:
        return {"pleasure": -0.7, "arousal": 0.0, "dominance": 0.3}[axis]

    def game_time(self) -> float | None:
        return self.time

    def knows(self, tag: str) -> bool:
        return tag in ("dragon", "the mine")

    def has_met(self) -> bool:
        return True


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
        ("mood.pleasure < -0.5", True),
        ("mood.arousal != 0", False),
        ("mood.dominance >= trust", False),
        ("time.hour >= 22.5", True),
        ("time.hour < 22 or time.day > 2", False),
        ("time.day == 2", True),
        ("has_met and not done(banished)", True),
        ("knows(dragon)", True),
        ("knows('the mine') and not knows(mine)", True),
        ("trust >= high", True),
        ("trust > high", False),
        ("trust == high", True),
        ("respect < middle", True),
        ("respect == low", True),
        ("familiarity == middle", True),
        ("affection == very_high", True),
        ("mood.pleasure == very_low", True),
        ("high < affection", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert parse(text).holds(Facts()) is holds


@pytest.mark.parametrize("text", ["has_met", "knows(dragon)", "mood.pleasure < 0", "time.hour > 1", "time.hour != 99"])
def test_what_facts_do_not_tell_is_neutral(text: str) -> None:
    assert not parse(text).holds(Plain())


@pytest.mark.parametrize("text", ["time.hour >= 0", "time.hour != 3", "time.day == 0"])
def test_comparisons_with_an_unknown_time_are_false(text: str) -> None:
    timeless = Facts()
    timeless.time = None
    assert not parse(text).holds(timeless)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (-1, "very_low"),
        (-0.6, "very_low"),
        (-0.59, "low"),
        (-0.2, "low"),
        (-0.19, "middle"),
        (0.19, "middle"),
        (0.2, "high"),
        (0.6, "very_high"),
    ],
)
def test_levels(value: float, name: str) -> None:
    assert LEVELS[level(value)] == name


def test_what_a_condition_asks_about() -> None:
    condition = parse("done(met) and (trust > 0.3 or not knows('the mine')) and time.hour < 12")
    assert condition.questions == {
        Question("done", "met"),
        Question("trust"),
        Question("knows", "the mine"),
        Question("time.hour"),
    }
    assert condition.constants == {0.3, 12.0}


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
        ("mood.plesure > 1", 0, "`mood.pleasure`"),
        ("mood > 1", 0, "mood."),
        ("has_met > 1", 0, "and"),
        ("has_met()", 0, "known"),
        ("high", 0, "trust >= high"),
        ("time.hour > high", 0, "trust >= high"),
        ("high > 0.2", 7, "trust >= high"),
        ("trust >= hihg", 9, "known"),
        ("knows()", 6, "such as"),
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
