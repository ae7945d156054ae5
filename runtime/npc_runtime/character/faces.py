"""What a feeling does to the face: ARKit blend shapes, VRM expressions, and the names of sprites.

The shapes follow the action units of FACS (Ekman, Friesen and Hager 2002) that the literature gives for the basic
emotions; the recipes of the other labels are mixtures of ours. The weights have been seen on no rig: they are where
tuning starts.
"""

from collections.abc import Mapping
from typing import Literal

from npc_runtime.character.emotion import clamped
from npc_runtime.events import EmotionLabel, FaceSet, Strength

ARKIT: tuple[str, ...] = (
    *(
        f"eye{move}{side}"
        for side in ("Left", "Right")
        for move in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp")
    ),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight"),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight"),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
"""The 52 blend shapes of Apple's ARKit."""

WHILE_SPEAKING = 0.3
"""Share of a feeling's mouth that is left while visemes play: speech needs the lips."""

_MOUTH = ("jaw", "mouth")
_DIGITS = 3

_RECIPES: Mapping[EmotionLabel, Mapping[str, float]] = {
    "neutral": {},
    "disgust": {"noseSneer": 0.8, "browDown": 0.4, "mouthFrown": 0.45, "mouthLowerDown": 0.35, "mouthUpperUp": 0.2},
    "contempt": {"mouthSmileLeft": 0.4, "mouthDimpleLeft": 0.6, "eyeSquint": 0.2, "browOuterUpRight": 0.25},
    "belligerence": {"browDown": 0.8, "eyeWide": 0.45, "noseSneer": 0.4, "jawForward": 0.35, "mouthUpperUp": 0.2},
    "domineering": {"browDown": 0.5, "eyeWide": 0.2, "jawForward": 0.3, "mouthPress": 0.25},
    "criticism": {"browDown": 0.45, "eyeSquint": 0.3, "mouthPress": 0.3, "mouthFrown": 0.15},
    "anger": {"browDown": 0.9, "eyeWide": 0.35, "eyeSquint": 0.4, "noseSneer": 0.25, "mouthPress": 0.6},
    "tension": {
        **{"browInnerUp": 0.7, "browOuterUp": 0.4, "browDown": 0.3, "eyeWide": 0.7},
        **{"mouthStretch": 0.5, "jawOpen": 0.1},
    },
    "tense_humor": {"browInnerUp": 0.4, "mouthSmile": 0.4, "mouthStretch": 0.3, "cheekSquint": 0.15},
    "defensiveness": {"browInnerUp": 0.4, "browDown": 0.3, "eyeWide": 0.2, "mouthPress": 0.35},
    "whining": {"browInnerUp": 0.7, "browDown": 0.2, "mouthFrown": 0.4, "mouthShrugLower": 0.4},
    "sadness": {"browInnerUp": 0.8, "browDown": 0.2, "eyeSquint": 0.15, "mouthFrown": 0.6, "mouthShrugLower": 0.2},
    "stonewalling": {"eyeBlink": 0.15, "eyeSquint": 0.2, "browDown": 0.15, "mouthPress": 0.45},
    "interest": {"browInnerUp": 0.35, "browOuterUp": 0.35, "eyeWide": 0.15, "mouthSmile": 0.1},
    "validation": {"browInnerUp": 0.2, "cheekSquint": 0.2, "mouthSmile": 0.35},
    "affection": {"browInnerUp": 0.2, "cheekSquint": 0.4, "eyeSquint": 0.1, "mouthSmile": 0.5},
    "humor": {"cheekSquint": 0.7, "eyeSquint": 0.3, "mouthSmile": 0.75, "jawOpen": 0.15},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.7, "jawOpen": 0.4},
    "joy": {"cheekSquint": 0.6, "mouthSmile": 0.8},
}
"""Weights at full intensity. A name without its side stands for both sides."""


def _both_sides(recipe: Mapping[str, float]) -> Mapping[str, float]:
    weights = {}
    for name, weight in recipe.items():
        for shape in (name,) if name in ARKIT else (f"{name}Left", f"{name}Right"):
            weights[shape] = weight
    return weights


_SHAPES: Mapping[EmotionLabel, Mapping[str, float]] = {label: _both_sides(recipe) for label, recipe in _RECIPES.items()}


def arkit_weights(label: EmotionLabel, intensity: float, *, speaking: bool = False) -> dict[str, float]:
    """The face of a feeling.

    Args:
        label: What is felt.
        intensity: 0..1
        speaking: Whether visemes play: of what the mouth does, `WHILE_SPEAKING` is left.

    Returns:
        Blend shape → weight 0..1 (3 decimals); what is not listed is 0.
    """
    share = clamped(intensity, 0.0)
    weights = {
        shape: round(share * weight * (WHILE_SPEAKING if speaking and shape.startswith(_MOUTH) else 1.0), _DIGITS)
        for shape, weight in _SHAPES[label].items()
    }
    return {shape: weight for shape, weight in weights.items() if weight}


VrmExpression = Literal["happy", "angry", "sad", "relaxed", "surprised", "neutral"]
"""The emotions among the preset expressions of VRM 1.0."""

_VRM: Mapping[EmotionLabel, tuple[VrmExpression, float]] = {
    "neutral": ("neutral", 1.0),
    "disgust": ("angry", 0.6),
    "contempt": ("angry", 0.4),
    "belligerence": ("angry", 1.0),
    "domineering": ("angry", 0.6),
    "criticism": ("angry", 0.5),
    "anger": ("angry", 1.0),
    "tension": ("surprised", 0.5),
    "tense_humor": ("happy", 0.4),
    "defensiveness": ("sad", 0.4),
    "whining": ("sad", 0.8),
    "sadness": ("sad", 1.0),
    "stonewalling": ("angry", 0.3),
    "interest": ("surprised", 0.3),
    "validation": ("relaxed", 0.6),
    "affection": ("relaxed", 1.0),
    "humor": ("happy", 0.9),
    "surprise": ("surprised", 1.0),
    "joy": ("happy", 1.0),
}


def vrm_expression(label: EmotionLabel, intensity: float) -> tuple[VrmExpression, float]:
    """The VRM expression of a feeling, and its weight 0..1 (3 decimals); neutral always shows in full."""
    expression, weight = _VRM[label]
    return expression, 1.0 if expression == "neutral" else round(clamped(intensity, 0.0) * weight, _DIGITS)


def face(wanted: FaceSet, label: EmotionLabel, intensity: float, *, speaking: bool = False) -> dict[str, float] | None:
    """The face of a feeling as a game wants to be told it.

    Args:
        wanted: The game's choice.
        label: What is felt.
        intensity: 0..1
        speaking: Whether visemes play. VRM avatars settle that by themselves, with the expression's `overrideMouth`.

    Returns:
        Weights 0..1 by ARKit blend shape or VRM expression, of which those not listed are 0; None if none are wanted.
    """
    if wanted == "none":
        return None
    if wanted == "arkit":
        return arkit_weights(label, intensity, speaking=speaking)
    expression, weight = vrm_expression(label, intensity)
    return {expression: weight} if weight else {}


_GO_EMOTIONS: Mapping[EmotionLabel, tuple[str, str, str]] = {
    "neutral": ("neutral", "neutral", "neutral"),
    "disgust": ("disgust", "disgust", "disgust"),
    "contempt": ("disapproval", "disapproval", "disgust"),
    "belligerence": ("annoyance", "anger", "anger"),
    "domineering": ("pride", "pride", "anger"),
    "criticism": ("disapproval", "disapproval", "annoyance"),
    "anger": ("annoyance", "anger", "anger"),
    "tension": ("nervousness", "nervousness", "fear"),
    "tense_humor": ("amusement", "embarrassment", "embarrassment"),
    "defensiveness": ("confusion", "embarrassment", "annoyance"),
    "whining": ("disappointment", "disappointment", "grief"),
    "sadness": ("disappointment", "sadness", "grief"),
    "stonewalling": ("neutral", "disapproval", "annoyance"),
    "interest": ("curiosity", "curiosity", "desire"),
    "validation": ("approval", "approval", "admiration"),
    "affection": ("caring", "love", "love"),
    "humor": ("amusement", "amusement", "amusement"),
    "surprise": ("realization", "surprise", "surprise"),
    "joy": ("optimism", "joy", "excitement"),
}


def go_emotion(label: EmotionLabel, strength: Strength) -> str:
    """The category of GoEmotions (Demszky et al. 2020) that comes nearest: sprite sets name their pictures so."""
    weak, normal, strong = _GO_EMOTIONS[label]
    return {"weak": weak, "normal": normal, "strong": strong}[strength]
