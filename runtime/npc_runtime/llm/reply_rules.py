"""What a model is told about the form of its replies, for each way of saying what a character feels and does."""

from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.content.action import ActionDefinition, ActionOption
from npc_runtime.content.told import DEFAULT, told
from npc_runtime.llm.backend import ReplyFormat


@dataclass(frozen=True, slots=True)
class ActionForm:
    """An action as the rules name it."""

    name: str
    arguments: tuple[str, ...]
    description: str

    @classmethod
    def of(cls, action: ActionDefinition | ActionOption) -> "ActionForm":
        """The form of an action that may ever be done, or of one that is possible now."""
        if isinstance(action, ActionOption):
            return cls(action.name, tuple(arg.name for arg in action.args), action.description)
        return cls(action.name, tuple(action.args), action.description)


def reply_rules(
    actions: Sequence[ActionDefinition | ActionOption],
    reply_format: ReplyFormat = "tags",
    language: str = DEFAULT,
) -> list[str]:
    """The lines of a prompt that say how to reply.

    Args:
        actions: What the character may do.
        reply_format: How it says so.
        language: ISO 639-1 code of the prompt.
    """
    forms = [ActionForm.of(action) for action in actions]
    if reply_format == "json":
        listed = [f"{_object(form)} {form.description}" for form in forms]
        return [told("json", language), *([told("your_actions", language), *listed] if forms else ())]
    lines = [told("begin", language)]
    if forms and reply_format == "tools":
        lines.append(told("functions", language))
    elif forms:
        lines += [told("actions", language), *(f"{_tag(form)} {form.description}" for form in forms)]
    return lines


def _tag(form: ActionForm) -> str:
    arguments = "".join(f" {name}={name.upper()}" for name in form.arguments)
    return f"[action {form.name}{arguments}]"


def _object(form: ActionForm) -> str:
    arguments = "".join(f', "{name}": {name.upper()}' for name in form.arguments)
    return f'{{"action": "{form.name}"{arguments}}}'
