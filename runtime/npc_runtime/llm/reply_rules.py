"""What a model is told about the form of its replies, for each way of saying what a character feels and does."""

from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.content.action import ActionDefinition, ActionOption
from npc_runtime.llm.providers import ReplyFormat

SHORT_JSON = "Answer with one JSON object: emotion, strength, speech, actions."
"""For a model that longer rules would confuse."""


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


def reply_rules(actions: Sequence[ActionDefinition | ActionOption], reply_format: ReplyFormat = "tags") -> list[str]:
    """The lines of a prompt that say how to reply.

    Args:
        actions: What the character may do.
        reply_format: How it says so.
    """
    forms = [ActionForm.of(action) for action in actions]
    if reply_format == "json":
        lines = [
            "Answer with one JSON object: `emotion` and `strength` are what you feel, `speech` is what you say out "
            "loud, `actions` is what you do now, mostly nothing: []."
        ]
        if forms:
            lines.append("Your actions:")
            lines += [f"{_object(form)} {form.description}" for form in forms]
        return lines
    lines = ["Begin with a feeling, like [emotion anger strong] or [emotion joy weak]."]
    if forms and reply_format == "tools":
        lines.append("Always say something first. Call a function only if you do that now, behind your words.")
    elif forms:
        lines.append("End with an action only if you do it now:")
        lines += [f"{_tag(form)} {form.description}" for form in forms]
    return lines


def _tag(form: ActionForm) -> str:
    arguments = "".join(f" {name}={name.upper()}" for name in form.arguments)
    return f"[action {form.name}{arguments}]"


def _object(form: ActionForm) -> str:
    arguments = "".join(f', "{name}": {name.upper()}' for name in form.arguments)
    return f'{{"action": "{form.name}"{arguments}}}'
