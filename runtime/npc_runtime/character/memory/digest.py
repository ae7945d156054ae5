"""Digests: a conversation that is over, or has become long, in a few sentences; several of these in a few again."""

from collections.abc import Callable, Mapping

from npc_runtime.character.memory.records import Changes, Memory, Summary
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.character.memory.summary import Utterance, summarised

SHORT = 4
"""Utterances below which a conversation that is over is not summarised yet: it waits for the next one."""
LONG = 40
"""Utterances from which on a conversation that goes on is summarised."""
LENGTH = 240
"""Characters of the summary of a conversation: some sixty tokens."""
LENGTH_OF_SEVERAL = 400
"""Characters of the summary of several summaries."""
TOGETHER = 4
"""Summaries that become one."""
LEFT = 2
"""Summaries that stay as they are, the latest: what was last talked about is remembered in more detail."""


def digest(
    store: MemoryStore,
    npc: str,
    player: str,
    language: str,
    names: Mapping[str, str],
    *,
    over: bool,
    check: Callable[[], None],
) -> None:
    """Summarise what a character and a player have said to each other since the last summary, if it is enough.

    Args:
        store: Where it is, and where the summary goes.
        npc: Who remembers.
        player: With whom.
        language: ISO 639-1 code of the conversation.
        names: What those two are called, by their ids.
        over: Whether the conversation has ended.
        check: Called every few milliseconds; may raise, and begun anew the result is the same.

    Raises:
        OutputError: Another process keeps the database locked.
    """

    def size(text: str) -> int:
        check()
        return len(text)

    latest = store.summaries(npc, player, level=1, limit=1)
    talk = store.talk(npc, player, after=latest[-1].last if latest else 0)
    if len(talk) >= (SHORT if over else LONG):
        who = {"heard": names.get(player, player), "said": names.get(npc, npc)}
        lines = [Utterance(who[memory.source], memory.text) for memory in talk]
        text = summarised(lines, LENGTH, language, count=size)
        store.commit(Changes(summaries=(_of(talk, npc, player, text),)))
    _join(store, npc, player, language, size)


def _of(talk: list[Memory], npc: str, player: str, text: str) -> Summary:
    first, last = talk[0], talk[-1]
    return Summary(npc=npc, player=player, level=1, first=first.id, last=last.id, game_time=last.game_time, text=text)


def _join(store: MemoryStore, npc: str, player: str, language: str, size: Callable[[str], int]) -> None:
    """Make one summary of the oldest ones, once there are more than enough."""
    joined = store.summaries(npc, player, level=2, limit=1)
    known = joined[-1].last if joined else 0
    single = [summary for summary in store.summaries(npc, player, level=1, limit=16) if summary.first > known]
    if len(single) < TOGETHER + LEFT:
        return
    parts = single[:-LEFT]
    said = (line.partition(": ") for part in parts for line in part.text.splitlines())
    lines = [Utterance(who, text) for who, _, text in said]
    text = summarised(lines, LENGTH_OF_SEVERAL, language, count=size)
    summary = Summary(
        npc=npc,
        player=player,
        level=2,
        first=parts[0].first,
        last=parts[-1].last,
        game_time=parts[-1].game_time,
        text=text,
    )
    store.commit(Changes(summaries=(summary,)))
