"""What a feeling does to the voice, and how the prompt tells the model about it."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from npc_runtime.character.emotion import LABEL_PAD, clamped
from npc_runtime.events import EmotionLabel, Mood, Pad, Strength
from npc_runtime.resources import bundled
from npc_runtime.speech import VoiceColour

_MOST = 0.15
"""A voice that changes more does not sound like the same character."""
_REACH = 1.5
"""Felt points lie within about two thirds of the PAD space: this spreads them over what the voice may change."""


def voice_colour(pad: Pad) -> VoiceColour:
    """How a voice sounds that feels like this.

    Arousal is what listeners hear best: anger, fear and joy are faster, louder and livelier, sadness slower, softer and
    flatter (Juslin and Laukka 2003, over 104 studies). Pleasure makes speech a little faster and its melody wider, and
    dominance makes it louder, with smaller effects than arousal's (Schröder 2004, regressions on the three dimensions).
    The weights are ours.

    Args:
        pad: As felt; 0 leaves the voice as it is.
    """
    pleasure, arousal, dominance = pad
    return VoiceColour(
        rate=_factor(0.8 * arousal + 0.2 * pleasure),
        variability=_factor(0.7 * arousal + 0.3 * pleasure),
        volume=_factor(0.7 * arousal + 0.3 * dominance),
    )


def _factor(drive: float) -> float:
    return 1 + _MOST * clamped(_REACH * drive)


def phrase(label: EmotionLabel, strength: Strength, mood: Mood, language: str) -> str:
    """How a character feels, in a few words such as "very angry, and in a gloomy mood".

    A mood is named from a third of its way out: what is nearer is temperament, which the persona tells better.

    Args:
        label: What is felt.
        strength: How strongly.
        mood: The mood it is felt in.
        language: Language code; where it is not English, German or Turkish the words are English.

    Returns:
        Words that complete "you are …"; empty when there is nothing to say.
    """
    languages = _words()
    words = languages.get(language.partition("-")[0].lower(), languages["en"])
    feeling = words["strengths"][strength].format(words["feelings"][label]) if label != "neutral" else ""
    named = words["moods"].get(mood.label, "") if mood.strength != "slightly" else ""
    if feeling and named:
        joined = "and" if LABEL_PAD[label][0] * mood.pad[0] >= 0 else "but"
        return str(words[joined].format(feeling=feeling, mood=named))
    return feeling or (words["mood_alone"].format(mood=named) if named else "")


@functools.cache
def _words() -> Mapping[str, Mapping[str, Any]]:
    loaded: dict[str, dict[str, Any]] = json.loads(
        bundled("assets", "text", "feelings.json").read_text(encoding="utf-8")
    )
    return loaded
