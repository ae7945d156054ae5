"""What events mean for what a character wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.prospects import MOST_PROSPECTS, News, take_in

MINE = News("mine", 1.0)


def feelings(news: News, before: dict[str, float] | None = None) -> dict[str, float]:
    effect = take_in(news, before or {}, character="brynja", player="p1")
    return {stimulus.feeling: stimulus.intensity for stimulus in effect.stimuli}


@pytest.mark.parametrize(
    ("news", "before", "expected"),
    [
        (News("mine", 1.0), 0.5, {"joy"}),
        (News("mine", -1.0), 0.5, {"distress"}),
        (News("mine", 1.0), 0.9, {"joy", "satisfaction"}),
        (News("mine", -1.0), 0.9, {"distress", "disappointment"}),
        (News("mine", 0.6), 0.5, {"hope"}),
        (News("mine", -0.6), 0.5, {"fear"}),
        (News("mine", 1.0, by="p1"), 0.5, {"joy", "gratitude"}),
        (News("mine", -1.0, by="p1"), 0.5, {"distress", "anger"}),
        (News("mine", 0.0), 0.5, set()),
    ],
)
def test_news_are_felt_as_the_rules_say(news: News, before: float, expected: set[str]) -> None:
    assert set(feelings(news, {"mine": before})) == expected


def test_what_is_likely_already_moves_less() -> None:
    assert feelings(MINE, {"mine": 0.95})["joy"] < feelings(MINE, {"mine": 0.5})["joy"]


def test_only_the_player_earns_what_the_player_does() -> None:
    for by, moved in (("p1", True), ("goblin", False), ("", False)):
        effect = take_in(News("mine", -1.0, by=by), {}, character="brynja", player="p1")
        assert bool(effect.changes) is moved
    [change] = take_in(News("mine", -1.0, by="p1"), {}, character="brynja", player="p1").changes
    assert change.by.trust < 0 and change.by.affection < change.by.trust


def test_an_event_says_what_it_means() -> None:
    assert News.of("mine_sold", {"helps": -1, "goal": "mine", "likelihood": 0.5, "by": "p1"}) == News(
        "mine", -1.0, 0.5, "p1"
    )
    assert News.of("mine_sold", {"helps": 0.5}) == News("mine_sold", 0.5)
    assert News.of("mine_sold", {"helps": 7, "likelihood": -2, "goal": " "}) == News("mine_sold", 1.0, 0.0)
    for params in ({}, {"helps": "much"}, {"helps": True}, {"goal": "mine"}):
        assert News.of("mine_sold", params) is None


@given(st.lists(st.tuples(st.text(max_size=3), st.floats(-1, 1), st.floats(0, 1)), max_size=100))
def test_prospects_stay_within_bounds(many: list[tuple[str, float, float]]) -> None:
    prospects: dict[str, float] = {}
    for goal, helps, likelihood in many:
        effect = take_in(News(goal, helps, likelihood), prospects, character="b", player="p")
        prospects = dict(effect.prospects)
        assert list(prospects)[-1] == goal
        assert all(0 <= value <= 1 for value in prospects.values())
        assert all(0 <= stimulus.intensity <= 1 for stimulus in effect.stimuli)
    assert len(prospects) <= MOST_PROSPECTS
