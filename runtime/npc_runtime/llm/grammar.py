"""The GBNF grammar of a reply: an emotion, some sentences, and only actions that are possible now (CONTRACT 3.5)."""

import math
from collections.abc import Sequence

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.events import EMOTION_LABELS
from npc_runtime.llm.labels import STRENGTHS

_MAX_WORDS = 28
"""In one sentence: a small model that finds no end is stopped at a word."""

_SPEECH = r"""
sentence ::= first ([,;:]? " " word){0,%d} end
first ::= ["'“‘¿¡]? token
word ::= "- "? ["'“‘]? token
token ::= [^\x00-\x1f !-@\[-`{-~] char{0,24} | [0-9]{1,6} ([.,:] [0-9]{1,3}){0,2} [a-zA-Z%%°-]{0,6}
char ::= [^\x00-\x20!-&(-,./:-@\[-`{-~]
end ::= [.!?] [.!?"'”’]{0,2}
"""


OPENING = "[emotion"
"""How every reply begins. It is put into the model's mouth: a beginning that leaves no choice costs time to sample."""
ACTION_MARK = "["
"""How a small model says that it wants to act."""


def reply_grammar(actions: Sequence[ActionOption], *, max_sentences: int, max_actions: int = 2) -> str:
    """A grammar that allows replies of this shape and nothing else, from behind `OPENING` on.

    Args:
        actions: What the character may do now, with the values each argument may take now.
        max_sentences: How many sentences a reply may have.
        max_actions: How many actions may follow the speech.
    """
    rules = ['root ::= feeling " " sentence more' + (f" action{{0,{max_actions}}}" if actions else "")]
    rules += _speech(max_sentences, '(emotion " ")? sentence')
    rules += [
        f'emotion ::= "{OPENING}" feeling',
        f'feeling ::= " " ({_any(EMOTION_LABELS)}) (" " ({_any(STRENGTHS)}))? "]"',
    ]
    if actions:
        rules += ['action ::= " [action " act "]"', *_acts(actions)]
    return "\n".join(rules) + "\n"


def feeling_tag(label: str, strength: str, *, small: bool) -> str:
    """How a reply shows in a prompt what the character feels.

    Args:
        label: The emotion.
        strength: How much of it.
        small: Whether the model is small: it gets the shortest form that it acts as well behind, as each token of it
            delays the voice.
    """
    return f"[{label}]" if small else f"{OPENING} {label} {strength}]"


def speech_grammar(*, max_sentences: int, may_act: bool) -> str:
    """The grammar of a small model's speech, from behind its feeling on.

    Small models are not made to write what leaves them no choice: it takes them twice the tokens, since they prefer
    other words, and each token twice the time. They open a bracket if they want to act, and `action_grammar` goes on.
    What they feel is not theirs to say: their choice means little.

    Args:
        max_sentences: How many sentences the reply may have.
        may_act: Whether it may end with `ACTION_MARK`.
    """
    root = 'root ::= " " sentence more' + (f' (" {ACTION_MARK}")?' if may_act else "")
    return "\n".join([root, *_speech(max_sentences, "sentence")]) + "\n"


def rest_grammar(
    actions: Sequence[ActionOption], *, small: bool, max_sentences: int, within: bool, max_actions: int = 2
) -> str:
    """The grammar of the rest of a reply whose beginning another model wrote.

    Args:
        actions: What the character may do now.
        small: Whether the reply is that of a small model, which only says that it wants to act, as in `speech_grammar`.
        max_sentences: How many sentences may follow, the one that is not finished included.
        within: Whether the last sentence is not finished.
        max_actions: How many actions may follow the speech.
    """
    words = f'" " word ([,;:]? " " word){{0,{_MAX_WORDS - 1}}}'
    rest = f"{words} end more" if within else '(" " sentence more)?'
    speech = rest if max_sentences > 0 else '""'
    acts = f' (" {ACTION_MARK}")?' if small else f" action{{0,{max_actions}}}"
    rules = [f"root ::= {speech}" + (acts if actions else "")]
    rules += _speech(max(max_sentences, 1), "sentence")
    if actions and not small:
        rules += ['action ::= " [action " act "]"', *_acts(actions)]
    return "\n".join(rules) + "\n"


def action_grammar(actions: Sequence[ActionOption]) -> tuple[str, str]:
    """How an action goes on behind `ACTION_MARK`.

    Args:
        actions: What the character may do now; not empty.

    Returns:
        The text that leaves no choice, and the grammar of the rest; the grammar is empty when nothing is left.
    """
    if len(actions) > 1:
        return "action ", "\n".join(['root ::= act "]"', *_acts(actions)]) + "\n"
    [action] = actions
    arguments = _open(action)
    if not arguments:
        return f"action {action.name}]", ""
    first, *others = arguments
    if not first.required:
        return f"action {action.name}", "\n".join(['root ::= rest "]"', f"rest ::={_arguments(arguments)}"]) + "\n"
    root = f'root ::= {_value(first)}{_arguments(others)} "]"\n'
    return f"action {action.name} {first.name}=", root


def _speech(max_sentences: int, further: str) -> list[str]:
    """Rules of the sentences: what `further` ones look like, among others."""
    return [
        f'more ::= (" " {further}){{0,{max_sentences - 1}}}' if max_sentences > 1 else 'more ::= ""',
        _SPEECH.strip() % (_MAX_WORDS - 1),
    ]


def _acts(actions: Sequence[ActionOption]) -> list[str]:
    names = [f"act{number}" for number in range(len(actions))]
    rules = [f"act ::= {' | '.join(names)}"]
    for name, action in zip(names, actions, strict=True):
        rules.append(f"{name} ::= {_literal(action.name)}{_arguments(_open(action))}")
    return rules


def _open(action: ActionOption) -> list[ArgumentOption]:
    """The arguments that somebody has to write."""
    return [argument for argument in action.args if argument.name not in action.settled]


def _arguments(arguments: Sequence[ArgumentOption]) -> str:
    return "".join(map(_argument, arguments))


def _argument(argument: ArgumentOption) -> str:
    pair = f" {_literal(f' {argument.name}=')} {_value(argument)}"
    return pair if argument.required else f" ({pair[1:]})?"


def _value(argument: ArgumentOption) -> str:
    if argument.kind == "choice":
        return f"({_any(argument.choices)})"
    if argument.kind == "text":
        longest = min(argument.max_length or 80, 200)
        return r'"\"" [^\x00-\x1f"\[\]\\]{1,' + str(longest) + r'} "\""'
    low = -999_999 if argument.minimum is None else argument.minimum
    high = 999_999 if argument.maximum is None else argument.maximum
    if argument.kind == "integer":
        return f"({' | '.join(integer_range(math.ceil(low), math.floor(high)))})"
    # Decimals between two whole numbers are in range if both of those are.
    whole = integer_range(math.ceil(low), math.floor(high))
    parts = [f"({' | '.join(whole)})"]
    if (below := [n for n in (max(math.ceil(low), 0), math.floor(high) - 1) if n >= 0]) and below[0] <= below[-1]:
        parts.append(f'({" | ".join(integer_range(below[0], below[-1]))}) "." [0-9]{{1,2}}')
    return f"({' | '.join(parts)})"


def integer_range(low: int, high: int) -> list[str]:
    """Patterns of digit classes that match exactly the integers from `low` to `high`, without leading zeros.

    Returns:
        GBNF sequences such as `"1" [0-9]`; their union is the range.
    """
    if low > high:
        raise ValueError(f"empty range {low}..{high}")
    if high < 0:
        return [f'"-" {pattern}' for pattern in integer_range(-high, -low)]
    if low < 0:
        return [f'"-" {pattern}' for pattern in integer_range(1, -low)] + integer_range(0, high)
    patterns: list[str] = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        smallest = max(low, 0 if digits == 1 else 10 ** (digits - 1))
        largest = min(high, 10**digits - 1)
        patterns += _same_length(str(smallest), str(largest))
    return patterns


def _same_length(low: str, high: str) -> list[str]:
    """Patterns for a range whose ends have the same number of digits."""
    if not low:
        return [""]
    rest = len(low) - 1
    if low[0] == high[0]:
        return [f"{_digits(low[0], low[0])} {tail}".rstrip() for tail in _same_length(low[1:], high[1:])]
    first, last = int(low[0]), int(high[0])
    patterns = []
    if low[1:] != "0" * rest:
        patterns += [f"{_digits(low[0], low[0])} {tail}".rstrip() for tail in _same_length(low[1:], "9" * rest)]
        first += 1
    above = []
    if high[1:] != "9" * rest:
        above = [f"{_digits(high[0], high[0])} {tail}".rstrip() for tail in _same_length("0" * rest, high[1:])]
        last -= 1
    if first <= last:
        patterns.append(" ".join([_digits(str(first), str(last))] + ["[0-9]"] * rest))
    return patterns + above


def _digits(first: str, last: str) -> str:
    return f'"{first}"' if first == last else f"[{first}-{last}]"


def _any(words: Sequence[str]) -> str:
    return " | ".join(map(_literal, words))


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def behind(opening: str, grammar: str) -> str:
    """The grammar of a whole reply, from that of what comes behind its opening."""
    return f"root ::= {_literal(opening)} rest-of-it\n" + grammar.replace("root ::=", "rest-of-it ::=", 1)
