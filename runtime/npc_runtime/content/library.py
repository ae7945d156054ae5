"""All characters, actions and knowledge of the content folders that apply, the first folder winning."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from npc_runtime.content.action import ActionDefinition, ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile, Kind, Stamp, paths_of, read, stamp
from npc_runtime.content.cross_check import SeenIds, character_problems
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.model_check import suggest
from npc_runtime.content.scene_file import SceneFile, SceneSpec, SceneTrigger
from npc_runtime.errors import ContentError, InputError, Problem

KINDS: tuple[Kind, ...] = ("actions", "knowledge", "characters", "scenes")
"""What a library is made of, in the order in which it is read: characters name what is in the others."""


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
    path: Path
    kept: bool = False
    """Whether `character` is what an earlier version of the file held."""


class Library:
    """Characters, actions and knowledge; a file with mistakes is an error only when it is asked for."""

    def __init__(self, roots: Iterable[Path] = (), last: "Library | None" = None) -> None:
        """Read content folders; see `load`."""
        self._last = last
        self._seen = SeenIds()
        self._actions: dict[str, ActionDefinition] = {}
        self._packs: dict[Path, tuple[ActionDefinition, ...]] = {}
        """The definitions of each action file."""
        self._broken: dict[str, tuple[Problem, ...]] = {}
        self._unreadable: list[Problem] = []
        self._knowledge: dict[str, tuple[Path, KnowledgeFile | None]] = {}
        self._scenes: dict[str, tuple[Path, SceneSpec | None]] = {}
        self._entries: dict[str, _Entry] = {}
        self._problems: list[Problem] = []
        distinct: dict[Path, Path] = {}
        for root in roots:
            distinct.setdefault(root.resolve(), root)
        self.roots = tuple(distinct.values())
        """The content folders, each once."""
        self.stamps: dict[str, Stamp] = {}
        """What was read, by path, as it was then."""
        for kind in KINDS:
            for root in self.roots:
                for path in paths_of(root, kind):
                    self._add(path, kind)
        self._keep_actions()
        self._last = None

    @classmethod
    def load(cls, roots: Sequence[Path], *, last: "Library | None" = None) -> Self:
        """Read content folders.

        Args:
            roots: The folders, the one with the highest priority first. A character or an action that an earlier
                folder has hides those of the same id in later ones. Folders that are missing count as empty.
            last: What was read from the same folders before: what is good in it stays where a file has mistakes now,
                and files that did not change are not read again.
        """
        return cls(roots, last)

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
    def pack_ids(self) -> frozenset[str]:
        """The ids of all knowledge packs, also of those whose files have mistakes."""
        return frozenset(self._knowledge)

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

    def trigger(self, event: str, place: str) -> SceneTrigger | None:
        """What the files of the scenes at a place say about an event of the game.

        Args:
            event: Its name.
            place: Where the player is; files without a place are about any.
        """
        for _, scene in self._scenes.values():
            if scene is not None and scene.place.casefold() in ("", place.casefold()):
                for trigger in scene.triggers:
                    if trigger.event == event:
                        return trigger
        return None

    def packs_for(self, character: CharacterFile) -> tuple[KnowledgeFile, ...]:
        """The knowledge packs of a character that are there and have no mistakes, in the order of its file."""
        found = (self._knowledge.get(id, (None, None))[1] for id in character.knowledge.packs)
        return tuple(pack for pack in found if pack is not None)

    def _add(self, path: Path, kind: Kind) -> None:
        now = stamp(path)
        if now is not None:
            self.stamps[str(path)] = now
        if kind == "characters":
            self._add_character(path)
            return
        file = read(path, kind)
        self._problems += [*file.problems, *self._seen.clashes(file)]
        if kind == "actions":
            self._add_actions(file)
        elif kind == "scenes":
            if file.id not in self._scenes:
                scene: SceneSpec | None = file.model if isinstance(file.model, SceneFile) else None
                if scene is None and self._last is not None:
                    last_path, last_scene = self._last._scenes.get(file.id, (None, None))
                    scene = last_scene if last_path == path else None
                self._scenes[file.id] = path, scene
        elif file.id not in self._knowledge:
            known = file.model if isinstance(file.model, KnowledgeFile) else None
            if known is None and self._last is not None:
                before, pack = self._last._knowledge.get(file.id, (None, None))
                known = pack if before == path else None
            self._knowledge[file.id] = path, known

    def _add_actions(self, file: ContentFile) -> None:
        if isinstance(file.model, ActionPack):
            definitions = file.model.definitions()
        else:
            definitions = self._last._packs.get(file.path, ()) if self._last is not None else ()
        self._packs[file.path] = definitions
        for definition in definitions:
            if definition.name not in self._broken:
                self._actions.setdefault(definition.name, definition)
        if file.model is not None:
            return
        data = file.source.data if file.source else None
        named = data.get("actions") if isinstance(data, dict) else None
        if not isinstance(named, dict):
            self._unreadable += file.problems
            return
        for name in named:
            if name not in self._actions:
                self._broken.setdefault(name, file.problems)

    def _add_character(self, path: Path) -> None:
        last = self._last
        before = last._entries.get(path.stem) if last is not None else None
        if before is not None and before.path != path:
            before = None
        now = self.stamps.get(str(path))
        unchanged = last is not None and now is not None and now == last.stamps.get(str(path))
        if before is not None and unchanged and self._still_good(before):
            file, entry = ContentFile(path, "characters", None, before.character, ()), before
        else:
            file = read(path, "characters")
            entry = self._entry(file)
        self._problems += self._seen.clashes(file)
        if file.id in self._entries:
            return
        self._problems += entry.problems
        if not self._usable(entry) and before is not None and before.character is not None:
            entry = replace(entry, names=before.names, character=before.character, kept=True)
        self._entries[file.id] = entry

    def _usable(self, entry: _Entry) -> bool:
        return entry.character is not None and self._broken.keys().isdisjoint(entry.character.actions)

    def _still_good(self, entry: _Entry) -> bool:
        known = self._actions.keys()
        return entry.character is not None and not entry.kept and known >= set(entry.character.actions)

    def _entry(self, file: ContentFile) -> _Entry:
        problems = [*file.problems, *character_problems(file, self.action_names)]
        if isinstance(file.model, CharacterFile):
            character = file.model.with_id(file.id)
            if any(name not in self.action_names for name in character.actions):
                problems += self._unreadable
            names = (character.name, *character.aliases)
            good = None if problems else character
            return _Entry(file.id, names, good, tuple(problems), file.path)
        data = file.source.data if file.source else None
        name = data.get("name") if isinstance(data, dict) else None
        names = (name,) if isinstance(name, str) else ()
        return _Entry(file.id, names, None, tuple(problems), file.path)

    def _keep_actions(self) -> None:
        """What a character that was kept as it was may do stays possible, though no pack defines it any more."""
        if self._last is None:
            return
        for entry in self._entries.values():
            if entry.character is not None and entry.kept:
                for name in entry.character.actions:
                    if name in self._last._actions:
                        self._actions.setdefault(name, self._last._actions[name])

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


def _id(entry: _Entry) -> tuple[str, ...]:
    return (entry.id,)


def _name(entry: _Entry) -> tuple[str, ...]:
    return entry.names[:1]


def _aliases(entry: _Entry) -> tuple[str, ...]:
    return entry.names[1:]
