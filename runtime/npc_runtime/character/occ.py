"""The emotions of OCC (Ortony, Clore and Collins 1988): their PAD points, and which of our 19 labels shows each.

Two published tables give the points. They disagree about gloating, which ALMA counts as pleasant and Gamygdala as
unpleasant: characters enjoy the misfortune of an enemy, so what they feel is looked up in ALMA's, which is also the one
that has all emotions.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from npc_runtime.character.emotion import LABEL_PAD
from npc_runtime.events import EMOTION_LABELS, EmotionLabel, Pad

OccEmotion = Literal[
    "admiration",
    "anger",
    "disliking",
    "disappointment",
    "distress",
    "fear",
    "fears-confirmed",
    "gloating",
    "gratification",
    "gratitude",
    "happy-for",
    "hate",
    "hope",
    "joy",
    "liking",
    "love",
    "pity",
    "pride",
    "relief",
    "remorse",
    "reproach",
    "resentment",
    "satisfaction",
    "shame",
]
OCC_EMOTIONS: tuple[OccEmotion, ...] = get_args(OccEmotion)
FeelingName = EmotionLabel | OccEmotion
"""What can be felt: one of our labels, or an emotion of OCC. Anger and joy are both."""

ALMA_PAD: Mapping[OccEmotion, Pad] = MappingProxyType(
    {
        "admiration": (0.5, 0.3, -0.2),
        "anger": (-0.51, 0.59, 0.25),
        "disliking": (-0.4, 0.2, 0.1),
        "disappointment": (-0.3, 0.1, -0.4),
        "distress": (-0.4, -0.2, -0.5),
        "fear": (-0.64, 0.60, -0.43),
        "fears-confirmed": (-0.5, -0.3, -0.7),
        "gloating": (0.3, -0.3, -0.1),
        "gratification": (0.6, 0.5, 0.4),
        "gratitude": (0.4, 0.2, -0.3),
        "happy-for": (0.4, 0.2, 0.2),
        "hate": (-0.6, 0.6, 0.3),
        "hope": (0.2, 0.2, -0.1),
        "joy": (0.4, 0.2, 0.1),
        "liking": (0.40, 0.16, -0.24),
        "love": (0.3, 0.1, 0.2),
        "pity": (-0.4, -0.2, -0.5),
        "pride": (0.4, 0.3, 0.3),
        "relief": (0.2, -0.3, 0.4),
        "remorse": (-0.3, 0.1, -0.6),
        "reproach": (-0.3, -0.1, 0.4),
        "resentment": (-0.2, -0.3, -0.2),
        "satisfaction": (0.3, -0.2, 0.4),
        "shame": (-0.3, 0.1, -0.6),
    }
)
"""The points of ALMA (Gebhard 2005)."""

GAMYGDALA_PAD: Mapping[OccEmotion, Pad] = MappingProxyType(
    {
        "anger": (-0.51, 0.59, 0.25),
        "disappointment": (-0.61, -0.15, -0.29),
        "distress": (-0.61, 0.28, -0.36),
        "fear": (-0.64, 0.60, -0.43),
        "fears-confirmed": (-0.61, 0.06, -0.32),
        "gloating": (-0.45, 0.48, 0.42),
        "gratification": (0.69, 0.57, 0.63),
        "gratitude": (0.64, 0.16, -0.21),
        "happy-for": (0.64, 0.35, 0.25),
        "hope": (0.51, 0.23, 0.14),
        "joy": (0.76, 0.48, 0.35),
        "pity": (-0.52, 0.02, -0.21),
        "relief": (0.29, -0.19, -0.28),
        "remorse": (-0.57, 0.28, -0.34),
        "resentment": (-0.35, 0.35, 0.29),
        "satisfaction": (0.87, 0.20, 0.62),
    }
)
"""The points of Gamygdala (Popescu, Broekens and van Someren 2014) for the 16 emotions that it can find."""

OCC_LABEL: Mapping[OccEmotion, EmotionLabel] = MappingProxyType(
    {
        "admiration": "validation",
        "anger": "anger",
        "disliking": "disgust",
        "disappointment": "sadness",
        "distress": "sadness",
        "fear": "tension",
        "fears-confirmed": "sadness",
        "gloating": "humor",
        "gratification": "joy",
        "gratitude": "affection",
        "happy-for": "joy",
        "hate": "anger",
        "hope": "interest",
        "joy": "joy",
        "liking": "affection",
        "love": "affection",
        "pity": "sadness",
        "pride": "joy",
        "relief": "joy",
        "remorse": "sadness",
        "reproach": "criticism",
        "resentment": "stonewalling",
        "satisfaction": "joy",
        "shame": "defensiveness",
    }
)
"""Which label an emotion shows itself as. Our own choice: the label of the same pleasantness that comes nearest by what
SPAFF (Coan and Gottman 2007) describes, so shame hides and resentment shuts itself off."""

_POINTS: Mapping[FeelingName, Pad] = dict(ALMA_PAD) | dict(LABEL_PAD)
_LABELS: Mapping[FeelingName, EmotionLabel] = dict(OCC_LABEL) | {label: label for label in EMOTION_LABELS}


def point_of(feeling: FeelingName) -> Pad:
    """The PAD point of a feeling at full intensity: of the label if it is one, otherwise ALMA's."""
    return _POINTS[feeling]


def label_of(feeling: FeelingName) -> EmotionLabel:
    """The label that a feeling shows itself as."""
    return _LABELS[feeling]
