"""What a feeling does to the voice and says in the prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.colour import phrase, voice_colour
from npc_runtime.character.emotion import LABEL_PAD, mood
from npc_runtime.events import EMOTION_LABELS, EmotionLabel, Mood, Pad, Strength
from npc_runtime.speech import VoiceColour

CALM = mood((0.1, 0.1, 0.1))
GLOOMY = mood((-0.7, -0.5, -0.5))


def test_a_calm_voice_is_the_voice_itself() -> None:
    assert voice_colour((0, 0, 0)) == VoiceColour(1, 1, 1)


@given(st.tuples(*[st.floats(-1, 1)] * 3))
def test_a_voice_stays_itself(pad: Pad) -> None:
    colour = voice_colour(pad)
    assert all(0.85 <= factor <= 1.15 for factor in (colour.rate, colour.variability, colour.volume))


@pytest.mark.parametrize("label", ["anger", "joy", "belligerence", "surprise"])
def test_excitement_is_faster_livelier_and_louder(label: EmotionLabel) -> None:
    colour = voice_colour(LABEL_PAD[label])
    assert min(colour.rate, colour.variability, colour.volume) > 1.04


@pytest.mark.parametrize("label", ["sadness", "stonewalling"])
def test_low_spirits_are_slower_and_flatter(label: EmotionLabel) -> None:
    colour = voice_colour(LABEL_PAD[label])
    assert max(colour.rate, colour.variability, colour.volume) < 0.97


def test_each_dimension_does_its_part() -> None:
    anger, fear = voice_colour((-0.5, 0.6, 0.3)), voice_colour((-0.5, 0.6, -0.4))
    glee = voice_colour((0.5, 0.6, 0.3))

    assert anger.volume > fear.volume and anger.rate == fear.rate
    assert glee.rate > anger.rate and glee.variability > anger.variability and glee.volume == anger.volume


@pytest.mark.parametrize(
    ("label", "strength", "mood", "language", "words"),
    [
        ("anger", "normal", GLOOMY, "en", "angry, and in a gloomy mood"),
        ("anger", "strong", CALM, "en", "very angry"),
        ("neutral", "normal", GLOOMY, "en", "in a gloomy mood"),
        ("neutral", "weak", CALM, "en", ""),
        ("joy", "weak", GLOOMY, "de", "ein wenig fröhlich, aber in trüber Stimmung"),
        ("sadness", "weak", GLOOMY, "de", "ein wenig traurig und in trüber Stimmung"),
        ("neutral", "normal", GLOOMY, "de-AT", "in trüber Stimmung"),
        ("anger", "strong", GLOOMY, "tr", "çok kızgın ve kasvetli bir ruh hâlinde"),
        ("neutral", "normal", GLOOMY, "tr", "kasvetli bir ruh hâlinde"),
        ("sadness", "normal", CALM, "fr", "sad"),
        ("sadness", "normal", mood((0, 0, 0)), "en", "sad"),
    ],
)
def test_phrase(label: EmotionLabel, strength: Strength, mood: Mood, language: str, words: str) -> None:
    assert phrase(label, strength, mood, language) == words


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_every_feeling_has_words_of_its_own(language: str) -> None:
    strengths: tuple[Strength, ...] = ("weak", "normal", "strong")
    moods = [mood((p, a, d)) for p in (-1, 1) for a in (-1, 1) for d in (-1, 1)]
    phrases = {
        phrase(label, strength, place, language)
        for label in EMOTION_LABELS
        for strength in strengths
        for place in moods
    }

    assert len(phrases) == (18 * 3 + 1) * 8
    assert all(text == text.strip() and "{" not in text for text in phrases)
