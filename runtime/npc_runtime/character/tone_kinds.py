"""Kinds of things that a player's words do to the listener, and what each does to feelings and relationships.

They are events in the sense of OCC (Ortony, Clore and Collins 1988): an action of the player that is praised or blamed,
news that is good or bad, or neither. The figures are our own, in the directions of the OCC emotions of ALMA (Gebhard
2005). Who is disagreeable answers blame with anger, who is not with hurt, after the interpersonal circumplex (Wiggins
1979).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from npc_runtime.events import EmotionLabel

Regard = Literal["praise", "blame", "none"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of words does when it is meant and put plainly."""

    label: EmotionLabel
    """What the listener feels."""
    valence: float
    """How welcome it is, -1..1."""
    arousal: float
    """How much it stirs, -1..1."""
    salience: float
    """What outweighs what when a line does several things, 0..1."""
    regard: Regard = "none"
    """Whether what the player does by saying it is praised or blamed."""
    harsh: EmotionLabel | None = None
    """What a disagreeable listener feels, if that is something else."""
    force: float = 0.65
    """How strongly it is felt, 0..1."""
    trust: float = 0.0
    """By how much the relationship moves."""
    respect: float = 0.0
    affection: float = 0.0


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "cruelty": Kind("anger", -0.9, 0.7, 1.0, "blame", force=1.0, trust=-0.08, respect=-0.04, affection=-0.1),
        "threat": Kind("tension", -0.8, 0.7, 0.95, "blame", "anger", 1.0, trust=-0.08, respect=-0.02, affection=-0.06),
        "disgust": Kind("disgust", -0.6, 0.4, 0.93, "blame", respect=-0.04, affection=-0.03),
        "boast": Kind("contempt", -0.4, 0.2, 0.92, "blame", respect=-0.03, affection=-0.02),
        "mockery": Kind("defensiveness", -0.5, 0.4, 0.91, "blame", "contempt", respect=-0.03, affection=-0.04),
        "insult": Kind("defensiveness", -0.6, 0.5, 0.9, "blame", "anger", trust=-0.02, respect=-0.04, affection=-0.05),
        "accusation": Kind("defensiveness", -0.5, 0.5, 0.85, "blame", "anger", trust=-0.04, affection=-0.03),
        "gallows": Kind("tense_humor", 0.05, 0.5, 0.84, affection=0.01),
        "danger": Kind("tension", -0.6, 0.7, 0.8, trust=0.01),
        "good_news": Kind("joy", 0.7, 0.5, 0.79, affection=0.02),
        "bad_news": Kind("sadness", -0.6, -0.2, 0.78, affection=0.01),
        "confession": Kind("criticism", -0.4, 0.2, 0.77, "blame", "anger", trust=-0.02, affection=-0.01),
        "secret": Kind("interest", 0.05, 0.4, 0.7, trust=0.03, affection=0.02),
        "affection": Kind("affection", 0.7, 0.3, 0.76, "praise", trust=0.02, affection=0.04),
        "joke": Kind("humor", 0.5, 0.4, 0.74, affection=0.02),
        "refusal": Kind("criticism", -0.3, 0.2, 0.72, "blame", trust=-0.01, affection=-0.01),
        "boredom": Kind("stonewalling", -0.4, -0.3, 0.71, "blame", "contempt", respect=-0.02, affection=-0.02),
        "apology": Kind("validation", 0.4, 0.1, 0.7, "praise", trust=0.02, respect=0.01, affection=0.02),
        "command": Kind("stonewalling", -0.3, 0.1, 0.69, "blame", "belligerence", respect=-0.02, affection=-0.02),
        "thanks": Kind("joy", 0.5, 0.3, 0.68, "praise", trust=0.01, affection=0.02),
        "gift": Kind("joy", 0.6, 0.4, 0.67, "praise", trust=0.02, affection=0.03),
        "praise": Kind("joy", 0.6, 0.3, 0.66, "praise", respect=0.01, affection=0.03),
        "promise": Kind("validation", 0.4, 0.1, 0.66, "praise", trust=0.03, affection=0.01),
        "complaint": Kind("defensiveness", -0.4, 0.3, 0.65, "blame", "criticism", respect=-0.01, affection=-0.02),
        "surprise": Kind("surprise", 0.05, 0.7, 0.62),
        "disagreement": Kind("criticism", -0.25, 0.2, 0.6, respect=-0.01, force=0.35),
        "blessing": Kind("validation", 0.4, 0.1, 0.58, "praise", trust=0.01, affection=0.02),
        "agreement": Kind("validation", 0.35, 0.1, 0.5, "praise", trust=0.01, respect=0.01, force=0.35),
        "request": Kind("interest", 0.05, 0.3, 0.48),
        "farewell": Kind("neutral", 0.0, 0.0, 0.44),
        "greeting": Kind("interest", 0.3, 0.3, 0.43, affection=0.01),
        "question": Kind("interest", 0.05, 0.3, 0.4, force=0.35),
    }
)
"""The kinds by name. Gallows humour, secrets that are shared and blessings at parting are kinds of their own."""
FAMILIARITY = 0.005
"""Whoever talks becomes a little more familiar."""
MAX_STEP = 0.1
"""By how much one line moves an axis of the relationship at most."""
INDIFFERENT = 0.1
"""A valence below this is neither welcome nor unwelcome."""
