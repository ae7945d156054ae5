"""Emotion labels: the 19 that the runtime knows, and the words that models write instead of them."""

import difflib
import json
import math
from functools import lru_cache

from npc_runtime.events import EMOTION_LABELS, EmotionLabel, Strength
from npc_runtime.resources import bundled

STRENGTHS: tuple[Strength, ...] = ("weak", "normal", "strong")

_SYNONYMS: dict[EmotionLabel, str] = {
    "neutral": "calm calmness none normal relaxed serene serenity content composed indifferent indifference "
    "peaceful unemotional flat stoic tired bored boredom",
    "disgust": "disgusted revulsion repulsed repulsion distaste revolted nausea",
    "contempt": "contemptuous scorn scornful disdain disdainful sarcasm sarcastic mocking mockery derision "
    "smug arrogant arrogance",
    "belligerence": "belligerent aggressive aggression hostile hostility threatening threat provocative taunting "
    "defiant defiance",
    "domineering": "dominant dominance commanding bossy controlling stern authoritative pride proud intimidating "
    "condescending",
    "criticism": "critical criticising criticizing disapproval disapproving disappointed disappointment blame "
    "blaming reproach judgmental",
    "anger": "angry annoyed annoyance irritated irritation furious fury rage enraged mad outrage outraged "
    "frustrated frustration wrath hatred hate",
    "tension": "tense afraid fear fearful scared frightened nervous nervousness anxious anxiety worried "
    "worry stress stressed alarmed alarm terrified terror panic suspicious suspicion wary unease "
    "uneasy concern concerned confusion confused dread",
    "tense_humor": "tensehumor tense_humour nervous_humor nervous_laughter awkward awkwardness embarrassed "
    "embarrassment sheepish flustered",
    "defensiveness": "defensive guarded cautious guilt guilty excuse denial shy shame ashamed",
    "whining": "whiny complaining complaint complain whine pleading desperate desperation self_pity jealous "
    "jealousy envy",
    "sadness": "sad unhappy sorrow sorrowful grief grieving mourning melancholy melancholic gloomy lonely "
    "loneliness hurt regret regretful remorse remorseful despair depressed heartbroken pain "
    "miserable",
    "stonewalling": "stonewall cold coldness silent withdrawn dismissive ignoring aloof distant reserved",
    "interest": "interested curious curiosity intrigued intrigue attentive thoughtful realization "
    "desire eager anticipation focused determined determination",
    "validation": "validating approval approving admiration admiring respect respectful understanding agreement "
    "agreeing gratitude grateful thankful reassuring acceptance encouraging sympathy sympathetic "
    "empathy trust",
    "affection": "affectionate love loving caring care tender tenderness warm warmth fond fondness compassion "
    "compassionate romantic friendly kind kindness",
    "humor": "humour humorous amused amusement funny playful teasing joking  mischievous witty",
    "surprise": "surprised astonished astonishment amazed amazement shock shocked startled disbelief awe stunned",
    "joy": "happy happiness joyful joyous delighted delight cheerful glad pleased excited excitement "
    "elated elation optimism optimistic relief relieved hopeful hope enthusiastic enthusiasm "
    "pleasure satisfied satisfaction triumphant",
}
"""Our own table; it covers the 28 names of the GoEmotions set and what small models invent around them."""

_LABEL_OF: dict[str, EmotionLabel] = {label: label for label in EMOTION_LABELS}
_LABEL_OF |= {word: label for label, words in _SYNONYMS.items() for word in words.split()}

_STRENGTH_WORDS: dict[Strength, str] = {
    "weak": "weak low mild slight slightly little faint subtle light 1",
    "normal": "normal medium moderate moderately mid average 2",
    "strong": "strong high very intense extreme extremely strongly great full max 3",
}
_STRENGTH_OF: dict[str, Strength] = {word: name for name, words in _STRENGTH_WORDS.items() for word in words.split()}

_FOREIGN_LABEL_OF: dict[str, EmotionLabel] = {}
"""What models write that think in the character's language, German or Turkish: `assets/text/emotion_words.json`."""
for _table in json.loads(bundled("assets", "text", "emotion_words.json").read_text(encoding="utf-8")).values():
    for _label in EMOTION_LABELS:
        _FOREIGN_LABEL_OF |= dict.fromkeys(_table["labels"][_label].split(), _label)
    for _name in STRENGTHS:
        _STRENGTH_OF |= dict.fromkeys(_table["strengths"][_name].split(), _name)

_CLOSE = 0.8
"""Similarity (difflib ratio) from which a misspelt word counts as the known one."""


def _normal(word: str) -> str:
    return _small(word.strip(" _-")).replace("-", "_").replace(" ", "_")


def _small(word: str) -> str:
    """Small letters, with one spelling for the Turkish dotted and dotless i and for German ß."""
    return word.replace("İ", "i").casefold().replace("ı", "i")


def known_label(word: str) -> EmotionLabel | None:
    """The label of a word that is a label or one of its synonyms, exactly; None otherwise."""
    key = _normal(word)
    return _LABEL_OF.get(key) or _FOREIGN_LABEL_OF.get(key)


@lru_cache(maxsize=256)
def nearest_label(word: str) -> EmotionLabel | None:
    """The label that a word means.

    Args:
        word: What the model wrote, in any case.

    Returns:
        The label of that name, the one the word is a synonym of, or that of the closest spelling. None if nothing is
        close.
    """
    key = _normal(word)[:40]
    known = known_label(key)
    if known is not None or len(key) < 4:
        return known
    for table in (_LABEL_OF, _FOREIGN_LABEL_OF):
        if close := difflib.get_close_matches(key, table, n=1, cutoff=_CLOSE):
            return table[close[0]]
    return None


def strength_of(word: str) -> Strength | None:
    """The strength of a word (`very`), a number (1 to 3, clamped) or a fraction of 1; None if it means none."""
    key = _small(word.strip())
    if key in _STRENGTH_OF:
        return _STRENGTH_OF[key]
    try:
        value = float(key)
    except ValueError:
        return None
    if math.isnan(value):
        return None
    level = value * 3 + 0.5 if "." in key and 0 <= value <= 1 else value
    return STRENGTHS[int(min(3, max(1, level))) - 1]
