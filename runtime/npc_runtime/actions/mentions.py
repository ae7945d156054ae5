"""Where a line says the values of enums and booleans: the longest match first, each word used once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npc_runtime.actions.likeness import Likeness, distance, likeness
from npc_runtime.actions.spoken_words import lexicon
from npc_runtime.actions.units import LACKING, LITTLE, MUCH, Denial, Unit, units
from npc_runtime.content.action import Argument

_JOINED = 7
"""Letters from which a value is also found where its words are joined or taken apart: `ameri cano`."""
_MOST_WORDS = 6
"""Of one way to say a value."""
_ANCHOR = 4
"""Letters of a word next to a number that may have one slip."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a line says a value of an argument."""

    argument: str
    values: frozenset[str]
    """Several where it is not clear which."""
    places: frozenset[int]
    """The units that say it."""
    denial: Denial
    own: str = ""
    """The words of the value, to tell `whole milk` from `milk`."""
    near: bool = False
    """Whether it is only like what was said, as `latay` is like `latte`."""


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to say a value."""

    argument: str
    value: str
    words: tuple[str, ...]
    spare: frozenset[int]
    """Words that need not be said, as they only name the argument."""
    denying: bool
    """Whether it says no itself, as "no sugar" does."""


@dataclass(frozen=True, slots=True)
class _Hit:
    form: _Form
    places: tuple[int, ...]
    beside: bool
    """Whether a word that names the argument stands next to it."""
    missing: int
    quality: Likeness

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """What sorts better ones first."""
        return (
            self.quality is Likeness.NEAR,
            -(len(self.places) + self.beside),
            self.missing,
            -int(self.quality),
        )


@dataclass(slots=True)
class Found:
    """What was found in a line."""

    mentions: list[Mention] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    """Units that say something."""

    def of(self, argument: str) -> list[Mention]:
        """The mentions of one argument, in their order; a near miss counts where nothing else is there."""
        mine = [one for one in self.mentions if one.argument == argument]
        sure = [one for one in mine if not one.near] or mine
        return sorted(sure, key=lambda one: min(one.places))


def anchors(name: str, argument: Argument, language: str) -> frozenset[str]:
    """Words that name an argument: those of its name and its description, without idle ones."""
    said = [*units(name, language), *units(argument.description or "", language)]
    return frozenset(unit.text for unit in said if unit.number is None and (not unit.idle or unit.text == name))


def names(word: str, anchor_words: frozenset[str], language: str, *, slip: bool = False) -> bool:
    """Whether a word is a form of one of the anchors.

    Args:
        word: A word of a line.
        anchor_words: See `anchors`.
        language: ISO 639-1 code.
        slip: Whether one letter may be wrong: next to a number little else can be meant.
    """
    for anchor in anchor_words:
        if likeness(word, anchor, language) >= Likeness.FORM:
            return True
        short = min(len(word), len(anchor))
        if slip and short >= _ANCHOR and word[0] == anchor[0]:
            plain = anchor.removesuffix("s") if language == "en" else anchor
            if min(distance(word, anchor, 1), distance(word, plain, 1)) <= 1:
                return True
    return False


def find(said: Sequence[Unit], args: Mapping[str, Argument], language: str, awaited: str = "") -> Found:
    """Find the values of enums and booleans in a line.

    Args:
        said: The line.
        args: The arguments of the action.
        language: ISO 639-1 code.
        awaited: The argument that the character has just asked for: there a part of a value is enough.
    """
    spoken = {name: argument for name, argument in args.items() if argument.type in ("enum", "boolean")}
    known = {name: anchors(name, argument, language) for name, argument in spoken.items()}
    hits = []
    for name, argument in spoken.items():
        for form in _forms(name, argument, language):
            hits += _hits(form, said, known[name], language, part=name == awaited)
    hits.sort(key=lambda hit: hit.rank)
    found = Found()
    for hit in hits:
        if not found.taken.isdisjoint(hit.places):
            continue
        rivals = [one for one in hits if one.rank == hit.rank and one.places == hit.places]
        found.taken.update(hit.places)
        chosen = _chosen(sorted({one.form.argument for one in rivals}), args, awaited)
        mine = [one.form for one in rivals if one.form.argument == chosen]
        if mine:
            values = frozenset(form.value for form in mine)
            found.mentions.append(_mention(values, hit, said, mine, language))
    return found


def _chosen(contenders: Sequence[str], args: Mapping[str, Argument], awaited: str) -> str:
    """Which argument a value is for that several could have; empty where that is not clear."""
    if awaited in contenders:
        return awaited
    needed = [name for name in contenders if args[name].needed]
    if len(contenders) == 1:
        return contenders[0]
    return needed[0] if len(needed) == 1 else ""


def _mention(values: frozenset[str], hit: _Hit, said: Sequence[Unit], forms: Sequence[_Form], language: str) -> Mention:
    form, places = forms[0], hit.places
    lacking = any(said[place].base and said[place].text not in form.words for place in places)
    # The sugar of the value "no sugar" is always denied; what counts there is whether the "no" is.
    telling = [place for place in places if form.denying and denies(said[place].text, language)] or places
    denial = Denial.CLEAR if lacking else max(said[place].denial for place in telling)
    return Mention(
        form.argument, values, frozenset(hit.places), denial, " ".join(form.words), hit.quality is Likeness.NEAR
    )


def _forms(name: str, argument: Argument, language: str) -> list[_Form]:
    """All ways to say the values of an argument."""
    own = [unit.text for unit in units(name, language) if not unit.idle]
    ways: list[tuple[str, str]] = [(value, value) for value in argument.values]
    if argument.type == "boolean":
        ways = [("true", name)]
    ways += [(value, way) for value, others in argument.spoken.items() for way in others]
    forms = []
    for value, way in ways:
        said = units(way, language)
        kept = [unit.text for unit in said if not lexicon(language).has("links", unit.text)] or [
            unit.text for unit in said
        ]
        if not 0 < len(kept) <= _MOST_WORDS:
            continue
        spare = frozenset(
            at for at, word in enumerate(kept) if any(likeness(word, one, language) >= Likeness.FORM for one in own)
        )
        telling = {word for at, word in enumerate(kept) if at not in spare} - {LITTLE, MUCH}
        denying = any(denies(word, language) for word in kept)
        if argument.type == "boolean" or not telling or denying:
            spare = frozenset()
        forms.append(_Form(name, value, tuple(kept), spare, denying))
    return forms


def denies(word: str, language: str) -> bool:
    """Whether a word says no."""
    known = lexicon(language)
    kinds = ("deny_next", "deny_clause", "deny_back", "none")
    return word in LACKING or any((word,) in known.phrases[kind] for kind in kinds)


def none_value(name: str, argument: Argument, language: str) -> str:
    """The value of an enum that says that there is none, such as `none` or `no_sugar`; empty without one."""
    own = anchors(name, argument, language)
    for value in argument.values:
        words = [unit.text for unit in units(value, language)]
        rest = [word for word in words if not denies(word, language)]
        if len(rest) < len(words) and all(names(word, own, language) for word in rest):
            return value
    return ""


def _hits(form: _Form, said: Sequence[Unit], named: frozenset[str], language: str, *, part: bool) -> list[_Hit]:
    found = []
    for at, unit in enumerate(said):
        if unit.idle and likeness(unit.text, form.words[0], language) < Likeness.FORM:
            if len(form.words) > 1 or not form.words[0].isalpha():
                hit = _joined(form, said, at, language)
                found += [hit] if hit else []
            continue
        hit = _at(form, said, at, named, language) or _joined(form, said, at, language)
        if hit is None and part:
            hit = _part(form, said, at, language)
        if hit is not None and (hit.beside or part or not form.denying or len(form.words) > 1):  # "none" of what?
            found.append(hit)
    return found


def _at(form: _Form, said: Sequence[Unit], at: int, named: frozenset[str], language: str) -> _Hit | None:
    """The form where it begins at a unit."""
    places: list[int] = []
    qualities: list[Likeness] = []
    missing, place = 0, at
    for index, word in enumerate(form.words):
        here = _next(said, place, word) if places else at
        quality = _like(said[here], word, language) if here < len(said) else Likeness.NONE
        if quality is Likeness.NONE or (here != at and said[here].gap == "."):
            if index not in form.spare:
                return None
            missing += 1
            continue
        places.append(here)
        qualities.append(quality)
        place = here + 1
    if not places:
        return None
    number = said[at].number
    if len(places) == 1 and number is not None and number.kind == "weak" and not missing:
        return None
    quality = min(qualities)
    if quality is Likeness.NEAR and len(places) > 1 and max(qualities) is Likeness.SAME:
        quality = Likeness.FORM
    beside = any(
        0 <= near < len(said)
        and near not in places
        and not (said[max(near, places[0])].gap and near != places[0])
        and names(said[near].text, named, language)
        for near in (_before(said, places[0]), _after(said, places[-1]))
    )
    return _Hit(form, tuple(places), beside, missing, quality)


def _like(unit: Unit, word: str, language: str) -> Likeness:
    if unit.base and unit.text != word:
        base = likeness(unit.base, word, language)
        if base >= Likeness.FORM:
            return base
    like = likeness(unit.text, word, language)
    return Likeness.NONE if unit.idle and like is Likeness.NEAR else like


def _next(said: Sequence[Unit], place: int, word: str) -> int:
    """The next unit that may be the word: idle ones are passed over."""
    while place < len(said) and said[place].idle and not said[place].gap and said[place].text != word:
        place += 1
    return place


def _before(said: Sequence[Unit], place: int) -> int:
    return place - 1 if not said[place].gap else -1


def _after(said: Sequence[Unit], place: int) -> int:
    place += 1
    return place if place < len(said) and not said[place].gap else len(said)


def _joined(form: _Form, said: Sequence[Unit], at: int, language: str) -> _Hit | None:
    """The form where recognition has joined its words, or taken them apart."""
    whole = "".join(form.words)
    if len(whole) < _JOINED or not whole.isalpha():
        return None
    text = ""
    for end in range(at, min(at + len(form.words) + 1, len(said))):
        if (end > at and said[end].gap) or not said[end].text.isalpha():
            return None
        text += said[end].text
        like = likeness(text, whole, language)
        if like is not Likeness.NONE and end - at + 1 != len(form.words):
            quality = Likeness.FORM if like is Likeness.SAME else Likeness.NEAR
            return _Hit(form, tuple(range(at, end + 1)), False, 0, quality)
    return None


def _part(form: _Form, said: Sequence[Unit], at: int, language: str) -> _Hit | None:
    """One telling word of the form."""
    if said[at].idle or said[at].text in (LITTLE, MUCH) or form.denying:
        return None
    best = max(_like(said[at], word, language) for word in form.words)
    return _Hit(form, (at,), False, len(form.words) - 1, best) if best >= Likeness.FORM else None
