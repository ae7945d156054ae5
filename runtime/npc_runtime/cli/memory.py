"""`memory`: what the characters remember: to see it, to take it along, and to have it forgotten for good."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from npc_runtime.character.memory.database import FILE_NAME
from npc_runtime.character.memory.facts import standing
from npc_runtime.character.memory.inspection import inspect
from npc_runtime.character.memory.records import Fact
from npc_runtime.character.memory.store import MemoryStore
from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, NpcError, UsageError
from npc_runtime.files import whole_file

_DAY = 86400


def show(
    library: Library, folder: Path, character: str = "", *, player: str | None = None, world: str, limit: int
) -> int:
    """Print what is remembered, one character and player after the other.

    Args:
        library: Knows what the characters are called.
        folder: The state folder.
        character: Id, name or alias; empty: all.
        player: Id of a player: only what is private to it.
        world: Whose memories.
        limit: Experiences of each character and player, the latest.

    Returns:
        The exit code.

    Raises:
        InputError: Nothing is remembered, or nothing of this character or player.
        SetupError: The database cannot be used.
    """
    found = _remembered(library, folder, character, player, world)
    names = {one.id: one.name for one in library.characters()}
    for npc, whom in _pairs(found):
        of = {key: [row for row in found[key] if (row["npc"], row["player"]) == (npc, whom)] for key in _PARTS}
        who = f"{names[npc]} ({npc})" if npc in names else npc
        console.out(f"{who} {shown(f'with {whom}' if whom is not None else 'with nobody in particular')}")
        for line in _lines(of, limit):
            console.out(f"  {line}")
        console.out()
    return 0


def export(
    library: Library, folder: Path, character: str = "", *, player: str | None = None, world: str, out: Path | None
) -> int:
    """Write what is remembered as JSON.

    Args:
        library: Knows what the characters are called.
        folder: The state folder.
        character: Id, name or alias; empty: all.
        player: Id of a player: only what is private to it.
        world: Whose memories.
        out: The file; None: standard output.

    Returns:
        The exit code.

    Raises:
        InputError: Nothing is remembered, or nothing of this character or player.
        SetupError: The database cannot be used, or the file not be written.
    """
    text = json.dumps(_remembered(library, folder, character, player, world), ensure_ascii=False, indent=2)
    if out is None:
        console.out(text)
        return 0
    with whole_file(out) as part:
        part.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    console.out(shown(f"Wrote {out}."))
    return 0


def forget(library: Library, folder: Path, character: str, *, player: str | None = None, sure: bool = False) -> int:
    """Remove what a character remembers, from every world and save game.

    Args:
        library: Knows what the characters are called.
        folder: The state folder.
        character: Id, name or alias.
        player: Id of a player: only what is private to it.
        sure: Whether not to ask.

    Returns:
        The exit code; 1 if the person changed their mind.

    Raises:
        InputError: There is no such character, and nothing is remembered of it.
        UsageError: Nobody is there to be asked.
        SetupError: The database cannot be used.
    """
    with _store(folder) as store:
        npc = _id(library, character, store.characters())
        what = f"what {npc} remembers" + (f" of the player {player}" if player is not None else "")
        if not sure:
            if not console.interactive():
                raise UsageError("Forgetting cannot be undone, and nobody is there to be asked.", hint="add --yes")
            if not typer.confirm(shown(f"Remove {what}, from every save game? It cannot be brought back."), err=True):
                console.out(shown("Nothing was removed."))
                return 1
        gone = store.forget(npc, player)
    console.out(shown(f"Removed {what}: {gone} experience{'' if gone == 1 else 's'}."))
    return 0


_PARTS = ("experiences", "facts", "summaries", "states")


def _store(folder: Path, world: str = "default") -> MemoryStore:
    """The database that is there; unlike the runtime, a command neither makes one nor moves one aside."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise InputError(
            f"Nothing is remembered yet: there is no {path}.",
            hint="talk with a character first; --state names another state folder",
            code="no_memory",
        )
    inspect(path)
    return MemoryStore(folder, world=world, warn=_fail)


def _fail(error: NpcError) -> None:
    raise error


def _remembered(library: Library, folder: Path, character: str, player: str | None, world: str) -> Mapping[str, Any]:
    with _store(folder, world) as store:
        npc = _id(library, character, store.characters()) if character else None
        found = store.export(npc, player)
        if any(found[part] for part in _PARTS):
            return found
        worlds = store.worlds()
    whom = f" of the player {player}" if player is not None else ""
    who = f"{npc} remembers nothing{whom}" if npc else f"Nobody remembers anything{whom}"
    others = ", ".join(name for name in worlds if name != world)
    where = f" in the world {world}" if world not in worlds or others else ""
    raise InputError(f"{who}{where}.", hint=f"other worlds: {others}" if others else "talk first", code="no_memory")


def _id(library: Library, character: str, remembering: Sequence[str]) -> str:
    """The id of a character; of one that has no file any more only its id is known."""
    return character if character in remembering else library.character(character).id


def _pairs(found: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    pairs = {(row["npc"], row["player"]) for part in _PARTS for row in found[part]}
    return sorted(pairs, key=lambda pair: (pair[0], pair[1] or ""))


def _lines(of: Mapping[str, Any], limit: int) -> Iterator[str]:
    experiences = of["experiences"]
    for summary in of["summaries"]:
        yield f"{_when(summary['game_time'])}  {shown('summary')}: {_single(summary['text'])}"
    facts = [Fact(**{key: value for key, value in row.items() if key not in ("npc", "player")}) for row in of["facts"]]
    latest = max([row["game_time"] for row in experiences] + [fact.valid_from for fact in facts], default=0.0)
    for fact in standing(facts, latest).values():
        yield f"{_when(fact.valid_from)}  {shown('fact')}: {_single(f'{fact.subject} {fact.predicate} {fact.object}')}"
    left = len(experiences) - limit
    if left > 0:
        yield shown(f"({left} earlier)")
    for row in experiences[max(left, 0) :]:
        how = shown(row["source"]) + ("" if row["kind"] == "dialogue" else f", {row['kind']}")
        yield f"{_when(row['game_time'])}  {how} ({row['importance']:.2f}): {_single(row['text'])}"
    if of["states"]:
        yield f"{shown('states')}: {', '.join(row['name'] for row in of['states'])}"


def _when(seconds: float) -> str:
    """Game time as days and a time of day."""
    days, rest = divmod(int(seconds), _DAY)
    return f"{shown('day')} {days} {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def _single(text: str) -> str:
    return " ".join(text.split())
