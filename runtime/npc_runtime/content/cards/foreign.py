"""Characters from programs with formats of their own, read as cards: Inworld, Convai, character.ai and early V1.

The original object goes with the card, below `extensions`, so that nothing of it is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npc_runtime.content.cards.card_json import Object, number_of, object_of, text_of
from npc_runtime.content.cards.own import SCHEMA, extend, fact_entry

_TRAITS: Mapping[str, tuple[str, int]] = {
    "open": ("openness", 1),
    "extravert": ("extraversion", 1),
    "peaceful": ("agreeableness", 1),
    "positive": ("neuroticism", -1),
}
"""Sliders of a personality as the Big Five; who is positive is emotionally stable."""
_MOOD: Mapping[str, Mapping[str, float]] = {
    "pleasure": {"joy": 0.5, "trust": 0.3, "fear": -0.2},
    "arousal": {"joy": 0.2, "fear": 0.3, "surprise": 0.4},
    "dominance": {"joy": 0.2, "fear": -0.5},
}
"""Our own weights of Plutchik's axes in PAD space: the opposite of joy is sadness, that of fear anger."""
_EARLY = {
    "char_name": "name",
    "char_persona": "description",
    "world_scenario": "scenario",
    "char_greeting": "first_mes",
    "example_dialogue": "mes_example",
}


@dataclass(frozen=True, slots=True)
class Foreign:
    """A character of another program, as the fields of a card."""

    data: Object
    notes: tuple[str, ...]


def read_foreign(json: Object) -> Foreign | None:
    """Read a character of another program; None if it is none that is known here."""
    for read in (_inworld, _convai, _character_ai, _early):
        if (found := read(json)) is not None:
            return found
    return None


def _inworld(json: Object) -> Foreign | None:
    described = object_of(json, "defaultCharacterDescription")
    traits, mood = object_of(json, "personality"), object_of(json, "initialMood")
    if not (described or traits or mood or isinstance(json.get("characterName"), str)) or "spec" in json:
        return None
    found = {**json, **described}
    role, style = text_of(found, "characterRole") or text_of(found, "role"), text_of(found, "exampleDialogStyle")
    character: Object = {}
    if traits:
        character["persona"] = {"traits": _scaled(traits, {name: {key: sign} for key, (name, sign) in _TRAITS.items()})}
    if mood:
        character["emotion"] = {"resting_mood": _scaled(mood, _MOOD)}
    data = {
        "name": text_of(found, "givenName") or text_of(found, "characterName") or text_of(found, "name"),
        "description": "\n\n".join(part for part in (role, text_of(found, "description")) if part),
        "personality": _labelled(style, Wants=_prose(found.get("motivation")), Flaws=_prose(found.get("flaws"))),
        "mes_example": _prose(found.get("exampleDialog"), "\n"),
        "character_book": _book([*_facts(json.get("facts")), *_facts(json.get("knowledges"))]),
    }
    return _with_original(data, "inworld", json, character, ("intents", "goals", "safetyRejections", "voice"))


def _convai(json: Object) -> Foreign | None:
    backstory = text_of(json, "backstory")
    name = next((text_of(json, key) for key in ("character_name", "charName", "name") if text_of(json, key)), "")
    if not backstory or not name or "spec" in json:
        return None
    language = (text_of(json, "language_code") or text_of(json, "language"))[:16]
    character = {"language": language} if language else {}
    data = {"name": name, "description": backstory}
    return _with_original(data, "convai", json, character, ("voice", "voice_type", "actions", "narrative_design"))


def _character_ai(json: Object) -> Foreign | None:
    if not (text_of(json, "definition") and text_of(json, "greeting")) or "spec" in json:
        return None
    parts = (text_of(json, "title"), text_of(json, "description"))
    data = {
        "name": text_of(json, "name") or text_of(json, "participant__name"),
        "description": "\n\n".join(part for part in parts if part),
        "first_mes": text_of(json, "greeting"),
        "mes_example": text_of(json, "definition"),
    }
    return _with_original(data, "character_ai", json, {}, ())


def _early(json: Object) -> Foreign | None:
    if not text_of(json, "char_name"):
        return None
    return _with_original({new: text_of(json, old) for old, new in _EARLY.items()}, "early_card", json, {}, ())


def _with_original(data: Object, program: str, json: Object, character: Object, unread: tuple[str, ...]) -> Foreign:
    data = {key: value for key, value in data.items() if value}
    data["extensions"] = {program: json}
    if character:
        extend(data, {"schema": SCHEMA, "character": character})
    left = [key for key in unread if key in json]
    note = f"{', '.join(f'`{key}`' for key in left)}: kept aside in the card, but not used." if left else ""
    return Foreign(data, (note,) if note else ())


def _scaled(sliders: Object, weights: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Weighted sums of sliders, -1..1; sliders go from -1 to 1 or, where one is beyond that, from -100 to 100."""
    values = {key: number_of(sliders, key) or 0.0 for key in sliders}
    whole = 100.0 if any(abs(value) > 1 for value in values.values()) else 1.0
    sums = {
        axis: sum(values.get(key, 0.0) / whole * weight for key, weight in shares.items())
        for axis, shares in weights.items()
    }
    return {axis: round(max(-1.0, min(1.0, value)), 3) for axis, value in sums.items()}


def _prose(value: Any, between: str = " ") -> str:
    if isinstance(value, list):
        return between.join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""


def _labelled(first: str, **labelled: str) -> str:
    return "\n".join([*([first] if first else []), *(f"{label}: {text}" for label, text in labelled.items() if text)])


def _facts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    texts = [_prose(item.get("text")) if isinstance(item, dict) else _prose(item) for item in listed]
    return [text for text in texts if text]


def _book(facts: list[str]) -> Object:
    if not facts:
        return {}
    entries = [fact_entry(text, order) for order, text in enumerate(facts)]
    return {"extensions": {}, "entries": entries}
