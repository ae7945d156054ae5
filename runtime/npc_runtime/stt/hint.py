"""Hint: what the words so far say about whether the player has finished.

Whisper closes most texts with a full stop, whether the sentence is complete or not; but it often leaves open what was
cut off, and a last word such as "with" or "um" speaks against any full stop.
"""

import functools
import json
import re
from dataclasses import dataclass
from enum import Enum

from npc_runtime.resources import bundled

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BROKEN = re.compile(r"(?:\.\.+|…|[-–—,;:])[\"'”’)\]]*$")
_CLOSED = re.compile(r"[.!?。！？؟][\"'”’)\]]*$")
_LONGEST_PHRASE = 4


class TurnHint(Enum):
    """Whether a text is a finished turn."""

    FINISHED = "finished"
    QUESTION = "question"
    """Finished, and asks something."""
    UNSURE = "unsure"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class _Words:
    open: frozenset[str] = frozenset()
    """Words and phrases after which something must follow."""
    trailing: frozenset[str] = frozenset()
    """Words after which something follows, except at the end of a question such as "Where are you from?"."""
    fillers: frozenset[str] = frozenset()
    """What people say while they think; one of them alone is an answer."""
    asking: frozenset[str] = frozenset()
    """Words that open such a question."""


def turn_hint(text: str, language: str) -> TurnHint:
    """Whether the speaker of a text has finished.

    Args:
        text: What was heard so far, as the recogniser wrote it.
        language: ISO 639-1 code, with or without a region; without a word list for it only the punctuation counts.
    """
    text = text.strip()
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
    if not words:
        return TurnHint.UNSURE
    if _BROKEN.search(text):
        return TurnHint.UNFINISHED
    known = _words(language.replace("_", "-").split("-")[0].lower())
    endings = {" ".join(words[-size:]) for size in range(1, min(_LONGEST_PHRASE, len(words)) + 1)}
    if endings & known.open or (endings & known.fillers and len(words) > 1):
        return TurnHint.UNFINISHED
    if endings & known.trailing:
        return TurnHint.QUESTION if text.endswith("?") and words[0] in known.asking else TurnHint.UNFINISHED
    if not _CLOSED.search(text):
        return TurnHint.UNSURE
    return TurnHint.QUESTION if text.endswith(("?", "？", "؟")) else TurnHint.FINISHED


@functools.cache
def _words(language: str) -> _Words:
    lists = json.loads(bundled("assets", "text", "turn_words.json").read_text(encoding="utf-8")).get(language, {})
    return _Words(**{kind: frozenset(words) for kind, words in lists.items()})
