"""Lexicon: texts as terms that are the same for all forms of a word, in several languages, without a dictionary.

English words are stemmed by SQLite's `porter` (Porter 1980). Turkish words are cut: their meaning is at the front and
suffixes follow (Can et al. 2008 found cut words as good as a lemmatiser); several lengths, so that more in common
counts more. German and all other languages are split into runs of four letters (McNamee and Mayfield 2004), which finds
compounds, and the first run counts twice. Accents are taken off, as players and speech recognition leave them out.

On the 30 questions of tests/bench/_memory_lines.py, with 3,000 lines of random frequent words among the answers, hit@1
and hit@10: German whole words .36 .47, cut to five .81 .90, a light stemmer .78 .87, runs of four .98 1.0; Turkish
whole words .07 .17, cut to five .73 .99, runs of three .86 1.0, suffixes stripped .94 1.0, cut to 3, 4 and 5 .98 1.0.
"""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Sequence
from functools import cache

from npc_runtime.errors import SetupError
from npc_runtime.resources import bundled

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_RUN = 4
_CUTS = (3, 4, 5)
_SOFTENED = str.maketrans("bdg", "ptk")
"""Turkish p, t and k become b, d and ğ before a vowel: kitap, kitabı."""
_MOST_KNOWN = 50_000
_SHORT = {"en": "am an as at be by do go he hi if in is it me my no of oh on or so to up us we"}
"""Words of two letters that mean nothing by themselves, where the shared list leaves them out."""
_LONGEST = 40
"""Letters of a word that count."""


class Lexicon:
    """Makes terms of texts; for one thread at a time.

    Raises:
        SetupError: This Python's SQLite has no full-text search.
    """

    def __init__(self) -> None:
        # A full-text table shows the stems that its tokenizer made of the words put into it.
        self._probe = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._probe.execute("CREATE VIRTUAL TABLE words USING fts5(word, tokenize = 'porter unicode61')")
            self._probe.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(words, instance)")
        except sqlite3.OperationalError as error:
            raise SetupError(
                f"The SQLite of this Python lacks FTS5, which memory needs: {error}.",
                hint="use a Python from python.org or from uv",
            ) from error
        self._known: dict[str, dict[str, list[str]]] = {}
        """Language → word as written → its terms."""

    def terms(self, text: str, language: str) -> list[str]:
        """The terms of a text, in its order, with repetitions.

        Args:
            text: Any text; none of it has a special meaning.
            language: ISO 639-1 code.
        """
        return self.all_terms([text], language)[0]

    def all_terms(self, texts: Sequence[str], language: str) -> list[list[str]]:
        """The terms of many texts, which is faster at once than one by one."""
        split = [_WORD.findall(_plain(text)) for text in texts]
        known = self._known.setdefault(language, {})
        if len(known) > _MOST_KNOWN:
            known.clear()
        new = {word for words in split for word in words if word not in known}
        known.update(self._learned(sorted(new), language))
        return [[term for word in words for term in known[word]] for words in split]

    def _learned(self, written: Sequence[str], language: str) -> dict[str, list[str]]:
        stop = _stop_words(language)
        words = [_content(word, stop) for word in written]
        if language == "en":
            stems = self._stems(words)
            return {found: [stems[word]] if word else [] for found, word in zip(written, words, strict=True)}
        split = _cut if language == "tr" else _runs
        return {found: split(word) if word else [] for found, word in zip(written, words, strict=True)}

    def _stems(self, words: Sequence[str]) -> dict[str, str]:
        self._probe.execute("DELETE FROM words")
        self._probe.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(words))
        stems = dict(zip(words, words, strict=True))
        for place, stem in self._probe.execute("SELECT doc, term FROM stems WHERE offset = 0"):
            stems[words[place]] = stem
        return stems


def _content(found: str, stop: frozenset[str]) -> str:
    """A word without what follows its apostrophe; empty if it carries no meaning."""
    if found in stop:
        return ""
    parts = found.split("'")
    word = (parts[0] if len(parts[0]) > 2 else max(parts, key=len))[:_LONGEST]
    return word if word not in stop and (len(word) > 1 or not word.isascii() or word.isdigit()) else ""


@cache
def _stop_words(language: str) -> frozenset[str]:
    lists = json.loads(bundled("assets", "text", "stop_words.json").read_text(encoding="utf-8"))
    return frozenset(_plain(word) for word in (*lists.get(language, "").split(), *_SHORT.get(language, "").split()))


def _plain(text: str) -> str:
    folded = text if text.isascii() else unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("’", "'"))
    lower = folded.casefold().replace("ı", "i")
    return lower if lower.isascii() else "".join(char for char in lower if not unicodedata.combining(char))


def _runs(word: str) -> list[str]:
    runs = [word[start : start + _RUN] for start in range(max(1, len(word) - _RUN + 1))]
    return [f"^{word[:_RUN]}", *runs]


def _cut(word: str) -> list[str]:
    return [f"{length}{word[:length].translate(_SOFTENED)}" for length in _CUTS]
