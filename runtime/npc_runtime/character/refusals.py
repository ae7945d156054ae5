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


def refusals(kind: RefusalKind, character: CharacterFile) -> tuple[str, ...]:
    """The lines for a reason; which one is said is up to the caller, such as the turn's number modulo their count.

    Who is disagreeable is blunt about it, after the interpersonal circumplex (Wiggins 1979). A language without lines
    has the English ones.
    """
    temper = "blunt" if character.persona.traits.agreeableness < 0 else "agreeable"
    lines = _table()[kind][temper]
    return tuple(lines.get(character.language.split("-")[0], lines["en"]))


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, list[str]]]]:
    table: Mapping[str, Mapping[str, Mapping[str, list[str]]]] = json.loads(
        bundled("assets", "text", "refusals.json").read_text(encoding="utf-8")
    )
    return table
