"""Remembering: what of all memories goes into one prompt, the most valuable, within a number of tokens."""

import itertools
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence

from npc_runtime.character.memory.lines import Line, Wording
from npc_runtime.character.memory.recall import Recall
from npc_runtime.character.memory.records import Memory, Summary
from npc_runtime.events import Pad

Count = Callable[[Sequence[str]], Awaitable[Sequence[int]]]
"""How many tokens each of some texts has."""

VALUABLE = 0.65
"""Importance from which on a memory comes to mind unasked: promises, deaths and threats reach it."""
MOST_MEMORIES = 12
MOST_FACTS = 4
MOST_UNASKED = 2
"""Memories that come to mind unasked."""
_HALF = 0.5
"""How much of a line must be left for it to be cut rather than left out."""


def candidates(
    recall: Recall,
    query: str,
    *,
    npc: str,
    player: str | None,
    now: float,
    language: str,
    mood: Pad,
    names: Mapping[str, str],
    known: Collection[int],
    least: float = 0.0,
) -> list[Line]:
    """What could go into a prompt: what has to do with the query, and what matters so much that it needs no reason.

    At the beginning of a conversation, when nothing is known, that is the last summary, too. A summary is left out
    where an experience in it says more about what is asked.

    Args:
        recall: Searches the memories.
        query: What is being talked about.
        npc: Who remembers.
        player: With whom.
        now: Game time, seconds.
        language: What memories and query are in, an ISO 639-1 code.
        mood: What the character feels.
        names: What characters and players are called, by their ids.
        known: Ids of the experiences that are in the prompt anyway.
        least: How important, 0..1, an experience must be; above 0 there are no summaries either.

    Returns:
        The most valuable first, none twice.

    Raises:
        OutputError: Another process keeps the database locked.
    """
    most = MOST_MEMORIES + len(known)
    memories = recall.memories(query, npc=npc, player=player, now=now, language=language, mood=mood, limit=most)
    found = [memory for memory in memories if memory.id not in known and memory.importance >= least]
    asked = [memory for memory in found if memory.fits]
    gists: list[Summary] = []
    if not least:
        summaries = recall.summaries(query, npc=npc, player=player, now=now, language=language)
        gists = list(_telling(summaries, asked, known))
    unasked = [
        memory for memory in found if not memory.fits and memory.importance >= VALUABLE and not _told(memory, gists)
    ]
    facts = recall.facts(query, npc=npc, player=player, at=now, language=language, limit=MOST_FACTS)
    wording = Wording(language, names)
    lines = [
        *map(wording.memory, (*asked[:MOST_MEMORIES], *unasked[:MOST_UNASKED])),
        *map(wording.fact, facts),
        *map(wording.summary, gists),
    ]
    best: dict[str, Line] = {}
    for line in sorted(lines, key=lambda line: (-line.value, -line.time)):
        if line.text:
            best.setdefault(line.whole, line)
    return list(best.values())


def _telling(summaries: Sequence[Summary], asked: Sequence[Memory], known: Collection[int]) -> Iterator[Summary]:
    begun = min(known, default=None)
    for place, summary in enumerate(summaries, start=1):
        if any(summary.first <= memory.id <= summary.last for memory in asked):
            continue
        if begun is None:
            if summary.fits or place == len(summaries):
                yield summary
        elif summary.fits and summary.first < begun:
            yield summary


def _told(memory: Memory, summaries: Sequence[Summary]) -> bool:
    """Whether a summary has a memory in its own words."""
    text = " ".join(memory.text.split())
    return any(text in " ".join(summary.text.split()) for summary in summaries)


async def fitting(lines: Sequence[Line], room: int, count: Count) -> list[Line]:
    """As many lines as there is room for, in the order of time: the least valuable goes first.

    Args:
        lines: The most valuable first.
        room: Tokens for all of them, each with the end of its line.
        count: The tokens of texts.

    Returns:
        If there are lines, at least the beginning of the most valuable one, unless not even a letter of it fits. The
        last one that has some room is cut if at least half of it is left.
    """
    if room <= 0 or not lines:
        return []
    kept: list[Line] = []
    for line, size in zip(lines, await count([_ended(line) for line in lines]), strict=True):
        if size > room:
            cut = await _cut(line, room, count, least=_HALF if kept else 0.0)
            kept += [cut] if cut is not None else []
            break
        kept.append(line)
        room -= size
    return sorted(kept, key=lambda line: (line.time, line.memory or 0))


async def _cut(line: Line, room: int, count: Count, *, least: float) -> Line | None:
    """As much of a line as fits, up to a whole word or, if it is the first one, a letter; None if nothing does."""
    first = len(line.text.partition(" ")[0])
    ends = itertools.chain(range(1, first), (at for at, char in enumerate(line.text) if char == " "))
    shorter = [
        Line(line.before, f"{line.text[:end].rstrip()}…", line.after, line.value, line.time, line.memory)
        for end in ends
        if end >= least * len(line.text)
    ]
    if not shorter:
        return None
    sizes = await count([_ended(cut) for cut in shorter])
    return next((cut for cut, size in zip(reversed(shorter), reversed(sizes), strict=True) if size <= room), None)


def _ended(line: Line) -> str:
    """A line as it is counted: behind the end of a line, a tokenizer begins anew."""
    return f"{line.whole}\n"
