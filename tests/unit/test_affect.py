"""What a character feels: published vectors, and the course of a feeling."""

import json
import math
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from npc_runtime.character.affect import (
    FAINT,
    MOST,
    MOST_CHARACTERS,
    Affect,
    Felt,
    Stimulus,
    Temperament,
    faded,
    pushed,
    reinforced,
)
from npc_runtime.character.emotion import INTENSITY, mood, resting_mood, resting_pad, strength_at
from npc_runtime.character.gamygdala import Belief, Goal, appraise
from npc_runtime.character.occ import ALMA_PAD, OCC_EMOTIONS
from npc_runtime.content.character import EmotionSpec, RestingMood, Traits
from npc_runtime.errors import InputError
from npc_runtime.events import EMOTION_LABELS, Strength

EVEN = Temperament(fluidity=0.5)
CALM = Affect.resting(EVEN)


def direct(feeling: Any, intensity: float, **more: str) -> Stimulus:
    return Stimulus(feeling, intensity, as_is=True, **more)


@pytest.mark.parametrize(
    ("value", "seconds", "half_life", "left"),
    [
        (6, 5, 15, 4.7622),
        (6, 15, 15, 3),
        (6, 30, 15, 1.5),
        (6, 3, 15 / 5, 3),
        (3, 30, 60, 2.1213),
        (3, 60, 60, 1.5),
        (3, 120, 60, 0.75),
    ],
)
def test_fatima_half_lives(value: float, seconds: float, half_life: float, left: float) -> None:
    assert faded(value, seconds, half_life) == pytest.approx(left, abs=5e-5)


def test_fatima_reinforcing() -> None:
    assert reinforced([0.3, 0.3]) == pytest.approx(0.36931, abs=5e-6)
    assert reinforced([0.3]) == 0.3
    assert len({reinforced(order) for order in permutations([0.07, 0.76, 0.52, 0.6, 0.21])}) == 1


def test_fatima_mood_and_emotion_move_each_other() -> None:
    joy = CALM.felt(direct("joy", 0.5))
    assert EVEN.mood_push == pytest.approx(0.3)
    assert joy.mood == pytest.approx((0.15 * 0.7, 0.15 * 0.4, 0.15 * 0.3))
    assert pushed(0, 0.3 * 0.5) == 0.15

    distress = (-0.4, -0.2, -0.5)
    length = math.hypot(*distress)
    against = replace(CALM, mood=(0.2 * 0.4 / length, 0.2 * 0.2 / length, 0.2 * 0.5 / length))
    (felt,) = against.felt(Stimulus("distress", 0.5)).emotions
    assert felt.intensity == pytest.approx(0.44)


def test_alma_example_rests_as_published() -> None:
    traits = Traits(openness=0.4, conscientiousness=0.8, extraversion=0.6, agreeableness=0.3, neuroticism=-0.4)

    assert resting_pad(traits) == pytest.approx((0.379, -0.078, 0.5))
    assert resting_mood(traits).label == "relaxed"


@pytest.mark.parametrize(
    ("trait", "value", "pad"),
    [
        ("extraversion", 1, (0.21, 0, 0.60)),
        ("agreeableness", 1, (0.59, 0.30, -0.32)),
        ("neuroticism", -1, (0.19, -0.57, 0)),
        ("openness", 1, (0, 0.15, 0.25)),
        ("conscientiousness", 1, (0, 0, 0.17)),
    ],
)
def test_mehrabian_trait_by_trait(trait: str, value: float, pad: tuple[float, float, float]) -> None:
    assert resting_pad(Traits(**{trait: value})) == pytest.approx(pad)


def test_the_boldest_temperament_rests_within_the_space() -> None:
    boldest = Traits(openness=1, conscientiousness=1, extraversion=1, agreeableness=-1, neuroticism=1)
    assert resting_mood(boldest).pad[2] == 1


def test_a_mood_is_named_after_what_is_shown() -> None:
    assert mood((-1e-9, 1e-9, 0)) == mood((0, 0, 0))
    assert str(mood((-1e-9, 0.5, 0)).pad) == "(0.0, 0.5, 0.0)"
    assert (mood((0, 0, 0)).label, mood((-0.001, 0, 0)).label) == ("neutral", "hostile")


def test_an_author_s_resting_mood_comes_first() -> None:
    spec = EmotionSpec(fluidity=0.9, resting_mood=RestingMood(pleasure=-0.5))
    traits = Traits(extraversion=1, neuroticism=0.2)

    assert Temperament.of(traits, spec) == Temperament((-0.5, 0, 0), 0.9, 1, 0.2)
    assert Temperament.of(traits, EmotionSpec()).rest == resting_pad(traits)


@pytest.mark.parametrize("strength", INTENSITY)
def test_strengths_and_intensities_agree(strength: Strength) -> None:
    assert strength_at(INTENSITY[strength]) == strength


def test_half_lives_are_as_documented() -> None:
    stolid, usual, mercurial = (Temperament(fluidity=fluidity) for fluidity in (0, 0.4, 1))

    assert [round(who.emotion_half_life) for who in (stolid, usual, mercurial)] == [120, 44, 10]
    assert [round(who.mood_half_life / 60) for who in (stolid, usual, mercurial)] == [240, 51, 5]


def test_a_feeling_fades_to_neutral_and_leaves_a_mood_behind() -> None:
    angry = CALM.felt(direct("anger", 1.0, cause="You are a fraud.", target="player"))
    shown = angry.dominant
    assert (shown.label, shown.strength, shown.intensity) == ("anger", "strong", 1.0)
    assert (shown.cause, shown.target) == ("You are a fraud.", "player")
    assert angry.pad == pytest.approx((-0.51, 0.59, 0.25))
    assert angry.named_mood.label == "hostile"

    later = angry.after(EVEN.emotion_half_life)
    assert later.dominant.strength == "normal"
    assert later.dominant.intensity == pytest.approx(0.5)

    over = angry.after(600)
    assert (over.dominant.label, over.dominant.strength, over.dominant.intensity) == ("neutral", "normal", 0.0)
    assert over.named_mood.label == "hostile"
    assert over.after(1e9) == CALM == angry.after(math.inf)


def test_where_a_feeling_stops_showing_it_does_not_jump() -> None:
    for steps in range(1, 60):
        state = Affect.resting(Temperament(fluidity=0)).felt(direct("anger", FAINT * 16))
        for _ in range(steps):
            state = state.after(4 * 120 / steps)

        assert [felt.intensity for felt in state.emotions] == pytest.approx([FAINT], abs=1e-9)


@pytest.mark.parametrize("seconds", [0, -5, math.nan])
def test_time_that_does_not_pass(seconds: float) -> None:
    angry = CALM.felt(direct("anger", 1.0))
    assert angry.after(seconds) == angry


@pytest.mark.parametrize("feeling", EMOTION_LABELS)
def test_each_label_shows_as_itself(feeling: str) -> None:
    shown = CALM.felt(direct(feeling, 0.65)).dominant
    expected = ("neutral", "normal") if feeling == "neutral" else (feeling, "normal")
    assert (shown.label, shown.strength) == expected


def test_emotions_of_occ_show_as_labels_and_add_up() -> None:
    outcome = appraise((Goal("sell", "brynja", 1.0, 0.75),), Belief(1, {"sell": 1}, "player"))

    shown = CALM.felt_all(outcome.felt_by("brynja"))

    assert {felt.feeling for felt in shown.emotions} == {"joy", "satisfaction", "gratitude"}
    assert shown.dominant.label == "joy"
    assert shown.dominant.intensity == pytest.approx(1 - 0.75**2)
    assert shown.dominant.cause == "sell"


def test_the_same_again_is_stronger_but_not_twice() -> None:
    once = CALM.felt(direct("anger", 0.5, cause="a"))
    twice = once.felt(direct("anger", 0.5, cause="b"))

    (felt,) = twice.emotions
    assert felt.intensity == pytest.approx(0.5 + math.log(2) / 10)
    assert felt.cause == "b"
    assert once.mood[0] == pytest.approx(-0.3 * 0.5 * 0.51)
    assert twice.mood[0] == pytest.approx(once.mood[0] * (2 + once.mood[0]))


def test_at_once_they_move_the_mood_as_one() -> None:
    both = CALM.felt_all([direct("anger", 0.5), direct("anger", 0.5)])
    assert both.mood[0] == pytest.approx(-0.3 * 0.51 * (0.5 + math.log(2) / 10))


def test_a_flood_of_feelings_stays_within_the_space() -> None:
    all_bad = [direct(emotion, 1.0) for emotion in OCC_EMOTIONS if ALMA_PAD[emotion][0] < 0]
    assert Affect.resting(Temperament(fluidity=1)).felt_all(all_bad).mood[0] == -1


def test_anger_with_one_is_not_anger_with_another() -> None:
    both = CALM.felt(direct("anger", 0.6, target="orla")).felt(direct("anger", 0.4, target="bran"))

    assert [(felt.target, felt.intensity) for felt in both.emotions] == [("bran", 0.4), ("orla", 0.6)]
    assert both.dominant.target == "orla"
    assert both.dominant.intensity == pytest.approx(1 - 0.4 * 0.6)


def test_joy_undoes_anger_and_bad_news_undo_joy() -> None:
    soothed = CALM.felt(direct("anger", 0.8)).felt(direct("joy", 0.5))
    spoiled = CALM.felt(direct("joy", 0.8)).felt(direct("sadness", 0.6))

    assert [felt.intensity for felt in soothed.emotions] == pytest.approx([0.8 * (1 - 0.5 * 0.7), 0.5])
    assert [felt.intensity for felt in spoiled.emotions] == pytest.approx([0.8 * (1 - 0.6 * 0.5), 0.6])


def test_a_feeling_leaves_its_like_alone() -> None:
    grieved = CALM.felt(direct("anger", 0.8)).felt(direct("sadness", 0.6))
    assert [felt.intensity for felt in grieved.emotions] == [0.8, 0.6]


def test_mood_colours_what_is_felt() -> None:
    def anger(mood: tuple[float, float, float]) -> float:
        return replace(CALM, mood=mood).felt(Stimulus("anger", 0.5)).dominant.intensity

    assert anger((-0.5, 0.5, 0.5)) > anger((0, 0, 0)) == 0.5 > anger((0.5, -0.5, -0.5))
    assert anger((-1, 1, 1)) == 0.75
    assert anger((1, -1, -1)) == 0.25


def test_an_author_s_word_is_final() -> None:
    gloomy = Affect((rash := Temperament((-0.6, -0.2, -0.4), 0.5, -1, 1)), rash.rest)
    assert gloomy.felt(direct("joy", 0.4)).dominant.intensity == 0.4
    assert gloomy.felt(Stimulus("joy", 0.4)).dominant.intensity < 0.3


def test_neuroticism_feels_pain_and_extraversion_pleasure() -> None:
    def intensity(feeling: Any, **traits: Any) -> float:
        return Affect.resting(Temperament(**traits)).felt(Stimulus(feeling, 0.4)).dominant.intensity

    assert intensity("fear", neuroticism=1) == pytest.approx(0.5)
    assert intensity("joy", neuroticism=1) == intensity("fear", extraversion=1) == 0.4
    assert intensity("joy", extraversion=-1) == pytest.approx(0.3)


def test_what_is_faint_is_not_felt() -> None:
    assert CALM.felt(direct("joy", FAINT * 0.99)) == CALM
    assert CALM.felt(direct("neutral", 1.0)) == CALM
    assert CALM.felt(direct("anger", math.nan)) == CALM
    assert CALM.felt_all(()) == CALM


def test_the_weakest_give_way() -> None:
    crowd = [direct("anger", 0.3 + index / 100, target=f"guest{index:02}") for index in range(MOST + 4)]

    held = CALM.felt_all(crowd).emotions

    assert [felt.target for felt in held] == [f"guest{index:02}" for index in range(4, MOST + 4)]


def test_long_words_are_cut() -> None:
    (felt,) = CALM.felt(direct("joy", 0.5, cause="x" * 5000, target="y" * 5000)).emotions
    assert (len(felt.cause), len(felt.target)) == (MOST_CHARACTERS, MOST_CHARACTERS)


def test_the_voice_hears_emotions_and_a_mood_out_of_the_ordinary() -> None:
    grim = Temperament(rest=(-0.5, 0.1, 0.3))

    assert Affect.resting(grim).tone == (0, 0, 0)
    assert Affect(grim, (-0.1, 0.1, 0.3)).tone == pytest.approx((0.2, 0, 0))
    assert Affect(grim, grim.rest, (Felt("joy", 0.5),)).tone == pytest.approx((0.35, 0.2, 0.15))


def test_saved_and_read_again() -> None:
    state = CALM.felt(direct("gratitude", 0.7, cause="Teşekkürler 😀", target="player")).after(1 / 3)
    text = json.dumps(state.as_json())

    assert Affect.from_json(json.loads(text), EVEN) == state
    assert json.dumps(Affect.from_json(json.loads(text), EVEN).as_json()) == text


@pytest.mark.parametrize(
    ("saved", "where"),
    [
        (None, "all of it"),
        ({"mood": [0, 0, 0]}, "emotions"),
        ({"mood": [0, 0], "emotions": []}, "mood"),
        ({"mood": [0, 0, 2], "emotions": []}, "mood.2"),
        ({"mood": [0, 0, math.nan], "emotions": []}, "mood.2"),
        ({"mood": [0, 0, 0], "emotions": [{"feeling": "zeal", "intensity": 0.5}]}, "emotions.0.feeling"),
        ({"mood": [0, 0, 0], "emotions": [{"feeling": "joy", "intensity": 7}]}, "emotions.0.intensity"),
        ({"mood": [0, 0, 0], "emotions": [{"feeling": "joy", "intensity": 0.5, "cause": "x" * 999}]}, "cause"),
        ({"mood": [0, 0, 0], "emotions": [{"feeling": "joy", "intensity": 0.5}] * (MOST + 1)}, "emotions"),
    ],
)
def test_a_damaged_save_is_refused(saved: object, where: str) -> None:
    with pytest.raises(InputError, match=where) as caught:
        Affect.from_json(saved, EVEN)
    assert caught.value.hint
