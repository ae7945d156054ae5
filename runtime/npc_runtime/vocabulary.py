"""Vocabulary: what a player may say here that recognition does not expect of itself."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, zip_longest

from npc_runtime.content.action import ActionDefinition, Argument
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.errors import ContentError
from npc_runtime.scene import Scene

_NAMES = 8
"""Characters, and things, whose names come before the words for what can be done: there is room for few words."""


def expected_words(character: CharacterFile, library: Library, scene: Scene) -> tuple[str, ...]:
    """Names and words that may come up, the most important first.

    Args:
        character: Who is spoken to.
        library: Who else there is, and what the character can do.
        scene: What is around.
    """
    here = {presence.id for presence in scene.characters}
    others = sorted(library.characters(), key=lambda one: one.id not in here)
    names = [character.name, *(one.name for one in others)]
    things = [scene.location, *(entity.label for entity in scene.entities)]
    actions: Sequence[ActionDefinition] = ()
    with suppress(ContentError):  # the turn says what is wrong with a pack
        actions = library.actions_for(character)
    words = [*names[:_NAMES], *things[:_NAMES], *action_words(actions), *things[_NAMES:], *names[_NAMES:]]
    return tuple(dict.fromkeys(word for word in words if word))


def action_words(definitions: Sequence[ActionDefinition]) -> tuple[str, ...]:
    """What may be said for the values of actions, without those that say nothing new.

    Each argument has its turn, so that a long list leaves room for the words of others.

    Args:
        definitions: What a character may ever do.
    """
    arguments = [_said(argument) for definition in definitions for argument in definition.args.values()]
    known: set[str] = set()
    said: list[str] = []
    for value in chain.from_iterable(zip_longest(*arguments, fillvalue="")):
        words = set(value.casefold().split())
        if not words <= known and value.replace(" ", "").isalpha():
            known |= words
            said.append(value)
    return tuple(said)


def _said(argument: Argument) -> list[str]:
    if argument.type != "enum":
        return []
    return [(argument.spoken.get(value) or [value.replace("_", " ")])[0] for value in argument.values]
