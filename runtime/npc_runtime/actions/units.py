"""A line as units that values are looked for in: words, numbers as figures, amounts, each with whether it is denied."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from npc_runtime.actions.spoken_numbers import Spoken, spoken_number
from npc_runtime.actions.spoken_words import Lexicon, Token, lexicon, tokens

LITTLE, MUCH = "<little>", "<much>"
"""What all ways to say "a little" and "a lot of" become."""
LACKING = ("free", "frei")
"""Words that deny the one before them: "sugar-free"."""
_REACH = 6
"""Units that "no" and "without" speak of at most."""
_TAIL = 3
"""Units behind "not" up to which it may speak of what stands before it, as in "die Axt will ich nicht haben"."""
_SHORTEST_BASE = 3


class Denial(IntEnum):
    """Whether a line denies a word."""

    NONE = 0
    UNSURE = 1
    """Perhaps, as the sugar in "no milk and sugar"."""
    CLEAR = 2


@dataclass(frozen=True, slots=True)
class Unit:
    """A word, a number or an amount."""

    text: str
    """A folded word, the figure of a number, `LITTLE` or `MUCH`; measures have one spelling."""
    gap: str
    """What punctuation stands before it; see `Token.gap`."""
    idle: bool
    """Whether it only holds a sentence together."""
    number: Spoken | None = None
    base: str = ""
    """What something is without: `zucker` of `zuckerfrei`."""
    denial: Denial = Denial.NONE


@lru_cache(maxsize=8192)
def units(text: str, language: str, nouns: frozenset[str] = frozenset()) -> tuple[Unit, ...]:
    """Take a line apart.

    Args:
        text: What is said, or a name or value to look for.
        language: ISO 639-1 code.
        nouns: Words of names and values: they are no verbs that deny, though Turkish ones may look so (`dolma`).
    """
    known = lexicon(language)
    found = _plain(tokens(text, language), known, language)
    denials = _denials(found, known, language, nouns)
    return tuple(
        Unit(unit.text, unit.gap, unit.idle, unit.number, unit.base, denial)
        for unit, denial in zip(found, denials, strict=True)
    )


def _plain(words: Sequence[Token], known: Lexicon, language: str) -> list[Unit]:
    texts = [word.text for word in words]
    found: list[Unit] = []
    at = 0
    while at < len(words):
        token, gap = words[at], words[at].gap
        number = spoken_number(words, at, language)
        amount = next((mark for kind, mark in _AMOUNTS if (size := known.length(kind, texts, at))), "")
        # "ein Schuss Milch", "a little": an amount is longer than the article it begins with.
        if amount and (number is None or number.kind == "weak"):
            size = max(known.length(kind, texts, at) for kind, _ in _AMOUNTS)
            found.append(Unit(amount, gap, False))
            at += size
        elif number is not None:
            plain = token.text if number.kind == "multiple" else f"{number.value:.12g}"
            found.append(Unit(plain, gap, number.kind == "weak", number))
            at = number.end
        else:
            text = token.text
            if found and found[-1].number is not None:
                text = known.units.get(text, text)
            found.append(Unit(text, gap, known.has("function", text), base=_base(text, known)))
            at += 1
    return found


_AMOUNTS = (("little", LITTLE), ("much", MUCH))


def _base(text: str, known: Lexicon) -> str:
    endings = (ending for (ending,) in known.phrases["lacking"])
    return next((text[: -len(e)] for e in endings if text.endswith(e) and len(text) - len(e) >= _SHORTEST_BASE), "")


def _denials(found: Sequence[Unit], known: Lexicon, language: str, nouns: frozenset[str]) -> list[Denial]:
    denials = [Denial.NONE] * len(found)
    words = [unit.text for unit in found]
    for at in range(len(found)):
        if is_particle(found, at, known):
            continue
        size = known.length("deny_next", words, at)
        if size:
            _deny_next(found, at + size, known, denials)
        size = known.length("deny_clause", words, at)
        if size and not _asks_politely(words, at, language):
            _deny_clause(found, at, at + size, known, denials)
        size = known.length("deny_back", words, at)
        if size:
            for place in range(_clause_start(found, at), at):
                denials[place] = Denial.CLEAR
        if language == "tr" and _is_last(found, at) and words[at] not in nouns and _denies(words[at]):
            for place in range(_clause_start(found, at), at):
                denials[place] = Denial.CLEAR
        if at and words[at] in LACKING and not found[at].gap:
            denials[at - 1] = Denial.CLEAR
    return denials


def is_described(said: Sequence[Unit], at: int) -> bool:
    """Whether what is denied is only one kind of a thing, as in "no whole milk"."""
    before = said[at - 1] if at > 0 and not said[at].gap else None
    return before is not None and not before.idle and before.denial is not Denial.NONE


def is_particle(found: Sequence[Unit], at: int, known: Lexicon) -> bool:
    """Whether a "no" answers or corrects, rather than denying what follows it."""
    if not known.has("particles", found[at].text):
        return False
    if at + 1 == len(found):
        return True
    following = found[at + 1]
    return bool(following.gap) or known.has("articles", following.text) or following.text in ("i", "wait", "sorry")


def _asks_politely(words: Sequence[str], at: int, language: str) -> bool:
    """Whether a "not" only asks, as in "can't you give me the axe", "why not the axe"."""
    if language != "en":
        return False
    pronoun = at + 1 < len(words) and words[at + 1] in ("you", "i", "we")
    return (pronoun and at <= 1) or (at > 0 and words[at - 1] == "why")


def _deny_next(found: Sequence[Unit], start: int, known: Lexicon, denials: list[Denial]) -> None:
    """Deny the next thing, and what is joined to it by "or"; what "and" joins may be meant or not."""
    words = [unit.text for unit in found]
    certain, met = Denial.CLEAR, False
    for at in range(start, min(start + _REACH, len(found))):
        unit = found[at]
        alternative = known.length("alternatives", words, at) > 0
        if unit.gap == "." or (unit.gap and met and not _lists_on(found, at, known)):
            return
        article = known.has("articles", unit.text)
        if met and not alternative:
            begun = article or unit.number is not None or unit.text in (LITTLE, MUCH)
            if known.length("resume", words, at) or (begun and words[at - 1] not in _or_words(known)):
                return
        if unit.text in _AND:
            certain = Denial.UNSURE
        denials[at] = max(denials[at], certain)
        met = met or not (unit.idle or unit.text in _MORE)


_AND = ("and", "und", "ve")
_MORE = ("more", "mehr", "weitere", "weiteren")


def _or_words(known: Lexicon) -> frozenset[str]:
    return frozenset(phrase[-1] for phrase in known.phrases["alternatives"])


def _deny_clause(found: Sequence[Unit], at: int, start: int, known: Lexicon, denials: list[Denial]) -> None:
    """Deny the rest of the clause, or what stands before a "not" that closes it."""
    words = [unit.text for unit in found]
    end = start
    while end < len(found):
        unit = found[end]
        if unit.gap == "." or (unit.gap and not _lists_on(found, end, known)) or known.length("contrast", words, end):
            break
        denials[end] = Denial.CLEAR
        end += 1
    if end - start <= _TAIL:
        for place in range(_clause_start(found, at), at):
            denials[place] = Denial.CLEAR


def _lists_on(found: Sequence[Unit], at: int, known: Lexicon) -> bool:
    """Whether a comma goes on with a list: an "or" follows in the same sentence."""
    words = [unit.text for unit in found]
    for place in range(at, len(found)):
        if place > at and found[place].gap == ".":
            return False
        if known.length("contrast", words, place):
            return False
        if known.length("alternatives", words, place):
            return True
    return False


def _clause_start(found: Sequence[Unit], at: int) -> int:
    while at > 0 and not found[at].gap:
        at -= 1
    return at


def _is_last(found: Sequence[Unit], at: int) -> bool:
    return at + 1 == len(found) or bool(found[at + 1].gap)


_DENYING_VERBS = ("miyorum", "muyorum", "miyoruz", "muyoruz", "mem", "mam", "meyelim", "mayalim", "meyeyim", "mayayim",
                  "mesin", "masin", "meyin", "mayin", "mez", "maz")  # fmt: skip
_DENYING_ORDERS = ("me", "ma")


def _denies(word: str) -> bool:
    """Whether a Turkish verb at the end of a clause denies, as `istemiyorum`, `koyma` and `olmasin` do."""
    return word.endswith(_DENYING_VERBS) or (len(word) >= 5 and word.endswith(_DENYING_ORDERS))
