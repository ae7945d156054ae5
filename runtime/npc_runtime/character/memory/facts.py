"""Facts in game time: which of the things a character was told hold at a moment."""

from collections.abc import Iterable

from npc_runtime.character.memory.records import Fact


def key(fact: Fact) -> tuple[str, ...]:
    """What a fact is about: two facts of one key contradict each other when both claim the same moment."""
    about = (_same(fact.subject), _same(fact.predicate))
    return (*about, _same(fact.object or "")) if fact.several else about


def standing(facts: Iterable[Fact], at: float) -> dict[tuple[str, ...], Fact]:
    """The facts that hold at a moment, by what they are about.

    Of facts that contradict each other the one that became true last holds; of those from the same moment the more
    certain one; of these the one that was learned last. What was learned later about an earlier time changes that
    time only. Telling a fact again, from the same moment on, replaces it: so it can be given an end.

    Args:
        facts: What was learned, in any order.
        at: Game time in seconds.
    """
    told: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        same = (key(fact), _same(fact.object or ""), fact.valid_from)
        if same not in told or told[same].id < fact.id:
            told[same] = fact
    best: dict[tuple[str, ...], Fact] = {}
    for fact in told.values():
        if fact.valid_from <= at and (fact.valid_to is None or at < fact.valid_to):
            about = key(fact)
            if about not in best or _strength(best[about]) < _strength(fact):
                best[about] = fact
    return {about: fact for about, fact in best.items() if fact.object is not None}


def _strength(fact: Fact) -> tuple[float, float, int]:
    return fact.valid_from, fact.confidence, fact.id


def _same(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())
