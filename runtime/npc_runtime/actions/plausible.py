"""Which possible actions the player's words are about: a small model chooses well only among few."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.content.wording import content_words, overlap

_MOST = 2
"""Actions that are left at most."""


def plausible(options: Sequence[ActionOption], player_line: str) -> tuple[ActionOption, ...]:
    """The actions whose name or description shares words with what the player said, best first.

    Where the player named one of an argument's choices, only what was named is left of them. Arguments that may be left
    out are: they cost a small model time and attention.

    Args:
        options: What is possible now.
        player_line: The player's words.
    """
    said = content_words(player_line)
    scores = [(overlap(said, content_words(f"{o.name.replace('_', ' ')} {o.description}")), o) for o in options]
    best = sorted((pair for pair in scores if pair[0]), key=lambda pair: -pair[0])[:_MOST]
    return tuple(
        replace(option, args=tuple(_named(arg, said) for arg in option.args if arg.required)) for _, option in best
    )


def narrowed(option: ActionOption, said: Mapping[str, str]) -> ActionOption:
    """An action whose arguments are what the player has said they are, so that nobody has to write them.

    Args:
        option: What is possible now.
        said: Argument → value, as `filling.fill` finds it in the player's words.
    """
    return replace(option, args=tuple(_settled(arg, said.get(arg.name)) for arg in option.args))


def _settled(argument: ArgumentOption, value: str | None) -> ArgumentOption:
    return argument if value is None else ArgumentOption(argument.name, "choice", (value,))


def _named(argument: ArgumentOption, said: frozenset[str]) -> ArgumentOption:
    named = tuple(c for c in argument.choices if overlap(content_words(c.replace("_", " ")), said))
    return replace(argument, choices=named) if named else argument
