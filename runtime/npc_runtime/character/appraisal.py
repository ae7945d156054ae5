"""Appraisal: how a character takes what the player says, by words and temperament, without the language model.

`tone` finds what kinds of things the words do, `KINDS` says what each means, and this weighs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from npc_runtime.character.tone import Heard, tone
from npc_runtime.character.tone_kinds import FAMILIARITY, INDIFFERENT, KINDS, MAX_STEP, Kind, Regard
from npc_runtime.content.character import Traits
from npc_runtime.events import EmotionLabel, Relation, Strength

Feeling = tuple[EmotionLabel, Strength]

_BESIDE = 0.3
"""Share of what else a line does, beside what outweighs the rest."""
_LEAST = 0.12
"""Salience times weight below which a hint is nothing."""
_DARK = frozenset({"threat", "danger", "bad_news"})
_LAUGHED_AT = frozenset({"insult", "complaint"})
_PLAIN = 0.5
"""Weight from which a kind changes what another means."""
_STRONG, _WEAK = 0.78, 0.45
"""Forces from which a feeling is strong, and below which it is weak."""
_LOUDNESS = 0.5
"""Share of loudness and adverbs of degree that reaches valence, arousal and relationship."""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What a line does to a character."""

    kinds: tuple[str, ...]
    """Keys of `KINDS`: what it does, the most important first; empty for a plain statement."""
    valence: float
    """How welcome it is, -1..1."""
    arousal: float
    """How much it stirs, -1..1."""
    regard: Regard
    """Whether the player is praised or blamed for it."""
    label: EmotionLabel
    strength: Strength
    relation: Relation
    """By how much the relationship to the player moves, each axis at most `MAX_STEP` either way."""

    @property
    def sign(self) -> int:
        """Of the valence: 1 welcome, -1 unwelcome, 0 neither."""
        return 0 if abs(self.valence) < INDIFFERENT else 1 if self.valence > 0 else -1

    @property
    def feeling(self) -> Feeling:
        """Label and strength."""
        return self.label, self.strength


def appraise(text: str, language: str, traits: Traits) -> Feeling:
    """What a character feels at once about what the player says; see `assess`."""
    return assess(text, language, traits).feeling


def assess(text: str, language: str, traits: Traits) -> Appraisal:
    """How a character takes what the player says.

    Args:
        text: The player's words, of any length; beyond `tone_words.MAX_CHARACTERS` only beginning and end are read.
        language: ISO 639-1 code, with or without a region; without rules for it only punctuation and pictures count.
        traits: The character's temperament.
    """
    found = _combined(tone(text, language.replace("_", "-").split("-")[0].lower()))
    ranked = sorted(found, key=_rank, reverse=True)
    if not ranked or _rank(ranked[0]) < _LEAST:
        return Appraisal((), 0.0, 0.0, "none", "neutral", "normal", Relation(familiarity=FAMILIARITY if text else 0.0))
    first = KINDS[ranked[0].kind]
    return Appraisal(
        kinds=tuple(heard.kind for heard in ranked if _rank(heard) >= _LEAST),
        valence=_valence(ranked),
        arousal=_clamped(first.arousal * _effect(ranked[0]), 1),
        regard=first.regard,
        label=_label(first, traits),
        strength=_strength(first, ranked[0], traits),
        relation=_relation(ranked),
    )


def _combined(found: Sequence[Heard]) -> list[Heard]:
    """What two kinds mean together: to laugh at death is gallows humour, to laugh at the listener mockery."""
    kinds = {heard.kind for heard in found if heard.weight >= _PLAIN}
    if "joke" not in kinds:
        return list(found)
    dark, mean = kinds & _DARK, kinds & _LAUGHED_AT
    turned = dict.fromkeys(mean, "mockery") if mean else dict.fromkeys(dark, "gallows")
    renamed = [replace(heard, kind=turned.get(heard.kind, heard.kind)) for heard in found]
    return list({heard.kind: heard for heard in sorted(renamed, key=_rank)}.values())


def _rank(heard: Heard) -> float:
    return KINDS[heard.kind].salience * heard.weight


def _effect(heard: Heard) -> float:
    return heard.weight * (1 + (heard.force - 1) * _LOUDNESS)


def _valence(ranked: Sequence[Heard]) -> float:
    """The first kind decides the sign; what else there is makes it more or less."""
    first = KINDS[ranked[0].kind].valence * _effect(ranked[0])
    rest = sum(KINDS[heard.kind].valence * _effect(heard) for heard in ranked[1:]) * _BESIDE
    if abs(first) < INDIFFERENT:
        return _clamped(first, 1)
    least = INDIFFERENT if first > 0 else -INDIFFERENT
    total = first + rest
    return _clamped(total if total * first > 0 and abs(total) > INDIFFERENT else least, 1)


def _label(kind: Kind, traits: Traits) -> EmotionLabel:
    return kind.harsh if kind.harsh and traits.agreeableness < 0 else kind.label


def _strength(kind: Kind, heard: Heard, traits: Traits) -> Strength:
    if kind.label == "neutral":
        return "normal"
    force = kind.force * heard.weight * heard.force
    if kind.regard == "blame":
        force += 0.2 * (traits.neuroticism > 0)
    elif kind.valence > 0 and traits.agreeableness < 0:
        force *= 0.5
    return "strong" if force >= _STRONG else "weak" if force < _WEAK else "normal"


def _relation(ranked: Sequence[Heard]) -> Relation:
    shares = [(KINDS[heard.kind], _effect(heard) * (_BESIDE if place else 1)) for place, heard in enumerate(ranked)]
    return Relation(
        trust=_clamped(sum(kind.trust * share for kind, share in shares), MAX_STEP),
        respect=_clamped(sum(kind.respect * share for kind, share in shares), MAX_STEP),
        familiarity=FAMILIARITY,
        affection=_clamped(sum(kind.affection * share for kind, share in shares), MAX_STEP),
    )


def _clamped(value: float, limit: float) -> float:
    return round(max(-limit, min(limit, value)), 4)
