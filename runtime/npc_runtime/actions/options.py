"""What is possible now: the actions of a character with every value that each argument may take.

The grammar of a reply and the prompt are made from this. Ids of the game that could break a tag are replaced by safe
words; `validate` finds the id again.
"""

from collections.abc import Sequence

from npc_runtime.actions.candidates import Candidate, Reference, candidates
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.situation import Situation
from npc_runtime.content.action import (
    MAX_NUMBER,
    MAX_TEXT,
    TARGET,
    ActionDefinition,
    ActionOption,
    Argument,
    ArgumentOption,
)
from npc_runtime.content.conditions import all_hold

MAX_CHOICES = 48
"""Things of the scene that one argument offers; the nearest are kept."""


def possible(definitions: Sequence[ActionDefinition], situation: Situation, ledger: Ledger) -> tuple[ActionOption, ...]:
    """The actions that may be done now.

    Left out are those that are switched off, whose conditions fail, that are cooling down, or that need something
    that is not in the scene. The player, as target or argument, is never written: it is filled in by `validate`.

    Args:
        definitions: What the character may ever do.
        situation: The moment.
        ledger: What the character has done.
    """
    options = (_option(one, situation) for one in definitions if _allowed(one, situation, ledger))
    return tuple(option for option in options if option is not None)


def _allowed(definition: ActionDefinition, situation: Situation, ledger: Ledger) -> bool:
    return (
        definition.permission != "never"
        and all_hold(definition.require, situation) is None
        and not ledger.remaining(definition.name, definition.cooldown, situation)
    )


def _option(definition: ActionDefinition, situation: Situation) -> ActionOption | None:
    args: list[ArgumentOption] = []
    if definition.target in ("character", "entity", "location"):
        choices = _choices(definition.target, situation)
        if not choices:
            return None
        args.append(ArgumentOption(TARGET, "choice", choices))
    for name, argument in definition.args.items():
        if argument.type == "player":
            continue
        option = _argument(name, argument, situation)
        if option is not None:
            args.append(option)
        elif argument.needed:
            return None
    return ActionOption(definition.name, definition.description, tuple(args))


def _argument(name: str, argument: Argument, situation: Situation) -> ArgumentOption | None:
    """What may be written for an argument; None when there is nothing."""
    needed = argument.needed
    default = None if argument.default is None else _written(argument, argument.default)
    match argument.type:
        case "entity" | "character" | "location":
            choices = _choices(argument.type, situation, argument.tags)
            return ArgumentOption(name, "choice", choices, required=needed) if choices else None
        case "enum":
            return ArgumentOption(name, "choice", argument.values, required=needed, default=default)
        case "boolean":
            return ArgumentOption(name, "choice", ("true", "false"), required=needed, default=default)
        case "integer" | "number":
            return ArgumentOption(
                name,
                "integer" if argument.type == "integer" else "number",
                minimum=-MAX_NUMBER if argument.min is None else argument.min,
                maximum=MAX_NUMBER if argument.max is None else argument.max,
                required=needed,
                default=default,
            )
        case _:
            limit = argument.max_length or MAX_TEXT
            return ArgumentOption(name, "text", max_length=limit, required=needed, default=default)


def _choices(kind: Reference, situation: Situation, tags: Sequence[str] = ()) -> tuple[str, ...]:
    found = candidates(kind, situation, tags)
    if len(found) > MAX_CHOICES:
        nearest = sorted(found, key=_distance)[:MAX_CHOICES]
        found = tuple(candidate for candidate in found if candidate in nearest)
    return tuple(candidate.token for candidate in found)


def _distance(candidate: Candidate) -> float:
    return float("inf") if candidate.distance is None else candidate.distance


def _written(argument: Argument, default: str | int | float | bool) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return str(int(default)) if argument.type == "integer" else str(default)
