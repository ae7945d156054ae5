"""Word forms of English, German and Turkish, cut down so that the forms of one word meet.

Light suffix stripping after the idea of the S-stemmer (Harman 1991) for English and German. Turkish words change only
behind their beginning, so there a word is matched by how it begins (fixed-prefix stemming, Can et al. 2008).
"""

import re
import unicodedata
from functools import lru_cache

_VOWELS = "aeiouy"
_WORD = re.compile(r"[^\W_]+")
_CONTRACTIONS = {
    "en": (
        (re.compile(r"can't|cannot"), "can not"),
        (re.compile(r"won't"), "will not"),
        (re.compile(r"n't\b"), " not"),
        (re.compile(r"\b(what|who|where|when|how|there|that|it|he|she|here)'s\b"), r"\1 is"),
        (re.compile(r"'m\b"), " am"),
        (re.compile(r"'re\b"), " are"),
        (re.compile(r"'ll\b"), " will"),
        (re.compile(r"'ve\b"), " have"),
        (re.compile(r"'d\b"), " would"),
        (re.compile(r"'s\b"), ""),
    ),
    "de": ((re.compile(r"'s\b"), " es"), (re.compile(r"'(nen?)\b"), r" ei\1")),
    "tr": ((re.compile(r"'[^\W_]*"), ""),),
}
"""Short forms and what they stand for; in Turkish an apostrophe separates endings from a name."""
_GERMAN_ENDINGS = ("est", "ern", "em", "en", "er", "es", "et", "st", "e", "n", "s")
_TURKISH_SUFFIXES = re.compile(
    r"(?:l[ae]r|yor|[ae]bil|[ae]c[ae][kğ]|[aeıiuü]|[yns][aeıiuü]|[dt][aeıiuü]|[dt][ıiuü][rkğ]|m[ıiuü]ş"
    r"|m[ae][zk]|[aeıiuü][rp]|l[ıiuü][kğ]?|s[ıiuü]z|[mnkz])*"
)
_LONGEST_SUFFIXES = 12
_PREFIX = 5
"""Letters of a Turkish word that stand for its stem."""
_SOFT = {"k": "ğ", "ç": "c", "t": "d", "p": "b"}
"""How the last letter of a Turkish noun changes before a vowel."""


def words_of(text: str, language: str) -> list[str]:
    """The words of a text in small letters, contractions taken apart.

    Args:
        text: Any text.
        language: ISO 639-1 code.
    """
    text = unicodedata.normalize("NFC", text).replace("’", "'")
    if language == "tr":
        text = text.replace("İ", "i").replace("I", "ı")
    text = text.lower()
    for short, whole in _CONTRACTIONS.get(language, ()):
        text = short.sub(whole, text)
    return _WORD.findall(text)


@lru_cache(maxsize=8192)
def stem(word: str, language: str) -> str:
    """What the forms of a word have in common.

    Args:
        word: One word in small letters.
        language: ISO 639-1 code; words of other languages than the three stay as they are.
    """
    if language == "en":
        return _english(word)
    if language == "de":
        return _german(word)
    return word[:_PREFIX] if language == "tr" else word


def turkish_begins(word: str, beginning: str) -> bool:
    """Whether a Turkish word is a form of what it begins with; short beginnings need suffixes behind them.

    Args:
        word: One word in small letters.
        beginning: What it begins with.
    """
    rest = word[len(beginning) :]
    if not word.startswith(beginning):
        return False
    if len(beginning) > 4 or not rest:
        return True
    return len(rest) <= _LONGEST_SUFFIXES and _TURKISH_SUFFIXES.fullmatch(rest) is not None


def softened(word: str) -> str | None:
    """A Turkish noun as it stands before a vowel; None when it does not change."""
    if len(word) < 3 or word[-1] not in _SOFT:
        return None
    return word[:-1] + _SOFT[word[-1]]


def _english(word: str) -> str:
    if len(word) <= 3:
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith(("sses", "xes", "zes", "ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and len(base) >= 3 and any(letter in _VOWELS for letter in base):
            if base[-1] == base[-2] and base[-1] not in "lsz":
                word = base[:-1]
            elif len(base) == 3 and base[1] in _VOWELS and base[0] not in _VOWELS and base[2] not in "aeiouywx":
                word = base + "e"
            else:
                word = base
            break
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word


def _german(word: str) -> str:
    for ending in _GERMAN_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= (3 if len(ending) > 1 or ending == "e" else 4):
            word = word[: -len(ending)]
            break
    if word.endswith("t") and len(word) >= 4 and word[-2] not in "aeiouäöürht":
        word = word[:-1]
    return word[2:] if word.startswith("ge") and len(word) >= 6 else word
