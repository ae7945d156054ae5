"""Text made speakable: signs read as words, mark-up and pictures left out, pauses where a reader would make them.

Subtitles keep the original; only what the voice reads passes through here.
"""

import re
import unicodedata
from functools import cache

from npc_runtime.tts.language import LATIN, SpokenLanguage, spoken_language

_URL = re.compile(r"(?i)\b(?:https?://|www\.)\S*[\w/]")
_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,60}>")
_NUMBER = r"\d+(?:[.,]\d+)*"
_QUOTES = str.maketrans(dict.fromkeys("’‘ʼ′´", "'") | dict.fromkeys('"“”„‟«»‹›″[](){}<>|\\^~`_⟨⟩【】「」『』', " "))
_MARKS = {"。": ".", "，": ",", "、": ",", "！": "!", "？": "?", "；": ";", "：": ":", "¿": " ", "¡": " ", "‽": "?"}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_RUN = re.compile(r"[,.;:!?](?:\s*[,.;:!?])+")
_STRENGTH = "?!.;:,"
_KEPT_SIGNS = frozenset(",.;:!?'-/")
_LONG_WORD = 3
"""All-capital words above this length are shouted; shorter ones are as a rule abbreviations."""


def speakable(text: str, language: str) -> str:
    """What a voice should read.

    Args:
        text: As the model or an author wrote it.
        language: ISO 639-1 code of the voice.

    Returns:
        One line of words and punctuation; empty when there is nothing to say.
    """
    spoken = spoken_language(language)
    text = unicodedata.normalize("NFC", text).strip()
    text = _MARKUP.sub(" ", text)
    text = _MAIL.sub(lambda match: _address(match[0], spoken), text)
    text = _URL.sub(lambda match: _address(re.sub(r"(?i)^(https?://)?(www\.)?", "", match[0]), spoken), text)
    text = _numbers(text, spoken)
    text = text.translate(_QUOTES)
    for mark, plain in _MARKS.items():
        text = text.replace(mark, plain)
    text = _signs(text, spoken)
    text = _pauses(text)
    text = "".join(_keep(char, latin=spoken.code in LATIN) for char in text)
    text = _quieter(text, spoken)
    text = _abbreviations(text, spoken)
    return _tidy(text)


def _address(address: str, spoken: SpokenLanguage) -> str:
    """The host of a web address, or a whole mail address, as one says it."""
    host = re.split(r"[/?#:]", address)[0]
    dot = f" {spoken.dot} " if spoken.dot else " "
    return f" {host.strip('.').replace('.', dot)} "


def _numbers(text: str, spoken: SpokenLanguage) -> str:
    for sign, word in spoken.currencies.items():
        escaped = re.escape(sign)
        text = re.sub(rf"{escaped}\s?({_NUMBER})", rf"\1 {word} ", text)
        text = re.sub(rf"({_NUMBER})\s?{escaped}", rf"\1 {word} ", text)
        text = text.replace(sign, f" {word} ")
    if spoken.percent_first:
        text = re.sub(rf"({_NUMBER})\s?%", r"% \1", text)
    if spoken.to:
        text = re.sub(r"(?<=\d)\s?–\s?(?=\d)", f" {spoken.to} ", text)
    if minus := spoken.words.get("−"):
        text = re.sub(r"(?<!\S)-(?=\d)", f"{minus} ", text)
    if times := spoken.words.get("×"):
        text = re.sub(r"(?<=\d)\s?\*\s?(?=\d)", f" {times} ", text)
    return re.sub(r"#(?=\d)", f" {spoken.number_sign} ", text)


def _signs(text: str, spoken: SpokenLanguage) -> str:
    for sign, word in spoken.words.items():
        text = text.replace(sign, f" {word} ")
    text = text.replace("*", "").replace("#", " ")
    return re.sub(r"(?<=[^\W\d])/(?=[^\W\d])", " ", text)


def _pauses(text: str) -> str:
    text = re.sub(r"\.{2,}|…", ", ", text)
    text = re.sub(r"\s*(?:[—―⸺]|--+)\s*|\s+[–-]\s+|(?<=\w)–(?=\s)|(?<=\s)–(?=\w)", ", ", text)
    return re.sub(r"(?<=[^\s,.;:!?])[ \t]*[\r\n]+\s*", ", ", text)


def _keep(char: str, *, latin: bool) -> str:
    """The character, a space in its place, or nothing."""
    category = unicodedata.category(char)
    if category == "Cf":
        return ""
    if category[0] == "M":
        return "" if latin or category == "Me" or "\ufe00" <= char <= "\ufe0f" else char
    if category[0] == "L":
        # A Latin voice spells letters of other scripts by their names, or says "Chinese letter".
        return char if not latin or unicodedata.name(char, "").startswith("LATIN") else " "
    if category in ("Nd", "No"):
        return char if not latin or char.isascii() or char in "½¼¾⅓⅔" else " "
    return char if char in _KEPT_SIGNS else " "


def _quieter(text: str, spoken: SpokenLanguage) -> str:
    words = _WORD.findall(text)
    all_shouted = (
        len(words) > 1 and not any(char.islower() for char in text) and any(len(word) > _LONG_WORD for word in words)
    )

    def lower(match: re.Match[str]) -> str:
        word = match[0]
        shouted = word.isupper() and (len(word) > _LONG_WORD or (all_shouted and len(word) > 1))
        return spoken.lower(word) if shouted else word

    return _WORD.sub(lower, text)


@cache
def _abbreviation_pattern(spoken_code: str) -> re.Pattern[str] | None:
    table = spoken_language(spoken_code).abbreviations
    if not table:
        return None
    names = "|".join(re.escape(name) for name in sorted(table, key=len, reverse=True))
    return re.compile(rf"(?<![\w.])(?:{names})(?=(\s*\Z)|[\s,;:!?])")


def _abbreviations(text: str, spoken: SpokenLanguage) -> str:
    pattern = _abbreviation_pattern(spoken.code)
    if pattern is None:
        return text
    return pattern.sub(lambda match: spoken.abbreviations[match[0]] + ("" if match[1] is None else "."), text)


def _tidy(text: str) -> str:
    text = re.sub(r"(?<!\w)[-/']+(?!\w)", " ", text)
    text = re.sub(r"\s+", " ", text)
    text = _RUN.sub(lambda match: next(mark for mark in _STRENGTH if mark in match[0]), text)
    text = re.sub(r"\s+(?=[,.;:!?])", "", text)
    text = re.sub(r"(?<=[,;:!?])(?=[^\W\d])", " ", text)
    text = text.lstrip(" ,.;:!?-/").rstrip(" -/")
    return text if any(char.isalnum() for char in text) else ""
