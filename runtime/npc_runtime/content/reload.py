"""Hot reload: sees that content files change, and offers the library that they make; the last good version stays.

The folders are looked at a few times a second rather than watched through the operating system: that works alike on
every file system, network drives and mounted folders included, needs no native package, touches only the few folders
that hold content, though a content folder may be a whole game, and has to be done anyway to see that a file is whole.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import Stamp, stamps
from npc_runtime.content.library import KINDS, Library
from npc_runtime.errors import ContentError, Problem

LOOK_SECONDS = 0.5
"""Time between two looks while nothing changes."""
SOON_SECONDS = 0.15
"""The same while something does."""
SETTLED = 1
"""Looks at which nothing more may have changed before files are read: editors empty a file before they write it."""
DOUBTFUL = 3
"""The same where a file is empty or gone, which is seldom what its author wants to keep."""


@dataclass(frozen=True, slots=True)
class Change:
    """What came of edited files."""

    library: Library
    """What holds from now on."""
    files: tuple[Path, ...]
    """The files that were written, added or removed."""
    changed: tuple[str, ...]
    """Ids of the characters that are new, or not what they were."""
    gone: tuple[str, ...]
    """Ids of the characters that are not there any more."""
    problems: tuple[Problem, ...]
    """The mistakes that were not there before; what was good before stays in their place."""


class Reloader:
    """Follows the files of a library.

    Args:
        library: What was read from them, however long ago.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        """The newest version."""
        self._there = frozenset(root for root in library.roots if root.is_dir())
        """The content folders that have been seen."""
        self._lost: frozenset[Path] = frozenset()
        self._seen: Mapping[str, Stamp] = library.stamps
        self._quiet = 0
        """Looks in a row at which nothing changed."""

    async def changes(self) -> AsyncIterator[Change]:
        """Every change, as soon as the files of it are whole; many at once are one."""
        while True:
            await anyio.sleep(LOOK_SECONDS if self._seen == self.library.stamps else SOON_SECONDS)
            # The disk may be slow, and the event loop carries sound; nobody who leaves waits for a look that hangs.
            change = await anyio.to_thread.run_sync(self.look, abandon_on_cancel=True)
            if change is not None:
                yield change

    def look(self) -> Change | None:
        """Look at the folders once.

        Returns:
            What changed; None if nothing did, or not everything is written yet.
        """
        there = frozenset(root for root in self.library.roots if root.is_dir())
        self._there |= there
        if lost := self._there - there:
            return self._report_lost(lost)
        self._lost = lost
        seen = stamps(self.library.roots, KINDS)
        self._quiet = self._quiet + 1 if seen == self._seen else 0
        self._seen = seen
        read = self.library.stamps
        if seen == read:
            return None
        files = sorted(path for path in {*seen, *read} if seen.get(path) != read.get(path))
        doubtful = any(path not in seen or seen[path][1] == 0 for path in files)
        if self._quiet < (DOUBTFUL if doubtful else SETTLED):
            return None
        library = Library.load(self.library.roots, last=self.library)
        if stamps(self.library.roots, KINDS) != library.stamps:  # written while it was read
            return None
        before, self.library = self.library, library
        return _difference(before, library, tuple(map(Path, files)))

    def _report_lost(self, lost: frozenset[Path]) -> Change | None:
        """A whole folder that is away, as on a drive that was unplugged, takes no character with it."""
        told, self._lost = self._lost, lost
        if lost <= told:
            return None
        hint = "what was read from it stays until it is back"
        problems = tuple(Problem(str(root), 0, 0, "the content folder is not there any more", hint) for root in lost)
        return Change(self.library, (), (), (), tuple(sorted(problems)))


def _difference(before: Library, now: Library, files: tuple[Path, ...]) -> Change:
    old = {character.id: character for character in before.characters()}
    new = {character.id: character for character in now.characters()}
    return Change(
        now,
        files,
        changed=tuple(id for id in new if id not in old or _all_of(before, old[id]) != _all_of(now, new[id])),
        gone=tuple(id for id in old if id not in new),
        problems=tuple(sorted(set(now.problems) - set(before.problems))),
    )


def _all_of(library: Library, character: CharacterFile) -> tuple[object, ...]:
    """A character with all that its file refers to."""
    try:
        actions = library.actions_for(character)
    except ContentError:
        actions = ()
    return character, actions, library.packs_for(character)
