"""What characters are told, in their own language: a model keeps to the language that it is spoken to in."""

import json
from collections.abc import Mapping
from functools import cache

from npc_runtime.resources import bundled

DEFAULT = "en"


def told(key: str, language: str, **values: object) -> str:
    """One sentence to a character.

    Args:
        key: Of `assets/text/told.json`.
        language: ISO 639-1 code, with or without a region; a language without sentences of its own has the English
            ones.
        values: What its placeholders stand for.
    """
    table = _table()
    return table.get(base(language), table[DEFAULT])[key].format(**values)


def speaks(language: str) -> bool:
    """Whether characters of a language are told everything in it."""
    return base(language) in _table()


def base(language: str) -> str:
    """A language without its region: `de` of `de-AT`."""
    return language.partition("-")[0].lower()


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    table: Mapping[str, Mapping[str, str]] = json.loads(
        bundled("assets", "text", "told.json").read_text(encoding="utf-8")
    )
    return table
