"""Numbers as people say them: figures, number words, "two dozen", "half a dozen", "a pair of", "double"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from npc_runtime.actions.spoken_words import Lexicon, Token, lexicon

Kind = Literal["plain", "weak", "multiple"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A number in a line."""

    value: float
    first: int
    """Its first word, counted from 0."""
    end: int
    """The word behind its last one."""
    kind: Kind
    """`weak`: perhaps only an article, as in "that one", "eine Axt"; `multiple`: "single", "double"."""


def spoken_number(words: Sequence[Token], at: int, language: str) -> Spoken | None:
    """The number that begins at a word, if one does.

    Args:
        words: The words of a line.
        at: Where to look.
        language: ISO 639-1 code; for others than English, German and Turkish only figures count.
    """
    known = lexicon(language)
    grouped = _set(words, at, known, language)
    if grouped is not None:
        return grouped
    found = _cardinal(words, at, known, language)
    if found is None:
        word = words[at].text
        if word in known.half:
            return Spoken(0.5, at, at + 1, "plain")
        if word in known.multiples:
            return Spoken(known.multiples[word], at, at + 1, "multiple")
        return None
    value, end = found
    texts = [word.text for word in words]
    size = len(known.and_half)
    if size and tuple(texts[end : end + size]) == known.and_half:
        value, end = value + 0.5, end + size
    weak = end == at + 1 and words[at].text in known.weak
    counted = known.length("classifiers", texts, end) if end < len(texts) and not words[end].gap else 0
    return Spoken(value, at, end + counted, "weak" if weak and not counted else "plain")


def _set(words: Sequence[Token], at: int, known: Lexicon, language: str) -> Spoken | None:
    """A number of sets, such as "two dozen", "half a dozen" or "ein Paar"; "ein paar" is a few."""
    place, times = at, 1.0
    if words[at].text in known.half:
        place, times = at + 1, 0.5
        if place < len(words) and words[place].text in ("a", "of"):
            place += 1
    else:
        counted = _cardinal(words, at, known, language)
        if counted is not None:
            times, place = counted
        elif words[at].text == "a" and language == "en":
            place = at + 1
        if place < len(words) and words[place].text in known.half:  # "ein halbes Dutzend"
            place, times = place + 1, times * 0.5
    if place >= len(words) or (place > at and words[place].gap):
        return None
    word = words[place]
    value = known.sets.get(word.raw if language == "de" and word.text == "paar" else word.text)
    if value is None or (place == at and word.text in known.multiples):
        return None
    end = place + 1
    if end < len(words) and words[end].text == "of" and not words[end].gap:
        end += 1
    return Spoken(times * value, at, end, "plain")


def _cardinal(words: Sequence[Token], at: int, known: Lexicon, language: str) -> tuple[float, int] | None:
    """The value of a number in words or figures, and the word behind it."""
    total, scale = 0.0, float("inf")
    current: float | None = None
    end = at
    while end < len(words) and (end == at or not words[end].gap):
        figure, word = words[end].number, words[end].text
        value = figure if figure is not None else known.numbers.get(word)
        if value is None and language == "de":
            value = _german(word, known)
        if value is None:
            if not _joins(words, end, current, known) or end == at:
                break
        elif figure is not None:
            if end > at:
                break
            current = value
        elif value >= 1000 and value < scale and word in known.numbers:
            total, current, scale = total + (1.0 if current is None else current) * value, None, value
        elif value == 100 and current is not None and 0 < current < 10:
            current *= 100
        elif current is None and (end == at or total):
            current = value
        elif current is not None and _fits(current, value) and language != "de":  # German has one word for these
            current += value
        else:
            break
        end += 1
    return (total + (current or 0.0), end) if end > at else None


def _joins(words: Sequence[Token], at: int, current: float | None, known: Lexicon) -> bool:
    """Whether an "and" belongs to the number, as in "two hundred and five"."""
    following = known.numbers.get(words[at + 1].text, 100.0) if at + 1 < len(words) else 100.0
    return words[at].text in known.joins and (current is None or current % 100 == 0) and following < 100


def _fits(current: float, value: float) -> bool:
    """Whether a word such as "five" goes on a number such as "twenty" or "two hundred"."""
    rest = current % 100
    if current >= 100 and rest == 0:
        return value < 100
    return 0 < value < 10 and rest >= 10 and rest % 10 == 0


def _german(word: str, known: Lexicon) -> float | None:
    """A number that German writes as one word, such as "dreihundertzweiundvierzig" or "zweimal"."""
    if len(word) > 80:
        return None
    if word.endswith("mal") and len(word) > 3:
        return _german(word[:-3], known)
    if word.endswith("einhalb") and word != "einhalb":
        whole = _german(word[: -len("einhalb")], known)
        return None if whole is None else whole + 0.5
    if word in known.numbers:
        return known.numbers[word]
    for name, value in (("tausend", 1000.0), ("hundert", 100.0)):
        left, found, right = word.partition(name)
        if found:
            many = _german(left, known) if left else 1.0
            rest = _german(right.removeprefix("und"), known) if right else 0.0
            return None if many is None or rest is None or many >= value else many * value + rest
    ones, found, tens = word.partition("und")
    low, high = known.numbers.get(ones), known.numbers.get(tens)
    if found and low is not None and high is not None and 0 < low < 10 and 20 <= high < 100:
        return low + high
    return None
