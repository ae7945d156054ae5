"""Which number of a line belongs to which argument: by the words beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npc_runtime.actions.mentions import anchors, names
from npc_runtime.actions.spoken_words import Lexicon, lexicon
from npc_runtime.actions.units import LITTLE, MUCH, Denial, Unit, is_described
from npc_runtime.content.action import Argument

_BESIDE, _COUNTED, _BARE = 3, 2, 1
"""How sure it is that a number belongs to an argument: a word of the argument stands beside it, it counts what another
argument names, or it stands alone and nothing else can be meant."""
_LOOK_BACK = 3


@dataclass(frozen=True, slots=True)
class Counted:
    """A number that belongs to an argument."""

    argument: str
    value: float
    sureness: int
    place: int


def counted(
    said: Sequence[Unit], args: Mapping[str, Argument], taken: frozenset[int], language: str, awaited: str = ""
) -> list[Counted]:
    """Find the values of integers and numbers.

    Args:
        said: The line.
        args: The arguments of the action.
        taken: Units that say another value; what follows a number there is what it counts.
        language: ISO 639-1 code.
        awaited: The argument that the character has just asked for: a number alone is for that.
    """
    wanted = {name: argument for name, argument in args.items() if argument.type in ("integer", "number")}
    known = {name: anchors(name, argument, language) for name, argument in wanted.items()}
    found = []
    for place, unit in enumerate(said):
        if unit.number is None or place in taken or _is_loose(said, place, taken, language):
            continue
        owner, sureness = _owner(said, place, known, taken, language, awaited)
        if owner:
            found.append(Counted(owner, unit.number.value, sureness, place))
    for name, argument in wanted.items():
        if argument.min == 0 and not any(one.argument == name for one in found):
            found += [Counted(name, 0.0, _BESIDE, at) for at in _denied(said, known[name], language)][:1]
    return found


def _owner(
    said: Sequence[Unit],
    place: int,
    known: Mapping[str, frozenset[str]],
    taken: frozenset[int],
    language: str,
    awaited: str,
) -> tuple[str, int]:
    """The argument that a number belongs to, and how sure that is; empty for none."""
    number = said[place].number
    kind = number.kind if number is not None else "plain"
    after, before = _after(said, place), _before(said, place)
    beside = [
        name
        for name, words in known.items()
        if after is not None and names(said[after].text, words, language, slip=kind != "weak")
    ]
    if not beside and kind == "plain" and before is not None and before not in taken:
        beside = [name for name, words in known.items() if names(said[before].text, words, language)]
    if beside:
        return (beside[0] if len(beside) == 1 else awaited if awaited in beside else ""), _BESIDE
    rest = [unit for at, unit in enumerate(said) if at != place and not unit.idle and unit.number is None]
    alone = all(lexicon(language).has("polite", unit.text) for unit in rest)
    if awaited in known and (kind != "weak" or alone) and (after is None or said[after].idle or alone):
        return awaited, _BESIDE
    if kind == "weak":
        return "", 0
    if after is not None and (after in taken or _of(said, after) in taken):
        if kind == "multiple":
            return "", 0
        counting = [
            name for name, words in known.items() if any(lexicon(language).has("count", word) for word in words)
        ]
        return (counting[0], _COUNTED) if len(counting) == 1 else ("", 0)
    if len(known) == 1 and (after is None or said[after].idle) and not _is_label(said, before, language):
        return next(iter(known)), _BARE
    return "", 0


def _after(said: Sequence[Unit], place: int) -> int | None:
    """The unit that a number may count; "of" and "extra" are passed over."""
    place += 1
    while place < len(said) and not said[place].gap and said[place].text in ("of", "von", LITTLE, MUCH):
        place += 1
    return place if place < len(said) and not said[place].gap else None


def _of(said: Sequence[Unit], after: int) -> int:
    """What a measure is of, as the bread of "six slices of bread"; -1 for nothing."""
    measured = after + 2 < len(said) and said[after + 1].text in ("of", "von") and not said[after + 1].gap
    return after + 2 if measured else -1


def _before(said: Sequence[Unit], place: int) -> int | None:
    """The word that a number may belong to, as in "the price is forty"."""
    for back in range(place, max(-1, place - _LOOK_BACK), -1):
        if said[back].gap == "." or back == 0:
            return None
        if not said[back - 1].idle:
            return back - 1 if said[back - 1].number is None else None
    return None


def _is_label(said: Sequence[Unit], before: int | None, language: str) -> bool:
    """Whether a number says which one, as in "room 6"."""
    return before is not None and lexicon(language).has("labels", said[before].text)


def _is_loose(said: Sequence[Unit], place: int, taken: frozenset[int], language: str) -> bool:
    """Whether a number is not certain: denied, one of two as in "three or four", or "more than ten"."""
    known = lexicon(language)
    if said[place].denial is not Denial.NONE:
        return True
    words = [unit.text for unit in said]
    if any(known.has("bounds", word) for word in words[max(0, place - 2) : place]) and not said[place].gap:
        return True
    for step in (-1, 1):
        near = place + step
        if 0 <= near < len(said) and _joins(words[near], known):
            near += step
        if not 0 <= near < len(said) or near in taken or near == place:
            continue
        number = said[near].number
        parted = any(said[at].gap for at in range(min(place, near) + 1, max(place, near) + 1))
        if number is not None and number.kind == "plain" and not parted:
            return True
    return False


def _joins(word: str, known: Lexicon) -> bool:
    return word in _RANGE or known.length("alternatives", (word,), 0) > 0


_RANGE = ("and", "und", "ve", "to", "bis")


def _denied(said: Sequence[Unit], words: frozenset[str], language: str) -> list[int]:
    """Places where an argument is named and denied: "no shots" are 0 shots, "not forty crowns" may be any other."""
    return [
        at
        for at, unit in enumerate(said)
        if unit.denial is Denial.CLEAR and not is_described(said, at) and names(unit.text, words, language)
    ]
