"""What only shows when a content folder is seen as a whole: packs that are missing, names that two answer to."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from npc_runtime.content.action import ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.library import Library
from npc_runtime.content.model_check import suggest
from npc_runtime.content.yaml_tree import Location
from npc_runtime.errors import Problem

_MOST_NAMED = 3


def knowledge_problems(file: ContentFile, library: Library) -> Iterator[Problem]:
    """The knowledge packs that a character names and that are nowhere.

    Args:
        file: A character file.
        library: What its content folder holds.
    """
    if isinstance(file.model, CharacterFile) and file.source is not None:
        for index, id in enumerate(file.model.knowledge.packs):
            if id not in library.pack_ids:
                message = f"there is no knowledge pack `{id}`"
                hint = suggest(id, sorted(library.pack_ids)) or f"write `knowledge/{id}.yaml`"
                yield file.source.problem(("knowledge", "packs", index), message, hint)


def warnings(files: Sequence[ContentFile], library: Library) -> Iterator[Problem]:
    """What is allowed and rarely meant: names that several characters answer to, actions that nobody may do.

    Args:
        files: Files of one content folder.
        library: What that folder holds.
    """
    called: dict[str, set[str]] = defaultdict(set)
    possible: set[str] = set()
    for character in library.characters():
        possible.update(character.actions)
        for name in (character.id, character.name, *character.aliases):
            called[name.casefold()].add(character.id)
    for file in files:
        if isinstance(file.model, CharacterFile):
            yield from _shared_names(file, file.model, called)
        elif isinstance(file.model, ActionPack) and file.source is not None:
            for name, action in file.model.actions.items():
                if name not in possible and action.permission != "never":
                    message = f"no character may ever do `{name}`"
                    hint = "list it among the `actions` of one, or remove it"
                    yield file.source.problem(("actions", name), message, hint, key=True)


def _shared_names(file: ContentFile, character: CharacterFile, called: dict[str, set[str]]) -> Iterator[Problem]:
    if file.source is None:
        return
    places: list[tuple[str, Location]] = [(character.name, ("name",))]
    places += [(alias, ("aliases", index)) for index, alias in enumerate(character.aliases)]
    for name, where in places:
        others = sorted(called[name.casefold()] - {file.id})
        if others:
            listed = ", ".join(f"`{id}`" for id in others[:_MOST_NAMED]) + (", …" if others[_MOST_NAMED:] else "")
            hint = "who says it cannot be understood; only their ids tell them apart"
            yield file.source.problem(where, f"`{name}` is also what {listed} answers to", hint)
