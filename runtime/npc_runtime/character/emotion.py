"""What a character feels: the 19 labels as points in PAD space, and the mood it rests in.

PAD is pleasure, arousal, dominance, each -1..1 (Mehrabian 1996).
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from npc_runtime.content.character import Traits
from npc_runtime.events import EmotionLabel, Mood, Pad, Strength

LABEL_PAD: Mapping[EmotionLabel, Pad] = MappingProxyType(
    {
        "neutral": (0.0, 0.0, 0.0),
        "disgust": (-0.5, 0.3, 0.2),
        "contempt": (-0.4, 0.1, 0.5),
        "belligerence": (-0.5, 0.6, 0.6),
        "domineering": (-0.1, 0.4, 0.7),
        "criticism": (-0.3, 0.2, 0.4),
        "anger": (-0.51, 0.59, 0.25),
        "tension": (-0.4, 0.5, -0.4),
        "tense_humor": (0.1, 0.5, -0.2),
        "defensiveness": (-0.3, 0.4, -0.3),
        "whining": (-0.4, 0.2, -0.5),
        "sadness": (-0.5, -0.3, -0.4),
        "stonewalling": (-0.3, -0.4, 0.3),
        "interest": (0.3, 0.4, 0.1),
        "validation": (0.4, 0.1, 0.1),
        "affection": (0.6, 0.2, 0.1),
        "humor": (0.5, 0.4, 0.3),
        "surprise": (0.1, 0.7, -0.2),
        "joy": (0.7, 0.4, 0.3),
    }
)
"""Our own points for the SPAFF-based labels, in the directions of the nearest OCC emotions of ALMA (Gebhard 2005)."""

INTENSITY: Mapping[Strength, float] = MappingProxyType({"weak": 0.35, "normal": 0.65, "strong": 1.0})
"""How much of a label's PAD point is felt, 0..1."""

_OCTANTS: Mapping[tuple[bool, bool, bool], str] = MappingProxyType(
    {
        (True, True, True): "exuberant",
        (True, True, False): "dependent",
        (True, False, True): "relaxed",
        (True, False, False): "docile",
        (False, False, False): "bored",
        (False, False, True): "disdainful",
        (False, True, False): "anxious",
        (False, True, True): "hostile",
    }
)


def emotion_pad(label: EmotionLabel, strength: Strength) -> Pad:
    """The PAD point of a felt emotion."""
    share = INTENSITY[strength]
    return rounded(vector(part * share for part in LABEL_PAD[label]))


def strength_at(intensity: float) -> Strength:
    """The strength whose `INTENSITY` lies nearest."""
    return "weak" if intensity < 0.5 else "normal" if intensity < 0.825 else "strong"


def resting_pad(traits: Traits) -> Pad:
    """The PAD point that a temperament rests in.

    Mehrabian (1996) predicts it from extraversion, agreeableness, openness, conscientiousness and emotional stability.
    Authors write neuroticism, which is stability's opposite, so its sign is turned here.
    """
    o, c, e, a = traits.openness, traits.conscientiousness, traits.extraversion, traits.agreeableness
    stability = -traits.neuroticism
    return bounded(
        (
            0.21 * e + 0.59 * a + 0.19 * stability,
            0.15 * o + 0.30 * a - 0.57 * stability,
            0.25 * o + 0.17 * c + 0.60 * e - 0.32 * a,
        )
    )


def resting_mood(traits: Traits) -> Mood:
    """The mood that a temperament rests in."""
    return mood(resting_pad(traits))


def mood(pad: Pad) -> Mood:
    """A PAD point with its octant's name and how far out it lies, in thirds of the longest distance, √3."""
    shown = rounded(pad)
    distance = math.hypot(*pad)
    pleasure, arousal, dominance = shown
    label = _OCTANTS[(pleasure >= 0, arousal >= 0, dominance >= 0)] if any(shown) else "neutral"
    third = math.sqrt(3) / 3
    strength = "slightly" if distance <= third else "moderately" if distance <= 2 * third else "fully"
    return Mood(label=label, strength=strength, pad=shown)


def clamped(value: float, low: float = -1.0, high: float = 1.0) -> float:
    """The nearest number within bounds; what is not a number counts as 0."""
    return min(max(0.0 if math.isnan(value) else value, low), high)


def bounded(pad: Pad) -> Pad:
    """The point with each part within -1..1."""
    return vector(map(clamped, pad))


def rounded(pad: Pad) -> Pad:
    """The point as messages show it; what is stored and computed is never rounded."""
    return vector(round(part, 3) + 0.0 for part in pad)  # -0.0 becomes 0.0


def vector(parts: Iterable[float]) -> Pad:
    """A PAD point of three numbers."""
    pleasure, arousal, dominance = parts
    return pleasure, arousal, dominance
