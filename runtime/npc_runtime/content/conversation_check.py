"""What is wrong with a conversation test that only shows when it is seen together with what it names."""

from collections.abc import Iterator

from npc_runtime.content.action import TARGET, ActionDefinition
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.conversation import NO_ACTION, ConversationTest
from npc_runtime.content.library import Library
from npc_runtime.content.model_check import suggest
from npc_runtime.content.scenes import scene_of, scenes_in
from npc_runtime.content.yaml_file import YamlFile
from npc_runtime.errors import ContentError, Problem
from npc_runtime.scene import Scene


def conversation_problems(file: ContentFile, library: Library) -> list[Problem]:
    """What a conversation test names that is not there: a character, a scene, an action, an argument, a thing.

    Args:
        file: A test file.
        library: The characters and actions of its content folder.
    """
    test, source = file.model, file.source
    if not isinstance(test, ConversationTest) or source is None:
        return []
    try:
        scene = scene_of(test, library.roots)
    except ContentError:
        scene = Scene()  # the mistakes are in the other file
    problems = []
    if scene is None:
        message = f"there is no scene `{test.scene}`"
        problems.append(source.problem(("scene",), message, suggest(test.scene, sorted(scenes_in(library.roots)))))
    if test.character not in library.ids:
        message = f"there is no character `{test.character}`"
        return [source.problem(("character",), message, suggest(test.character, library.ids)), *problems]
    character = next((one for one in library.characters() if one.id == test.character), None)
    if character is not None:
        problems += _actions(test, character, source, library, scene)
    return sorted(problems)


def _actions(
    test: ConversationTest, character: CharacterFile, source: YamlFile, library: Library, scene: Scene | None
) -> Iterator[Problem]:
    defined = {action.name: action for action in library.actions}
    for index, turn in enumerate(test.turns):
        name = turn.expect.action
        if turn.expect.args and name in (None, NO_ACTION):
            where = ("turns", index, "expect", "args")
            yield source.problem(where, "arguments without an action are never given", "name the action", key=True)
        elif name is not None and name not in (*character.actions, NO_ACTION):
            message = f"`{name}` is not among the actions of `{character.id}`"
            where = ("turns", index, "expect", "action")
            yield source.problem(where, message, suggest(name, character.actions))
        elif name in defined:
            yield from _arguments(test, index, defined[name], source, scene)


def _arguments(
    test: ConversationTest, index: int, action: ActionDefinition, source: YamlFile, scene: Scene | None
) -> Iterator[Problem]:
    known = [*action.args, *([TARGET] if action.target != "none" else [])]
    for name, value in test.turns[index].expect.args.items():
        where = ("turns", index, "expect", "args", name)
        argument = action.args.get(name)
        if name not in known:
            yield source.problem(where, f"`{action.name}` has no argument `{name}`", suggest(name, known), key=True)
        elif argument is not None and argument.type == "enum" and value not in argument.values:
            yield source.problem(where, f"`{name}` cannot be `{value}`", suggest(value, argument.values))
        elif argument is not None and argument.type == "entity" and scene is not None:
            things = [entity.id for entity in scene.entities]
            if value not in things:
                hint = suggest(value, things) or "give the test a `scene` that has it"
                yield source.problem(where, f"there is no `{value}` in the scene", hint)
