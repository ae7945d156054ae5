"""Appraisal: how a character takes what the player says, by words and temperament, without the language model.

The categories are events in the sense of OCC (Ortony, Clore and Collins 1988): an action of the player that is blamed
or praised, or news that is good or bad. Who is disagreeable answers blame with anger, who is not with hurt, after the
interpersonal circumplex (Wiggins 1979).
"""

import functools
import json
import re
from collections.abc import Mapping

from npc_runtime.content.character import Traits
from npc_runtime.events import EmotionLabel, Strength
from npc_runtime.resources import bundled

Feeling = tuple[EmotionLabel, Strength]

_BLAME = ("threat", "insult")
_NEWS: Mapping[str, Feeling] = {
    "danger": ("tension", "normal"),
    "grief": ("sadness", "normal"),
    "love": ("affection", "normal"),
    "apology": ("validation", "normal"),
    "thanks": ("joy", "normal"),
    "joke": ("humor", "normal"),
    "greeting": ("interest", "normal"),
}
"""What comes first outweighs what comes later."""


def appraise(text: str, language: str, traits: Traits) -> Feeling:
    """What a character feels at once about what the player says.

    Args:
        text: The player's words.
        language: ISO 639-1 code; without a word list for it only the punctuation counts.
        traits: The character's temperament.

    Returns:
        The emotion and its strength.
    """
    said = _plain(text, language)
    found = {kind for kind, pattern in _patterns(language).items() if pattern.search(said)}
    harsh = traits.agreeableness < 0
    for kind in _BLAME:
        if kind in found:
            strength: Strength = "strong" if kind == "threat" or traits.neuroticism > 0 else "normal"
            return ("anger" if harsh else "defensiveness" if kind == "insult" else "tension", strength)
    for kind, (label, strength) in _NEWS.items():
        if kind in found:
            return (label, "weak" if harsh and kind not in ("danger", "grief") else strength)
    return ("interest", "weak") if text.rstrip().endswith("?") else ("neutral", "normal")


@functools.cache
def _patterns(language: str) -> Mapping[str, re.Pattern[str]]:
    lists = json.loads(bundled("assets", "text", "tone_words.json").read_text(encoding="utf-8")).get(language, {})
    return {kind: re.compile(rf"\b(?:{'|'.join(_pattern(word) for word in words)})\b") for kind, words in lists.items()}


def _pattern(word: str) -> str:
    return re.escape(word).replace(r"\*", r"\w*")


def _plain(text: str, language: str) -> str:
    if language == "tr":
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower().replace("’", "'")
