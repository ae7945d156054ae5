"""Words of a player's line as the rules of tone read them: folded, expanded, in sentences and clauses."""

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass

MAX_CHARACTERS = 2000
"""Of a longer text only the first and the last half as many are read."""

_TOKEN = re.compile(
    r"(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*|\d+)|(?P<end>[.!?…。！？؟]+)|(?P<pause>[,;:—–\n])"
    r"|(?P<picture>[\u2600-\u27bf\U0001f300-\U0001faff])"
)
"""Every alternative begins with another character, so that a text is read once, from left to right."""
_FOLDED: Mapping[str, Mapping[int, str]] = {
    "de": str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}),
    "tr": str.maketrans({"ı": "i", "â": "a", "î": "i", "û": "u"}),
}
"""What people write in two ways. Turkish i with and without a dot are one letter here, as keyboards and recognisers mix
them up."""
_TURKISH_PLAIN = str.maketrans("şğüöç", "sguoc")
_LEAST_SHOUTED = 6
"""Letters in capitals that are no longer a name or an abbreviation."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a picture sign."""

    text: str
    """Folded."""
    clause: int
    """Counts the clauses of its sentence from 0."""
    capital: bool
    """Whether it is written with a capital although it opens no sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What stands between two full stops."""

    words: tuple[Word, ...]
    asked: bool
    """Whether it ends with a question mark."""
    exclaimed: bool


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the player said."""

    sentences: tuple[Sentence, ...]
    shouted: bool
    """Whether it is written in capitals."""
    plain: bool
    """Whether it is Turkish without any of the letters that plain keyboards lack."""


def fold(text: str, language: str, *, plain: bool = False) -> str:
    """One spelling for what is written in several ways.

    Args:
        text: Any text.
        language: ISO 639-1 code.
        plain: Take the marks off the Turkish letters, too.
    """
    folded = unicodedata.normalize("NFC", text).replace("’", "'").replace("İ", "i").lower()
    folded = folded.translate(_FOLDED.get(language, {}))
    return folded.translate(_TURKISH_PLAIN) if plain else folded


def read(text: str, language: str, *, expand: Mapping[str, str], links: Set[str]) -> Utterance:
    """Take a text apart; time and space grow with its length, which is bounded.

    Args:
        text: The player's words.
        language: ISO 639-1 code.
        expand: Folded word → the words it stands for, such as "don't" → "do not".
        links: Words such as "but", that open a clause without a comma.
    """
    if len(text) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    text = unicodedata.normalize("NFC", text).replace("’", "'")
    sentences: list[Sentence] = []
    words: list[Word] = []
    clause = 0
    for found in _TOKEN.finditer(text):
        token = found.group()
        if found.lastgroup == "end":
            if words:
                sentences.append(Sentence(tuple(words), _has(token, "?？؟"), _has(token, "!！")))
            words, clause = [], 0
        elif found.lastgroup == "pause":
            clause += 1
        else:
            capital = bool(words) and token[0].isupper()
            folded = fold(token, language)
            for part in expand.get(folded, folded).split():
                clause += part in links
                words.append(Word(part, clause, capital))
    if words:
        sentences.append(Sentence(tuple(words), asked=False, exclaimed=False))
    letters = [letter for letter in text if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    return Utterance(
        tuple(sentences),
        shouted=capitals >= _LEAST_SHOUTED and capitals * 10 >= len(letters) * 7,
        plain=language == "tr" and not _has(text.lower(), "şğüöç"),
    )


def _has(text: str, characters: str) -> bool:
    return any(character in text for character in characters)
