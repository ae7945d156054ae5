"""Knowledge that reaches nobody: packs that no character has, and facts known by names that nobody bears."""

from collections.abc import Iterator

from npc_runtime.character.words import folded
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.library import Library
from npc_runtime.content.model_check import suggest
from npc_runtime.errors import Problem


def knowledge_warnings(file: ContentFile, library: Library) -> Iterator[Problem]:
    """Who is meant to know something, and is not there.

    Args:
        file: A knowledge pack.
        library: What its content folder holds.
    """
    pack, source = file.model, file.source
    if not isinstance(pack, KnowledgeFile) or source is None:
        return
    characters = library.characters()
    if len(characters) < len(library.ids):
        return  # those with mistakes may have it, or bear the name
    if all(file.id not in one.knowledge.packs for one in characters):
        message = "no character has this pack"
        yield source.problem((), message, f"list `{file.id}` among the `knowledge.packs` of one")
    names = {*library.ids}
    for one in characters:
        names.update((one.name, *one.aliases, *one.knowledge.groups))
    borne = {folded(name) for name in names}
    for index, fact in enumerate(pack.facts):
        for at, name in enumerate(fact.known_by):
            if folded(name) not in borne:
                message = f"`{name}` is no character and no group of one"
                yield source.problem(("facts", index, "known_by", at), message, suggest(name, sorted(names)))
