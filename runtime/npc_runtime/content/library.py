"""All characters and actions of the content folders that apply, the first folder winning."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from npc_runtime.content.action import ActionDefinition, ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile, Kind, paths_of, read
from npc_runtime.content.cross_check import character_problems, repeated_ids
from npc_runtime.content.model_check import suggest
from npc_runtime.errors import ContentError, InputError, Problem


class UnknownCharacter(InputError):
    """Nobody is called that."""

    code = "unknown_character"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One character, whether or not its file is good."""

    id: str
    names: tuple[str, ...]
    """The name, then the aliases."""
    character: CharacterFile | None
    problems: tuple[Problem, ...]


class Library:
    """Characters and actions; a file with mistakes is an error only when it is asked for."""

    def __init__(self, files: Iterable[ContentFile]) -> None:
        """Take files in order of priority; `load` reads them from folders."""
        files = list(files)
        clashes = repeated_ids(files)
        self._actions: dict[str, ActionDefinition] = {}
        self._broken: dict[str, tuple[Problem, ...]] = {}
        self._unreadable: list[Problem] = []
        self._problems: list[Problem] = [*clashes]
        for file in files:
            if file.kind == "actions":
                self._add_pack(file)
        self._entries: dict[str, _Entry] = {}
        for file in files:
            if file.kind == "characters" and file.id not in self._entries:
                self._entries[file.id] = self._entry(file)
                self._problems += self._entries[file.id].problems

    @classmethod
    def load(cls, roots: Sequence[Path]) -> Self:
        """Read content folders.

        Args:
            roots: The folders, the one with the highest priority first. A character or an action that an earlier
                folder has hides those of the same id in later ones. Folders that are missing count as empty.
        """
        return cls(_files(roots))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every mistake in the files that apply."""
        return tuple(sorted(set(self._problems)))

    @property
    def action_names(self) -> frozenset[str]:
        """Every action that some pack names, even one with mistakes."""
        return frozenset((*self._actions, *self._broken))

    @property
    def actions(self) -> tuple[ActionDefinition, ...]:
        """Every action that some pack defines."""
        return tuple(self._actions.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all characters, also of those whose files have mistakes."""
        return tuple(sorted(self._entries))

    def characters(self) -> tuple[CharacterFile, ...]:
        """The characters whose files are good, by id."""
        entries = (self._entries[id] for id in self.ids)
        return tuple(entry.character for entry in entries if entry.character is not None)

    def character(self, name: str) -> CharacterFile:
        """Find a character.

        Args:
            name: Its id, name or one of its aliases, in any case of letters. An id wins over a name, a name over an
                alias.

        Raises:
            UnknownCharacter: Nobody is called that.
            InputError: Several are.
            ContentError: Its file has mistakes.
        """
        entry = self._find(name)
        if entry.character is None:
            raise ContentError(entry.problems)
        return entry.character

    def actions_for(self, character: CharacterFile | str) -> tuple[ActionDefinition, ...]:
        """What a character may ever do, in the order of its file.

        Args:
            character: The character, or its id, name or alias.

        Raises:
            ContentError: An action is missing, or the pack that defines it has mistakes.
            InputError: As `character`.
        """
        if isinstance(character, str):
            character = self.character(character)
        broken = [problem for name in character.actions for problem in self._broken.get(name, ())]
        if broken:
            raise ContentError(sorted(set(broken)))
        unknown = [name for name in character.actions if name not in self._actions]
        if unknown:
            hint = suggest(unknown[0], sorted(self._actions))
            raise ContentError([Problem(character.name, 0, 0, f"no action pack defines `{unknown[0]}`", hint)])
        return tuple(self._actions[name] for name in character.actions)

    def _add_pack(self, file: ContentFile) -> None:
        self._problems += file.problems
        if isinstance(file.model, ActionPack):
            for definition in file.model.definitions():
                if definition.name not in self._broken:
                    self._actions.setdefault(definition.name, definition)
            return
        data = file.source.data if file.source else None
        named = data.get("actions") if isinstance(data, dict) else None
        if not isinstance(named, dict):
            self._unreadable += file.problems
            return
        for name in named:
            if name not in self._actions:
                self._broken.setdefault(name, file.problems)

    def _entry(self, file: ContentFile) -> _Entry:
        problems = [*file.problems, *character_problems(file, self.action_names)]
        if isinstance(file.model, CharacterFile):
            character = file.model.with_id(file.id)
            if any(name not in self.action_names for name in character.actions):
                problems += self._unreadable
            names = (character.name, *character.aliases)
            return _Entry(file.id, names, None if problems else character, tuple(problems))
        data = file.source.data if file.source else None
        name = data.get("name") if isinstance(data, dict) else None
        return _Entry(file.id, (name,) if isinstance(name, str) else (), None, tuple(problems))

    def _find(self, name: str) -> _Entry:
        wanted = name.strip().casefold()
        for names_of in (_id, _name, _aliases):
            found = [entry for entry in self._entries.values() if wanted in map(str.casefold, names_of(entry))]
            if len(found) == 1:
                return found[0]
            if found:
                ids = " or ".join(f"`{entry.id}`" for entry in sorted(found, key=_id))
                raise InputError(f"Several characters are called {name!r}.", hint=f"say {ids}", code="ambiguous_name")
        if not self._entries:
            hint = "put a file into the folder `characters`"
            raise UnknownCharacter(f"There is no character {name!r}, and no other either.", hint=hint)
        known = [word for entry in self._entries.values() for word in (entry.id, *entry.names)]
        hint = suggest(name.strip(), sorted(dict.fromkeys(known)))
        if not hint.startswith("did"):
            hint = "there are " + ", ".join(f"`{id}`" for id in self.ids)
        raise UnknownCharacter(f"There is no character {name!r}.", hint=hint)


def _files(roots: Sequence[Path]) -> Iterator[ContentFile]:
    kinds: tuple[Kind, ...] = ("actions", "characters")
    distinct: dict[Path, Path] = {}
    for root in roots:
        distinct.setdefault(root.resolve(), root)
    for root in distinct.values():
        for kind in kinds:
            for path in paths_of(root, kind):
                yield read(path, kind)


def _id(entry: _Entry) -> tuple[str, ...]:
    return (entry.id,)


def _name(entry: _Entry) -> tuple[str, ...]:
    return entry.names[:1]


def _aliases(entry: _Entry) -> tuple[str, ...]:
    return entry.names[1:]
