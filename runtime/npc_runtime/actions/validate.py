"""Decides whether an action that a model wrote may run, and as what exactly.

The target of an action is written like an argument, `target=…`:

- `target: none`: there is none; one that is written is ignored, with a warning.
- `target: player`: always the player; a written one must mean the player.
- `target: character | entity | location`: what is written, found in the scene; when nothing is written and only one
  thing can be meant, that one; otherwise the action is refused, as no action runs with a part of it missing.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npc_runtime.actions.candidates import candidates
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.values import Misfit, clean, meant, value_of
from npc_runtime.content.action import TARGET, ActionDefinition, Argument, Scalar
from npc_runtime.content.conditions import all_hold


@dataclass(frozen=True, slots=True)
class ValidAction:
    """An action that may run."""

    name: str
    args: Mapping[str, Scalar] = field(default_factory=dict)
    """What was given, and the defaults of what was not; arguments of the scene are the game's ids."""
    target: str | None = None
    """The game's id."""
    needs_result: bool = False
    needs_confirm: bool = False
    warnings: tuple[str, ...] = ()
    """What was ignored, for the mod author."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An action that must not run."""

    code: str
    """unknown_action, permission, requirement, missing_argument, bad_argument, not_here, ambiguous, duplicate,
    cooldown or unsafe.
    """
    message: str
    """Why, in words that both a mod author and the model understand."""


def validate(
    name: str,
    args: Mapping[str, str],
    definitions: Sequence[ActionDefinition],
    situation: Situation,
    ledger: Ledger,
) -> ValidAction | Rejection:
    """Judge one action of a reply. Changes nothing: who runs the action tells the ledger.

    Args:
        name: As the model wrote it.
        args: Its arguments as the model wrote them, `target` among them.
        definitions: What this character may ever do.
        situation: The moment.
        ledger: What the character has done.
    """
    definition = next((one for one in definitions if one.name == name.strip().casefold()), None)
    if definition is None:
        close = difflib.get_close_matches(name.strip().casefold(), [one.name for one in definitions], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return Rejection("unknown_action", f"{name.strip()[:64]!r} is not an action of this character{hint}")
    if definition.permission == "never":
        return Rejection("permission", f"{definition.name} is switched off")
    if failed := all_hold(definition.require, situation):
        return Rejection("requirement", f"{definition.name} is not possible now: {failed}")
    given, warnings = _given(definition, args)
    try:
        values = _values(definition, given, situation)
        target = _target(definition, given.get(TARGET, ""), situation)
    except Misfit as misfit:
        return Rejection(misfit.code, f"{definition.name}: {misfit.reason}")
    if ledger.ran_this_turn(definition.name, values, target):
        return Rejection("duplicate", f"{definition.name} has already been done in this turn")
    if wait := ledger.remaining(definition.name, definition.cooldown, situation):
        return Rejection("cooldown", f"{definition.name} is possible again in {wait:.0f} s")
    return ValidAction(
        name=definition.name,
        args=values,
        target=target,
        needs_result=definition.needs_result,
        needs_confirm=definition.permission == "ask",
        warnings=warnings,
    )


def gone(args: Mapping[str, Scalar], target: str | None, definition: ActionDefinition, situation: Situation) -> str:
    """What a valid action is about that is not here any more.

    Args:
        args: Of the action.
        target: Of the action.
        definition: Of the action.
        situation: The moment.

    Returns:
        Its id, or nothing.
    """
    wanted = [(argument.type, args.get(name)) for name, argument in definition.args.items()]
    for kind, id in (*wanted, (definition.target, target)):
        if kind != "entity" and kind != "character" and kind != "location":
            continue
        if id is not None and all(one.id != id for one in candidates(kind, situation)):
            return str(id)
    return ""


def _given(definition: ActionDefinition, args: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The arguments that the action has, cleaned, without empty ones; and a warning for each of the others."""
    known = {*definition.args} | ({TARGET} if definition.target != "none" else set())
    given: dict[str, str] = {}
    warnings = []
    for key, written in args.items():
        name = key.strip().casefold()
        if name not in known:
            warnings.append(f"{definition.name} has no argument {key.strip()[:64]!r}; it is ignored")
        elif name in given:
            warnings.append(f"{definition.name} has {name} twice; the first one counts")
        elif text := clean(written):
            given[name] = text
    return given, tuple(warnings)


def _values(definition: ActionDefinition, given: Mapping[str, str], situation: Situation) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for name, argument in definition.args.items():
        try:
            if name in given:
                values[name] = _value(argument, given[name], situation)
            elif argument.type == "player" and argument.needed:
                values[name] = situation.player.id
            elif argument.default is not None:
                values[name] = _default(argument, argument.default)
            elif argument.needed:
                raise Misfit("missing_argument", "is missing")
        except Misfit as misfit:
            raise Misfit(misfit.code, f"{name} {misfit.reason}") from misfit
    return values


def _value(argument: Argument, written: str, situation: Situation) -> Scalar:
    if argument.type == "player":
        return _player(written, situation)
    if argument.type in ("entity", "character", "location"):
        kind = argument.type
        return meant(written, candidates(kind, situation, argument.tags), " or ".join(argument.tags) or kind)
    return value_of(argument, written)


def _default(argument: Argument, default: Scalar) -> Scalar:
    if argument.type == "number":
        return float(default)
    return int(default) if argument.type == "integer" else default


def _target(definition: ActionDefinition, written: str, situation: Situation) -> str | None:
    kind = definition.target
    if kind == "none":
        return None
    if kind == "player":
        return _player(written, situation) if written else situation.player.id
    among = candidates(kind, situation)
    if not written:
        if len(among) == 1:
            return among[0].id
        raise Misfit("missing_argument", f"{TARGET} is missing")
    try:
        return meant(written, among, kind)
    except Misfit as misfit:
        raise Misfit(misfit.code, f"{TARGET} {misfit.reason}") from misfit


def _player(written: str, situation: Situation) -> str:
    if written.casefold() == "player":
        return situation.player.id
    return meant(written, candidates("player", situation), "player")
