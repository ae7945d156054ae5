"""A walk along the symbols a synthesiser spoke and their lengths, giving clean phones that lip-sync can look up.

Piper speaks one symbol per IPA code point, with a blank between any two. Measured against a forced aligner, a blank,
a stress mark and a space belong to the phone that follows them; a length mark belongs to the one before.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.speech import TimedPhone

BLANK = "_"
BEGIN = "^"
END = "$"
PRIMARY, SECONDARY = "ˈ", "ˌ"
PAUSES = frozenset(",.;:!?…—–¿¡。，、！？；：" + BEGIN + END)
"""Symbols that are spoken as silence; a space is not one of them."""

_JOINED = frozenset(["aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ", "ɔø", "ɔʏ", "tʃ", "dʒ"])
_JOINED_GERMAN = frozenset(["ts", "dz", "pf"])
_COMPOSED = {"c\u0327": "ç", "ə˞": "ɚ", "ɜ˞": "ɝ"}
"""A base and a mark that together are another phone; every other mark only lengthens or colours its base."""
_TIE = "\u0361"
_SPELLINGS = {"g": "ɡ", "ε": "ɛ", "ʧ": "tʃ", "ʤ": "dʒ"}
"""Look-alikes of IPA letters, as they are found in symbol tables of voices."""


@dataclass(slots=True)
class _Phone:
    ipa: str
    samples: int
    stressed: bool = False
    word_start: bool = False
    open: bool = True
    """Whether the next letter may still merge into it."""


def walk(
    symbols: Sequence[str], samples: Sequence[int], language: str, *, onset: int | None = None
) -> tuple[TimedPhone, ...]:
    """Phones of one utterance.

    Args:
        symbols: What was spoken: IPA code points, blanks, stress marks, spaces, punctuation, `^` and `$`.
        samples: Length of each symbol in samples.
        language: ISO 639-1 code; `ts`, `dz` and `pf` are one phone in German only.
        onset: Sample at which sound begins. What precedes the first phone's own symbol and this point is silence.

    Returns:
        Phones without stress and length marks, silences as empty ones, no two silences in a row; their samples add
        up to the sum of `samples`, exactly.
    """
    walker = _Walker(_JOINED | _JOINED_GERMAN if language == "de" else _JOINED, onset)
    for symbol, count in zip(symbols, samples, strict=True):
        walker.take(symbol, int(count))
    return walker.finish()


class _Walker:
    def __init__(self, joined: frozenset[str], onset: int | None) -> None:
        self._joined = joined
        self._onset = onset
        self._phones: list[_Phone] = []
        self._pending = 0
        self._stressed = False
        self._word_start = True
        self._spoken = False
        self._at = 0

    def take(self, symbol: str, count: int) -> None:
        if symbol in PAUSES:
            self._pause(count)
        elif symbol in (PRIMARY, SECONDARY):
            self._stressed = symbol == PRIMARY
            self._wait(count)
            self._close()
        elif symbol == BLANK:
            self._wait(count)
        elif not (letters := _letters(symbol)):
            if symbol and all(_is_mark(char) for char in symbol):
                self._mark(symbol, count)
            else:
                self._wait(count)
                self._close()
                self._word_start = self._word_start or symbol.isspace()
        else:
            self._letter(letters, count, closed=letters != symbol)
        self._at += count

    def finish(self) -> tuple[TimedPhone, ...]:
        if self._pending:
            if not self._phones:
                self._phones.append(_Phone("", 0))
            self._phones[-1].samples += self._pending
        kept: list[_Phone] = []
        for phone in self._phones:
            if phone.samples and kept and not phone.ipa and not kept[-1].ipa:  # what stood between them has no length
                kept[-1].samples += phone.samples
            elif phone.samples:
                kept.append(phone)
        return tuple(TimedPhone(p.ipa, p.samples, p.stressed, p.word_start) for p in kept)

    def _wait(self, count: int) -> None:
        self._pending += count

    def _close(self) -> None:
        if self._phones:
            self._phones[-1].open = False

    def _pause(self, count: int) -> None:
        self._silence(self._pending + count)
        self._pending = 0
        self._stressed = False
        self._word_start = True

    def _silence(self, count: int) -> None:
        if self._phones and not self._phones[-1].ipa:
            self._phones[-1].samples += count
        else:
            self._phones.append(_Phone("", count, open=False))

    def _letter(self, letters: str, count: int, *, closed: bool) -> None:
        if not self._spoken:
            self._spoken = True
            quiet = 0 if self._onset is None else min(max(self._onset - self._at + self._pending, 0), self._pending)
            if quiet:
                self._silence(quiet)
                self._pending -= quiet
        last = self._phones[-1] if self._phones else None
        if last and last.open and not self._word_start and not self._stressed and last.ipa + letters in self._joined:
            last.ipa += letters
            last.samples += self._pending + count
            last.open = False
        else:
            self._phones.append(
                _Phone(letters, self._pending + count, self._stressed, self._word_start, open=not closed)
            )
        self._pending = 0
        self._stressed = False
        self._word_start = False

    def _mark(self, mark: str, count: int) -> None:
        last = self._phones[-1] if self._phones else None
        if last is None or not last.ipa or self._word_start:
            self._wait(count)
            return
        last.samples += self._pending + count
        self._pending = 0
        last.ipa = _COMPOSED.get(last.ipa + mark, last.ipa)
        if mark != _TIE:
            last.open = False


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Lm", "Sk")


def _letters(symbol: str) -> str:
    """The IPA letters of a symbol: composed, without marks, digits and brackets."""
    letters = ""
    for char in unicodedata.normalize("NFD", symbol):
        if letters and letters[-1] + char in _COMPOSED:
            letters = letters[:-1] + _COMPOSED[letters[-1] + char]
        elif unicodedata.category(char) in ("Ll", "Lo"):
            letters += _SPELLINGS.get(char, char)
    return letters
