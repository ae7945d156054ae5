"""What can never happen: goals that cannot start or hide others, actions and secrets whose conditions never hold."""

from collections.abc import Iterator

from npc_runtime.character.goal_check import goal_mistakes
from npc_runtime.character.possible import can_hold, why_never
from npc_runtime.content.action import ActionPack
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.library import Library
from npc_runtime.errors import Problem


def impossible(file: ContentFile, library: Library) -> Iterator[Problem]:
    """What of a character, an action pack or a knowledge pack can never happen.

    Args:
        file: The file.
        library: What its content folder holds.
    """
    source = file.source
    if source is None:
        return
    if isinstance(file.model, CharacterFile):
        for mistake in goal_mistakes(file.model, {action.name: action for action in library.actions}):
            yield source.problem(mistake.at, mistake.message, mistake.hint)
    elif isinstance(file.model, ActionPack):
        for name, action in file.model.actions.items():
            if not can_hold(action.require):
                message = f"`{name}` is never possible: {why_never(action.require)}"
                yield source.problem(("actions", name, "require"), message, "change `require`")
    elif isinstance(file.model, KnowledgeFile):
        for index, fact in enumerate(file.model.facts):
            if not can_hold(fact.tell_when):
                message = f"this secret is never told: {why_never(fact.tell_when)}"
                hint = "change `tell_when`; without it a secret is never told either"
                yield source.problem(("facts", index, "tell_when"), message, hint)
