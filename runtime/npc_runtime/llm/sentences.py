"""Sentences: cuts running text into words and finds where sentences end, one character at a time."""

import json
import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Protocol

from npc_runtime.resources import bundled

TERMINATORS = ".!?…。！？؟"
_WIDE = "。！？"
"""Marks that end a sentence without a blank after them."""
_WIDE_COMMAS = "，、；："
_CLOSERS = "\"'”“’‘»«›‹)]}」』"
_OPENERS = "\"'“„«»‘‚‹›([{「『—–-"
_CONTINUING = ",;:—–-"
_COMMAS = ",;:—–" + _WIDE_COMMAS

VOICE_LIMIT = 300
"""Characters in a sentence; a longer one is split at a blank. Voices lose prosody and answer late beyond this."""
_SOFT_LIMIT = 200
"""Characters from which a comma is as good as a full stop."""
_PIECE = 200
"""Characters after which an endless word is passed on in pieces; they join without a blank."""


class Boundary(Enum):
    """What the end of a word says about the end of its sentence."""

    NONE = auto()
    HARD = auto()
    """The sentence ends."""
    SOFT = auto()
    """It ends unless what follows continues it: a small letter, a dash."""
    NUMBER = auto()
    """It ends unless a number follows, as in `No. 5`."""


@dataclass(frozen=True, slots=True)
class Abbreviations:
    """The words of one language that a full stop belongs to, in lower case without their last dot."""

    never: frozenset[str]
    number: frozenset[str]
    final: frozenset[str]


@lru_cache(maxsize=8)
def abbreviations(language: str) -> Abbreviations:
    """The abbreviations of a language, English ones for a language that has no list.

    Args:
        language: ISO 639-1 code, with or without a region.
    """
    table = json.loads(bundled("assets", "text", "abbreviations.json").read_text(encoding="utf-8"))
    entry = table.get(language[:2].casefold(), table["en"])
    return Abbreviations(*(frozenset(entry[key]) for key in ("never", "number", "final")))


_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")


def boundary_after(word: str, language: str) -> Boundary:
    """Whether a sentence may end after a word.

    Args:
        word: A word with all its marks, as it stands between two blanks.
        language: ISO 639-1 code.
    """
    core = word.rstrip(_CLOSERS)
    stem = core.rstrip(TERMINATORS)
    run = core[len(stem) :]
    if not run:
        return Boundary.NONE
    if run == ".":
        kind = _full_stop(stem.lstrip(_OPENERS), language[:2].casefold())
        return Boundary.SOFT if kind is Boundary.HARD and core != word else kind
    if core != word or not run.strip(".…"):
        return Boundary.SOFT
    return Boundary.HARD


def _full_stop(stem: str, language: str) -> Boundary:
    known = abbreviations(language)
    key = stem.casefold()
    if key in known.never:
        return Boundary.NONE
    if key in known.number:
        return Boundary.NUMBER
    if key in known.final:
        return Boundary.SOFT
    if (
        len(stem) == 1
        and not (stem == "I" and language == "en")
        and (stem.isupper() or (language == "de" and stem.isalpha()))
    ):
        return Boundary.NONE  # an initial, or half of a German `z. B.`
    if _INITIALS.fullmatch(stem):
        return Boundary.NONE if stem.isupper() else Boundary.SOFT
    if stem.isdigit() and len(stem) <= 2:
        # German and Turkish write ordinals with a dot; in German a capital letter follows either way.
        return {"de": Boundary.NONE, "tr": Boundary.SOFT}.get(language, Boundary.HARD)
    return Boundary.HARD


class SentenceSink(Protocol):
    """Who takes the words."""

    def word(self, text: str) -> None:
        """A piece of the current sentence, led by a space where one belongs."""

    def end(self) -> None:
        """The current sentence is complete."""


class SentenceSplitter:
    """Cuts text into words and sentences.

    Args:
        sink: Takes words and ends.
        language: ISO 639-1 code; decides which abbreviations there are.
    """

    def __init__(self, sink: SentenceSink, language: str) -> None:
        self._sink = sink
        self._language = language
        self._word = ""
        self._length = 0
        self._gap = False
        self._cut = False
        self._pending = Boundary.NONE
        self._last = ""

    @property
    def at_start(self) -> bool:
        """Whether what comes next opens a sentence, as far as can be known now."""
        if self._word:
            return boundary_after(self._word, self._language) in (Boundary.HARD, Boundary.SOFT)
        return self._length == 0 or self._pending is not Boundary.NONE

    def push(self, character: str) -> None:
        """Take one character that is not a line break."""
        if character == " ":
            self._blank()
            return
        if self._pending is not Boundary.NONE:
            self._decide(character)
        if self._word and self._word[-1] in _WIDE + _CLOSERS and self._wide_end(character):
            self._complete()
            self._end()
        self._word += character
        if character in _WIDE_COMMAS or len(self._word) >= _PIECE:
            self._complete()

    def newline(self) -> None:
        """Take a line break: the sentence ends here."""
        self._complete()
        self._end()

    def interrupt(self) -> None:
        """Something that is not speech comes here: a sentence with its final mark ends, another goes on behind it."""
        boundary = boundary_after(self._word, self._language) if self._word else self._pending
        self._complete()
        if boundary is not Boundary.NONE:
            self._end()
        self._cut = True

    def close(self, *, drop_partial: bool) -> bool:
        """Flush the last word, without ending its sentence.

        Args:
            drop_partial: Whether a last word that no mark ends may be half a word: it is dropped if others stand.

        Returns:
            Whether the last sentence is a finished one.
        """
        boundary = boundary_after(self._word, self._language) if self._word else self._pending
        finished = boundary is not Boundary.NONE or (not self._word and self._length == 0)
        if self._word and drop_partial and not finished and self._length:
            self._word = ""
        self._complete()
        return finished

    def _blank(self) -> None:
        if self._word:
            boundary = boundary_after(self._word, self._language)
            self._complete()
            if boundary is Boundary.HARD:
                self._end()
            elif self._length:
                self._pending = boundary
        self._gap = True

    def _decide(self, character: str) -> None:
        if self._pending is Boundary.NUMBER:
            continues = character.isdigit()
        else:
            continues = character.islower() or character in _CONTINUING
        self._pending = Boundary.NONE
        if not continues:
            self._end()

    def _wide_end(self, character: str) -> bool:
        core = self._word.rstrip(_CLOSERS)
        return bool(core) and core[-1] in _WIDE and character not in TERMINATORS + _CLOSERS

    def _complete(self) -> None:
        word, self._word = self._word, ""
        if not word:
            return
        led = self._gap and self._length > 0 and not (self._cut and word[0] in ",;:" + TERMINATORS)
        number_goes_on = self._last.isdigit() and word[0].isdigit()
        if led and self._length + len(word) + 1 > VOICE_LIMIT and not number_goes_on:
            self._end()
            led = False
        self._gap = self._cut = False
        text = f" {word}" if led else word
        self._length += len(text)
        self._last = word[-1]
        self._sink.word(text)
        if self._length > _SOFT_LIMIT and word[-1] in _COMMAS:
            self._end()

    def _end(self) -> None:
        if self._length:
            self._sink.end()
        self._length = 0
        self._gap = self._cut = False
        self._pending = Boundary.NONE
        self._last = ""
