"""What is known of a spoken language: how signs are read, which words do not end a clause. Data in `assets/text`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from npc_runtime.resources import bundled

LATIN = frozenset(["en", "de", "tr"])
"""Languages of which we know that they are written in Latin letters only."""


@dataclass(frozen=True, slots=True)
class SpokenLanguage:
    """How one language is spoken."""

    code: str
    """ISO 639-1 code."""
    reference: str
    """An ordinary sentence on which a voice is levelled."""
    words: Mapping[str, str] = field(default_factory=dict)
    """How a sign is read; longer signs come first."""
    percent_first: bool = False
    """Whether "percent" is said before its number."""
    number_sign: str = ""
    """How `#` is read before a number."""
    to: str = ""
    """How a dash between two numbers is read."""
    dot: str = ""
    """How the dot in a web address is read."""
    currencies: Mapping[str, str] = field(default_factory=dict)
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    """Abbreviations with their dot, and what is said."""
    weak_endings: frozenset[str] = frozenset()
    """Words, in lower case, after which one does not pause."""

    def lower(self, text: str) -> str:
        """Lower case, as this language has it: Turkish keeps dotted and dotless i apart."""
        if self.code == "tr":
            text = text.replace("İ", "i").replace("I", "ı")
        return text.lower()

    def upper(self, text: str) -> str:
        """Upper case, as this language has it."""
        if self.code == "tr":
            text = text.replace("i", "İ").replace("ı", "I")
        return text.upper()


@cache
def spoken_language(code: str) -> SpokenLanguage:
    """What is known of a language; little, but never an error, for one without data.

    Args:
        code: ISO 639-1 code, such as `en`.
    """
    path = bundled("assets", "text", f"speech_{code}.json") if re.fullmatch("[a-z]{2,3}", code) else None
    if path is None or not path.is_file():
        return SpokenLanguage(code, reference="Ma na lo mi su, to ra ni ma lo, si mo la ne ra.")
    data = json.loads(path.read_text(encoding="utf-8"))
    bare = SpokenLanguage(code, "")
    words = sorted(data.pop("words").items(), key=lambda item: -len(item[0]))
    weak = frozenset(bare.lower(word) for word in data.pop("weak_endings"))
    return SpokenLanguage(code=code, words=dict(words), weak_endings=weak, **data)
