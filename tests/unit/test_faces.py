"""Faces of feelings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.emotion import LABEL_PAD
from npc_runtime.character.faces import ARKIT, WHILE_SPEAKING, arkit_weights, face, go_emotion, vrm_expression
from npc_runtime.events import EMOTION_LABELS, EmotionLabel, Strength
from npc_runtime.resources import bundled

GO_EMOTIONS = {
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
}
LABELS = st.sampled_from(EMOTION_LABELS)
UPPER = ("brow", "eye", "cheek", "nose")


def bases(label: EmotionLabel) -> set[str]:
    return {shape.removesuffix("Left").removesuffix("Right") for shape in arkit_weights(label, 1.0)}


def test_arkit_has_its_52_shapes_and_speech_uses_the_same_names() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    spoken = json.loads(bundled("assets", "visemes", "arkit.json").read_text(encoding="utf-8"))["ids"]
    assert set(spoken) <= set(ARKIT)


@given(LABELS, st.floats(allow_nan=True, allow_infinity=True), st.booleans())
def test_weights_are_shapes_of_arkit_within_bounds(label: EmotionLabel, intensity: float, speaking: bool) -> None:
    weights = arkit_weights(label, intensity, speaking=speaking)
    assert set(weights) <= set(ARKIT)
    assert all(0 < weight <= 1 for weight in weights.values())


@pytest.mark.parametrize(
    ("label", "units"),
    [
        ("joy", {"cheekSquint", "mouthSmile"}),
        ("sadness", {"browInnerUp", "browDown", "mouthFrown"}),
        ("surprise", {"browInnerUp", "browOuterUp", "eyeWide", "jawOpen"}),
        ("tension", {"browInnerUp", "browOuterUp", "browDown", "eyeWide", "mouthStretch"}),
        ("anger", {"browDown", "eyeWide", "eyeSquint", "mouthPress"}),
        ("disgust", {"noseSneer", "mouthFrown", "mouthLowerDown"}),
        ("contempt", {"mouthSmile", "mouthDimple"}),
    ],
)
def test_basic_emotions_use_their_action_units(label: EmotionLabel, units: set[str]) -> None:
    assert units <= bases(label)


def test_contempt_is_one_sided_and_joy_is_not() -> None:
    contempt, joy = arkit_weights("contempt", 1), arkit_weights("joy", 1)

    assert "mouthSmileLeft" in contempt and "mouthSmileRight" not in contempt
    assert joy["mouthSmileLeft"] == joy["mouthSmileRight"] == 0.8


def test_faces_differ_and_calm_moves_nothing() -> None:
    faces = [tuple(sorted(arkit_weights(label, 1.0).items())) for label in EMOTION_LABELS]

    assert len(set(faces)) == 19
    assert arkit_weights("neutral", 1.0) == {} == arkit_weights("joy", 0.0)


def test_half_a_feeling_is_half_a_face() -> None:
    assert arkit_weights("joy", 0.5)["mouthSmileLeft"] == 0.4


@given(LABELS, st.floats(0.2, 1))
def test_speech_needs_the_mouth(label: EmotionLabel, intensity: float) -> None:
    silent, speaking = (arkit_weights(label, intensity, speaking=talks) for talks in (False, True))

    assert set(silent) == set(speaking)
    for shape, weight in silent.items():
        share = 1.0 if shape.startswith(UPPER) else WHILE_SPEAKING
        assert speaking[shape] == pytest.approx(weight * share, abs=0.001)


@pytest.mark.parametrize("label", EMOTION_LABELS)
def test_vrm_agrees_about_pleasantness(label: EmotionLabel) -> None:
    expression, weight = vrm_expression(label, 0.8)

    assert 0 < weight <= 1
    if expression in ("happy", "relaxed"):
        assert LABEL_PAD[label][0] > 0
    elif expression in ("angry", "sad"):
        assert LABEL_PAD[label][0] < 0


def test_vrm_weights_follow_the_intensity() -> None:
    assert vrm_expression("joy", 0.8) == ("happy", 0.8)
    assert vrm_expression("disgust", 0.5) == ("angry", 0.3)
    assert vrm_expression("neutral", 0.0) == ("neutral", 1.0)


@given(LABELS, st.floats(0, 1), st.booleans())
def test_a_game_is_told_the_face_that_it_asked_for(label: EmotionLabel, intensity: float, speaking: bool) -> None:
    expression, weight = vrm_expression(label, intensity)

    assert face("none", label, intensity, speaking=speaking) is None
    assert face("arkit", label, intensity, speaking=speaking) == arkit_weights(label, intensity, speaking=speaking)
    assert face("vrm", label, intensity, speaking=speaking) == ({expression: weight} if weight else {})


def test_a_face_without_feeling_is_told_as_such() -> None:
    assert face("arkit", "neutral", 1.0) == {} == face("vrm", "joy", 0.0)
    assert face("vrm", "neutral", 0.0) == {"neutral": 1.0}
    assert face("vrm", "joy", 0.8) == {"happy": 0.8}


@pytest.mark.parametrize("strength", ["weak", "normal", "strong"])
@pytest.mark.parametrize("label", EMOTION_LABELS)
def test_every_feeling_has_a_sprite(label: EmotionLabel, strength: Strength) -> None:
    assert go_emotion(label, strength) in GO_EMOTIONS


def test_strength_chooses_the_sprite() -> None:
    strengths: tuple[Strength, ...] = ("weak", "normal", "strong")
    assert [go_emotion("sadness", strength) for strength in strengths] == ["disappointment", "sadness", "grief"]
