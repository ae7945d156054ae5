"""Refusals: what a character says when it cannot or will not answer, in its own language and temper."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Literal

from npc_runtime.content.character import CharacterFile
from npc_runtime.resources import bundled

RefusalKind = Literal[
    "unknown",
    "self",
    "secret",
    "self_harm",
    "hate",
    "adult_topics",
    "violence",
    "profanity",
    "never",
]
"""Why: it has never heard of it; it is taken for a machine; it keeps a secret; the player needs care; the other safety
topics; and what is refused whatever an author allows."""
_OWN_ONLY: frozenset[RefusalKind] = frozenset({"self", "self_harm", "never"})
"""Reasons for which an author's lines for everything would be wrong, or must not take the place of care."""


def refusals(kind: RefusalKind, character: CharacterFile) -> tuple[str, ...]:
    """The lines for a reason; which one is said is up to the caller, such as the turn's number modulo their count.

    The author's `barks.refuse` come first, except for `_OWN_ONLY`. Of ours, who is disagreeable has the blunt ones,
    after the interpersonal circumplex (Wiggins 1979). A language without lines has the English ones.
    """
    if character.barks.refuse and kind not in _OWN_ONLY:
        return character.barks.refuse
    temper = "blunt" if character.persona.traits.agreeableness < 0 else "agreeable"
    lines = _table()[kind][temper]
    return tuple(lines.get(character.language.split("-")[0], lines["en"]))


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, list[str]]]]:
    table: Mapping[str, Mapping[str, Mapping[str, list[str]]]] = json.loads(
        bundled("assets", "text", "refusals.json").read_text(encoding="utf-8")
    )
    return table
