"""Lines: memories as short lines of a prompt, in the words of the character's language."""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from npc_runtime.character.memory.records import Fact, Memory, Summary
from npc_runtime.resources import bundled

MOST_LINE = 320
"""Characters of what is told in one line."""
_MOST_NAME = 40
_QUOTES = re.compile('["“”„‟«»]+')
_BY_DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Line:
    """One memory in a prompt; only the middle of it may be cut."""

    before: str
    text: str
    after: str
    value: float
    """How much it is worth now, as `Memory.score`."""
    time: float
    """When it was, in seconds of game time."""
    memory: int | None = None
    """Id of the experience; None for a fact or a summary."""

    @property
    def whole(self) -> str:
        """The line as it stands in the prompt."""
        return f"{self.before}{self.text}{self.after}"


class Wording:
    """Makes lines in one language.

    Args:
        language: ISO 639-1 code, with or without a region; English for those without words of their own.
        names: What characters and players are called, by their ids; anything else goes by its id.
    """

    def __init__(self, language: str, names: Mapping[str, str]) -> None:
        words = _words()
        self._words = words.get(language.replace("_", "-").partition("-")[0].lower(), words[_BY_DEFAULT])
        self._names = names

    def memory(self, memory: Memory) -> Line:
        """What was said is quoted; everything else stands as it is."""
        if memory.source == "said":
            before, after = self._framed("said")
        elif memory.source == "heard" and memory.player is not None:
            before, after = self._framed("heard", name=self._name(memory.player))
        else:
            return Line("", clipped(memory.text), "", memory.score, memory.game_time, memory.id)
        text = clipped(_QUOTES.sub("'", memory.text))
        return Line(before, text, after, memory.score, memory.game_time, memory.id)

    def fact(self, fact: Fact) -> Line:
        """A fact that holds, as a sentence."""
        parts = {
            "subject": self._name(fact.subject),
            "predicate": _single(fact.predicate.replace("_", " ")),
            "object": self._name(fact.object or ""),
        }
        return Line("", clipped(_filled(self._words["fact"], parts)), "", fact.score, fact.valid_from)

    def summary(self, summary: Summary) -> Line:
        """A summary, on one line."""
        return Line("", clipped(summary.text), "", summary.score, summary.game_time)

    def _framed(self, key: str, **parts: str) -> tuple[str, str]:
        before, _, after = self._words[key].partition("{text}")
        return _filled(before, parts), _filled(after, parts)

    def _name(self, id: str) -> str:
        return _QUOTES.sub("", _single(self._names.get(id, id)))[:_MOST_NAME].strip()


def clipped(text: str, most: int = MOST_LINE) -> str:
    """A text on one line, cut to a whole word where it is too long."""
    single = _single(text)
    if len(single) <= most:
        return single
    cut = single[: most - 1]
    whole = cut if single[most - 1] == " " else cut.rpartition(" ")[0]
    return f"{(whole or cut).rstrip()}…"


def _single(text: str) -> str:
    return " ".join(text.split())


def _filled(words: str, parts: Mapping[str, str]) -> str:
    """Words with names put in; in one pass, so that a name which looks like a place for another stays a name."""
    return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], words)


@functools.cache
def _words() -> Mapping[str, Mapping[str, str]]:
    text = bundled("assets", "text", "memory_lines.json").read_text(encoding="utf-8")
    words: Mapping[str, Mapping[str, str]] = json.loads(text)
    return words
