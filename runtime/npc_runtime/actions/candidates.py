"""What an argument or a target may refer to in the scene, and which of those a written word means."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from npc_runtime.actions.situation import Situation

Reference = Literal["entity", "character", "location", "player"]

LOCATION_TAGS = frozenset({"location", "place"})
"""Entities that carry one of these are places one can name."""
_SAFE = re.compile(r"[A-Za-z0-9_:.+-]{1,64}", re.ASCII)
"""Ids that can stand in a tag as they are: no blanks, quotes, `=` or brackets."""
_PUNCTUATION = " \t.,;:!?…\"'“”‘’`"
_SHORTEST_PREFIX = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can be meant."""

    id: str
    """The game's own id."""
    name: str = ""
    tags: tuple[str, ...] = ()
    distance: float | None = None
    token: str = ""
    """What stands for it in an action tag: its id if that is safe there, a word made from it otherwise."""


def candidates(kind: Reference, situation: Situation, tags: Sequence[str] = ()) -> tuple[Candidate, ...]:
    """What may be meant now.

    Args:
        kind: `entity`: the entities of the scene. `character`: the characters in the scene and the player, without
            the one who acts. `location`: the place of the scene and the entities tagged as places. `player`: only
            the player.
        situation: The moment.
        tags: For entities: at least one of these must be carried; empty: any entity will do.
    """
    scene, player = situation.scene, situation.player
    found: Iterable[Candidate]
    if kind == "player":
        found = [Candidate(player.id, player.name)]
    elif kind == "character":
        others = (Candidate(p.id, p.name, (), p.distance) for p in scene.characters if p.id != situation.character)
        found = [*others, Candidate(player.id, player.name)]
    else:
        found = [Candidate(e.id, e.name, e.tags, e.distance) for e in scene.entities]
        if kind == "location":
            found = [entity for entity in found if LOCATION_TAGS & _folded(entity.tags)]
            if scene.location:
                found = [Candidate(scene.location, scene.location), *found]
    distinct = {candidate.id: candidate for candidate in reversed(list(found)) if candidate.id.strip()}
    named = _with_tokens(tuple(reversed(distinct.values())))
    wanted = _folded(tags)
    return tuple(candidate for candidate in named if not wanted or wanted & _folded(candidate.tags))


def resolve(written: str, among: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Find out what a word means.

    An id wins over a tag word, that over a name, and that over the beginning of one of them. Letters' case does not
    matter, except between ids that differ in nothing else; punctuation after the word is dropped if need be.

    Returns:
        Nothing if the word means none of them, one if it is clear, several if it is not.
    """
    for word in dict.fromkeys((written.strip(), written.strip(_PUNCTUATION))):
        folded = word.casefold()
        if not folded:
            continue
        for fits in _tests(word, folded):
            found = tuple(candidate for candidate in among if fits(candidate))
            if found:
                return found
    return ()


def _tests(word: str, folded: str) -> tuple[Callable[[Candidate], bool], ...]:
    exact: tuple[Callable[[Candidate], bool], ...] = (
        lambda one: one.id == word,
        lambda one: one.token == word,
        lambda one: one.id.casefold() == folded or one.token.casefold() == folded,
        lambda one: one.name.casefold() == folded,
    )
    if len(folded) < _SHORTEST_PREFIX:
        return exact
    return (*exact, lambda one: any(text.casefold().startswith(folded) for text in (one.name, one.id, one.token)))


def _with_tokens(found: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    taken = {candidate.id for candidate in found if _SAFE.fullmatch(candidate.id)}
    result = []
    for candidate in found:
        token = candidate.id
        if not _SAFE.fullmatch(token):
            token = base = _slug(candidate.id) or _slug(candidate.name) or "unnamed"
            number = 1
            while token in taken:
                number += 1
                token = f"{base}_{number}"
            taken.add(token)
        result.append(replace(candidate, token=token))
    return tuple(result)


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60]


def _folded(words: Iterable[str]) -> set[str]:
    return {word.casefold() for word in words}
