"""The clause cutter: a stream of words cut into pieces to speak, the first one as early as it sounds natural.

What it cuts depends on the characters only, not on how they arrive: the text is taken in one character at a time.
Joined together, the pieces are the text again, but for white space.
"""

import re
from collections.abc import Iterator

from npc_runtime.tts.language import spoken_language

FIRST_WORDS = 4
"""Words after which the first piece is cut if that leaves a good end; after one more it is cut wherever it is."""
FIRST_MS = 350.0
"""Milliseconds after its first word at which the first piece is cut if it has `LATE_WORDS` words."""
LATE_WORDS = 3
CLAUSE_WORDS = 2
"""Words that make a clause worth speaking alone: "Aye," waits for what follows."""
MAX_CHARS = 250

_SHORT_QUOTE = 60
"""A quotation up to this many characters is a title or a phrase, and stays in one piece."""
_CLOSERS = "\"”“»’')]"
_CLAUSE_END = re.compile(rf"(?:[,;:—…]|\.\.\.|\s[–-])[{re.escape(_CLOSERS)}]*\Z")
_SENTENCE_END = re.compile(rf"[.!?][{re.escape(_CLOSERS)}]*\Z")
_OPENERS = {"“": "”", "„": "“”", "«": "»", "»": "«", '"': '"'}


class ClauseCutter:
    """Cuts one reply.

    Args:
        language: ISO 639-1 code, for the words after which one does not pause.
        max_chars: Longest piece, unless a single word or short quotation is longer.
        merge_chars: Sentences after the first piece wait for the next one until they have this many characters
            together; 0 lets each go by itself.
    """

    def __init__(self, language: str, *, max_chars: int = MAX_CHARS, merge_chars: int = 0) -> None:
        spoken = spoken_language(language)
        self._lower = spoken.lower
        self._weak = spoken.weak_endings
        self._abbreviations = frozenset(self._lower(name) for name in spoken.abbreviations)
        self._max_chars = max(max_chars, 1)
        self._merge_chars = merge_chars
        self._text = ""
        self._first = True
        self._late = False

    def add(self, words: str) -> list[str]:
        """Take in more text; any split will do, also within a word.

        Returns:
            The pieces that are now ready to be spoken.
        """
        return [piece for char in words for piece in self._take(char)]

    def tick(self, elapsed_ms: float) -> list[str]:
        """Say how long ago the first word arrived, in milliseconds.

        Returns:
            The first piece, if it has waited long enough.
        """
        if not self._first or elapsed_ms < FIRST_MS:
            return []
        self._late = True
        return list(self._cut_late())

    def sentence_end(self) -> list[str]:
        """The sentence is complete.

        Returns:
            The pieces that are now ready to be spoken.
        """
        pieces = list(self._split())
        if not self._first and len(self._text.strip()) < self._merge_chars:
            self._space()
            return pieces
        return pieces + self._flush()

    def close(self) -> list[str]:
        """The reply is complete.

        Returns:
            The pieces that are left.
        """
        pieces = list(self._split()) + self._flush()
        rest, self._text = self._text.strip(), ""
        return [*pieces, rest] if rest else pieces

    def _take(self, char: str) -> Iterator[str]:
        before, self._text = self._text, self._text + char
        if self._first:
            if char.isspace():
                if self._is_clause(before):
                    yield from self._cut(len(before))
                elif (words := _count(before)) >= FIRST_WORDS:
                    yield from self._cut(self._word_edge(len(before), LATE_WORDS, anywhere=words > FIRST_WORDS))
                elif self._late:
                    yield from self._cut_late()
            elif char in ",;" and before[-1:].isalpha() and self._is_clause(self._text):
                yield from self._cut(len(self._text))
            elif before.endswith(("—", "…")) and char.isalpha() and self._is_clause(before):
                yield from self._cut(len(before))
        elif char.isspace() and len(self._text) > self._max_chars:
            yield from self._split()

    def _is_clause(self, text: str) -> bool:
        return (
            _CLAUSE_END.search(text) is not None
            and _count(text) >= CLAUSE_WORDS
            and not any(start < len(text) < end for start, end in _quotations(text))
        )

    def _cut_late(self) -> Iterator[str]:
        edge = max((match.start() for match in re.finditer(r"\s", self._text)), default=0)
        if _count(self._text[:edge]) >= LATE_WORDS:
            yield from self._cut(self._word_edge(edge, CLAUSE_WORDS, anywhere=True))

    def _word_edge(self, at: int, least: int, *, anywhere: bool) -> int:
        """The last good place to pause up to `at` that leaves `least` words, or if need be `at` itself.

        0 if there is none, or `at` may not be cut either, because it lies in a short quotation.
        """
        edges = [match.start() for match in re.finditer(r"\s+", self._text[:at])] + [at]
        free = [edge for edge in edges if self._free(edge)]
        good = [edge for edge in free if not self._ends_weak(edge) and _count(self._text[:edge]) >= least]
        return good[-1] if good else at if anywhere and at in free else 0

    def _free(self, at: int) -> bool:
        return not any(start < at < end for start, end in _quotations(self._text))

    def _ends_weak(self, at: int) -> bool:
        words = self._lower(self._text[:at]).split()
        if not words:
            return True
        last = words[-1].lstrip(_CLOSERS + "„«")
        return last in self._weak or last in self._abbreviations or last[-1:].isdigit()

    def _split(self) -> Iterator[str]:
        """Cut what is too long: after a sentence, a clause, or a word, in this order; never inside a word."""
        while len(self._text.rstrip()) > self._max_chars:
            spaces = (match.start() for match in re.finditer(r"(?<=\S)\s+", self._text))
            edges = [edge for edge in spaces if self._free(edge) and _count(self._text[:edge])]
            fitting = [edge for edge in edges if edge <= self._max_chars]
            choices = (
                [e for e in fitting if _SENTENCE_END.search(self._text[:e]) and not self._ends_weak(e)],
                [e for e in fitting if _CLAUSE_END.search(self._text[:e])],
                [e for e in fitting if not self._ends_weak(e)],
            )
            wide = self._max_chars // 3
            edge = next((found[-1] for found in choices if found and found[-1] >= wide), None)
            if edge is None:
                edge = fitting[-1] if fitting else edges[0] if edges else None
            if edge is None or not self._text[edge:].strip():
                return
            yield from self._cut(edge)

    def _cut(self, at: int) -> Iterator[str]:
        piece = self._text[:at].strip()
        if at > 0 and _count(piece):
            self._text = self._text[at:]
            self._first = False
            yield piece

    def _flush(self) -> list[str]:
        """Everything, unless it is punctuation only: that goes with what follows."""
        if not _count(self._text):
            self._space()
            return []
        return list(self._cut(len(self._text)))

    def _space(self) -> None:
        if self._text and not self._text[-1].isspace():
            self._text += " "


def _count(text: str) -> int:
    return sum(any(char.isalnum() for char in word) for word in re.split(r"[\s—…]+", text))


def _quotations(text: str) -> list[tuple[int, int]]:
    """Start and end of each short quotation; one that is still open ends beyond the text."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        closers = _OPENERS.get(text[at])
        if closers and (at == 0 or not text[at - 1].isalnum()):
            window = text[at + 1 : at + 1 + _SHORT_QUOTE]
            end = next((index for index, char in enumerate(window) if char in closers), None)
            if end is not None:
                found.append((at, at + end + 2))
                at += end + 2
                continue
            if len(window) < _SHORT_QUOTE:
                found.append((at, len(text) + 1))
        at += 1
    return found
