"""Which things of the scene a line names: by name, id or tag, by a part as in "the rusty one", or as "it"."""

from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.actions.candidates import Candidate
from npc_runtime.actions.likeness import Likeness, likeness
from npc_runtime.actions.spoken_words import lexicon
from npc_runtime.actions.units import Denial, Unit, units

MAX_THINGS = 256
"""Things of a scene that are looked for; the nearest are kept."""
_FULL, _HEAD, _PART, _TAG = 4, 3, 2, 1
"""How much a mention tells: the whole name, its last word, another word of it, a tag."""


@dataclass(frozen=True, slots=True)
class Named:
    """A place where a line names things."""

    tokens: frozenset[str]
    """`Candidate.token` of what may be meant; several where the words fit them alike."""
    strength: int
    places: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Match:
    token: str
    strength: int
    score: float
    places: frozenset[int]


def named(said: Sequence[Unit], among: Sequence[Candidate], language: str) -> tuple[list[Named], frozenset[str]]:
    """Find things in a line.

    Args:
        said: The line.
        among: What may be meant.
        language: ISO 639-1 code.

    Returns:
        What is named, in its order, and the tokens of what is denied: "not the axe".
    """
    nearest = sorted(among, key=lambda one: float("inf") if one.distance is None else one.distance)[:MAX_THINGS]
    wordings = [(one.token, _wordings(one, language)) for one in nearest]
    found: list[Named] = []
    denied: set[str] = set()
    for run in _runs(said):
        matches = [match for token, wording in wordings for match in _match(token, wording, said, run, language)]
        sure = [match for match in matches if match.score >= 1] or matches
        sure.sort(key=lambda match: (-match.score, -match.strength, min(match.places)))
        taken: set[int] = set()
        for match in sure:
            if not taken.isdisjoint(match.places):
                continue
            alike = [
                one
                for one in sure
                if one.score == match.score and one.strength == match.strength and one.places == match.places
            ]
            taken.update(match.places)
            tokens = frozenset(one.token for one in alike)
            denial = max(said[place].denial for place in match.places)
            if denial is not Denial.NONE:
                denied |= tokens
            elif match.score >= 1 or len(tokens) == 1:
                found.append(Named(tokens, match.strength, match.places))
    return sorted(found, key=lambda one: min(one.places)), frozenset(denied)


def points(said: Sequence[Unit], kind: str, language: str) -> bool:
    """Whether a line points at something without naming it, such as "it" and "that one", or at who speaks.

    Args:
        said: The line.
        kind: `it` or `me`.
        language: ISO 639-1 code.
    """
    known = lexicon(language)
    words = [unit.text if unit.number is None or unit.number.kind != "weak" else _ONE for unit in said]
    for at, unit in enumerate(said):
        size = known.length(kind, words, at)
        if not size or unit.denial is not Denial.NONE:
            continue
        after = said[at + size] if at + size < len(said) else None
        # "that sword" names it; "that is broken" points at it.
        if size > 1 or not known.has("articles", unit.text) or after is None or after.gap or after.idle:
            return True
    return False


_ONE = "one"


def _runs(said: Sequence[Unit]) -> list[list[int]]:
    """Places of words that stand together: between idle words and punctuation; a number closes them ("guard 2")."""
    runs: list[list[int]] = [[]]
    for place, unit in enumerate(said):
        if unit.gap or unit.idle:
            runs.append([])
        if unit.number is None and not unit.idle:
            runs[-1].append(place)
        elif unit.number is not None and unit.number.kind == "plain":
            if runs[-1]:
                runs[-1].append(place)
            runs.append([])
    return [run for run in runs if run]


def _wordings(one: Candidate, language: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The words of a thing's name, id and tags."""
    name, id = (tuple(unit.text for unit in units(text, language)) for text in (one.name, one.id))
    tags = tuple(unit.text for tag in one.tags[:16] for unit in units(tag, language))
    return name, id, tags


def _match(
    token: str,
    wording: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]],
    said: Sequence[Unit],
    run: Sequence[int],
    language: str,
) -> list[_Match]:
    name, id, tags = wording
    best: _Match | None = None
    for words, parts in ((name, True), (id, True), (tags, False)):
        hits: dict[int, tuple[str, Likeness]] = {}
        for place in run:
            like = max(((likeness(said[place].text, word, language), word) for word in words), default=None)
            if like is not None and like[0] is not Likeness.NONE:
                hits[place] = (like[1], like[0])
        if all(said[place].number is not None for place in hits):
            continue
        matched = {word for word, _ in hits.values()}
        score = sum(1.0 if like >= Likeness.FORM else 0.5 for _, like in hits.values())
        if parts:
            telling = [word for word in words if not units(word, language)[0].idle] if all(words) else []
            strength = _FULL if matched.issuperset(telling) else _HEAD if words[-1] in matched else _PART
        else:
            strength, score = _TAG, 1.0 if score >= 1 else 0.5
        match = _Match(token, strength, score, frozenset(hits))
        if best is None or (match.score, match.strength) > (best.score, best.strength):
            best = match
    return [best] if best is not None else []
