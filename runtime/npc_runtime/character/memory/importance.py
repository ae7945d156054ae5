"""Importance: how much an experience matters to a character, by rules, without a language model.

What people remember is what is new to them, what touches life, love, property or standing, and what was agreed; small
talk is gone by the evening. The kinds and their weights are ours; Park et al. (2023) ask a model for a figure instead.
"""

import functools
import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from npc_runtime.character.memory.records import SPARED_KINDS
from npc_runtime.character.tone_words import fold
from npc_runtime.content.wording import content_words
from npc_runtime.resources import bundled

Origin = Literal["speech", "event", "action", "author"]
"""What was said; a `game.event`; how an action of the character ended; what an author tells it."""

MAX_CHARACTERS = 2000
"""Of a longer text only the beginning is weighed."""
MAX_NAMES = 64
"""Names that are looked for in a text."""

_BASE: Mapping[Origin, float] = MappingProxyType({"speech": 0.05, "event": 0.4, "action": 0.35, "author": 0.6})
"""What a text matters that says nothing special."""
_TELLING = 0.25
"""What a text gains that says much; half of it by some four words that carry meaning."""
_TELLING_WORDS = 6.0
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "promise": 0.65,
        "quest": 0.55,
        "death": 0.7,
        "threat": 0.65,
        "secret": 0.6,
        "love": 0.6,
        "milestone": 0.6,
        "meeting": 0.5,
        "gift": 0.5,
        "injury": 0.5,
        "insult": 0.45,
        "danger": 0.5,
        "money": 0.35,
        "name": 0.45,
        "family": 0.25,
        "absolute": 0.2,
        "urgent": 0.2,
        "power": 0.12,
    }
)
"""How much each kind adds, 0..1: several kinds are as important as 1 - Π(1 - weight), so never more than 1."""
_ASKED = 0.4
"""Share of a weight that counts in a question: who asks for news brings none."""
_MEANT_WHEN_ASKED = frozenset({"quest", "love", "threat", "promise", "urgent"})
"""Kinds that are as much in a question: requests and proposals are questions."""
_KNOWN_NAME = 0.15
_LONGEST_NAME = 80
_GAP = r"(?:\W+\w+){0,4}"


@dataclass(frozen=True, slots=True)
class Importance:
    """How much an experience matters, and why."""

    value: float
    """0..1"""
    kinds: tuple[str, ...]
    """What was found, keys of `WEIGHTS`: what is never forgotten first, then by weight; empty for nothing special."""

    @property
    def spared(self) -> bool:
        """Whether it is a promise or a quest, which are never forgotten."""
        return not SPARED_KINDS.isdisjoint(self.kinds)


def weigh(
    text: str, language: str, *, origin: Origin = "speech", first_meeting: bool = False, names: Collection[str] = ()
) -> Importance:
    """How important an experience is.

    Args:
        text: What was said or what happened, in the character's language.
        language: ISO 639-1 code, with or without a region; without word lists for it only origin, meeting and names
            count.
        origin: Where it comes from.
        first_meeting: Whether it belongs to the first conversation with somebody.
        names: Whom the character cares about; being spoken of makes an experience a little more important.
    """
    code = language.replace("_", "-").partition("-")[0].lower()
    patterns = _patterns(code)
    said = fold(text[:MAX_CHARACTERS], code)
    asked = _ASKED if said.rstrip().endswith(("?", "？", "؟")) else 1.0
    if "idiom" in patterns:
        said = patterns["idiom"].sub(" ", said)
    found = {kind for kind in WEIGHTS if kind in patterns and patterns[kind].search(said)}
    rest = 1 - _BASE[origin]
    if found or "small_talk" not in patterns or not patterns["small_talk"].search(said):
        rest *= 1 - _TELLING * asked * (1 - math.exp(-len(content_words(said)) / _TELLING_WORDS))
    for kind in sorted(found):
        rest *= 1 - WEIGHTS[kind] * (1 if kind in _MEANT_WHEN_ASKED else asked)
    if first_meeting:
        found.add("meeting")
        rest *= 1 - WEIGHTS["meeting"]
    if _mentioned(said, names, code):
        rest *= 1 - _KNOWN_NAME
    kinds = sorted(found, key=lambda kind: (kind not in SPARED_KINDS, -WEIGHTS[kind], kind))
    return Importance(round(1 - rest, 4), tuple(kinds))


def _mentioned(said: str, names: Collection[str], language: str) -> bool:
    """Whether one of the names is there; endings may follow, as in Turkish or in a genitive."""
    wanted = [fold(name[:_LONGEST_NAME], language).strip() for name in list(names)[:MAX_NAMES]]
    return any(re.search(rf"\b{re.escape(name)}\w{{0,4}}\b", said) for name in wanted if len(name) > 1)


@functools.cache
def _patterns(language: str) -> Mapping[str, re.Pattern[str]]:
    text = bundled("assets", "text", "importance_words.json").read_text(encoding="utf-8")
    lists: Mapping[str, list[str]] = json.loads(text).get(language, {})
    return {kind: re.compile("|".join(_pattern(fold(entry, language)) for entry in lists[kind])) for kind in lists}


def _pattern(entry: str) -> str:
    """One entry as a pattern: `*` stands for any letters of the word, `..` for up to four words in between."""
    words = entry.split()
    pattern = ""
    for index, word in enumerate(words):
        if word == "..":
            pattern += _GAP
        else:
            pattern += (r"\W+" if index else "") + re.escape(word).replace(r"\*", r"\w*")
    return rf"\b{pattern}\b"
