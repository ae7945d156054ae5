"""What an action still wants: which arguments, how the character asks for them, and what was said so far."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, ValidationError

from npc_runtime.actions.candidates import candidates
from npc_runtime.actions.filling import understood
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.spoken_words import lexicon, words_of
from npc_runtime.content.action import TARGET, ActionDefinition, ActionOption, Argument
from npc_runtime.content.fields import Id
from npc_runtime.content.told import told
from npc_runtime.errors import InputError

MOST_CHOICES = 5
"""Choices that a question names; more are not named at all."""
MOST_TURNS = 3
"""Turns that what was begun waits for an answer."""
LONGEST = 180.0
"""Seconds that it waits."""
_MAX_VALUE = 1000

_OR = {"en": "or", "de": "oder", "tr": "veya"}
_OPEN = {"en": "And the {what}?", "de": "Eins fehlt noch: {what}?", "tr": "{what} ne olsun?"}
_CLOSED = {
    "en": "And the {what}: {choices}?",
    "de": "Eins fehlt noch, {what}: {choices}?",
    "tr": "{what} ne olsun: {choices}?",
}
_YES_NO = {"en": "{what}: yes or no?", "de": "{what}: ja oder nein?", "tr": "{what}: evet mi, hayır mı?"}


@dataclass(frozen=True, slots=True)
class Question:
    """How a character asks for an argument."""

    argument: str
    instruction: str
    """What a model is told to do."""
    line: str
    """The question itself, for a character without a model, or with a small one."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An action that the player wants and has not said everything for yet."""

    action: str
    values: Mapping[str, str]
    """What has been said; as `fill` gives it."""
    asked: str
    """The argument that the character has asked for."""
    turn: int
    """The turn in which it asked."""
    time: float
    """Clock time of that, in seconds."""

    def to_json(self) -> dict[str, Any]:
        """What was begun as JSON data; `from_json` gives exactly the same back."""
        return {**asdict(replace(self, values={})), "values": dict(self.values)}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read what `to_json` made.

        Raises:
            InputError: It is something else.
        """
        try:
            saved = _SAVED.validate_python(data)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            message = f"the saved action that was begun cannot be read: `{where}` is wrong"
            raise InputError(message, hint="the save is damaged, or from another version") from error
        return cls(saved.action, MappingProxyType(saved.values), saved.asked, saved.turn, saved.time)


@dataclass(frozen=True, slots=True)
class _Saved:
    action: Id
    values: Annotated[dict[Id, Annotated[str, Field(max_length=_MAX_VALUE)]], Field(max_length=17)]
    asked: Id
    turn: Annotated[int, Field(ge=0)]
    time: Annotated[float, Field(allow_inf_nan=False)]


_SAVED = TypeAdapter(_Saved)


def missing(option: ActionOption, values: Mapping[str, str]) -> tuple[str, ...]:
    """The arguments that must be given, are not, and could be more than one thing; in their order.

    Args:
        option: The action as it is possible now.
        values: What was said; see `filling.fill`.
    """
    given = {**option.settled, **values}
    return tuple(argument.name for argument in option.args if argument.required and argument.name not in given)


def ask_for(definition: ActionDefinition, name: str, language: str, situation: Situation) -> Question:
    """How the character asks for an argument.

    A description that is a question is the line as it is.

    Args:
        definition: The action.
        name: The argument, or `target`.
        language: The character's, ISO 639-1; other than German and Turkish are asked and told in English.
        situation: The moment, for what there is to choose from.
    """
    language = language.split("-")[0]
    argument = definition.args.get(name)
    written = (argument.description or "") if argument is not None else ""
    what = written.rstrip(".") if written and not written.endswith("?") else name.replace("_", " ")
    choices = _choices(definition, name, argument, situation)
    if written.endswith("?"):
        return Question(name, told("ask", language, question=written), written)
    among = f" ({_listed(choices, language)})" if choices else ""
    instruction = told("ask_for", language, what=f"{what}{among}")
    lines = _OPEN
    if argument is not None and argument.type == "boolean":
        lines = _YES_NO
    elif choices:
        lines = _CLOSED
    line = lines.get(language, lines["en"]).format(what=what, choices=_listed(choices, language))
    first = "İ" if language == "tr" and line[0] == "i" else line[0].upper()
    return Question(name, instruction, first + line[1:])


def begin(
    definition: ActionDefinition, option: ActionOption, values: Mapping[str, str], *, turn: int, time: float
) -> Begun | None:
    """What is kept until the player has said the rest; None when nothing is missing.

    Args:
        definition: The action.
        option: The same as it is possible now.
        values: What was said.
        turn: The turn in which the character asks for the rest.
        time: Clock time in seconds.
    """
    wanted = missing(option, values)
    if not wanted:
        return None
    return Begun(definition.name, MappingProxyType(dict(values)), wanted[0], turn, time)


def go_on(
    begun: Begun,
    definition: ActionDefinition,
    line: str,
    language: str,
    situation: Situation,
    *,
    turn: int,
    mentioned: str = "",
) -> Begun | None:
    """What a later line makes of an action that was begun.

    Args:
        begun: What was said before.
        definition: The action.
        line: The player's words.
        language: ISO 639-1 code, with or without a region.
        situation: The moment; its `now` is the clock time.
        turn: The turn of the line.
        mentioned: See `fill`.

    Returns:
        The same with the values that the line adds or changes; unchanged where the player only hesitates. None when
        it is dropped: it has waited too long, or the player no longer wants it or talks of something else.
    """
    if turn - begun.turn > MOST_TURNS or not 0 <= situation.now - begun.time <= LONGEST:
        return None
    language = language.split("-")[0]
    words = words_of(line, language)
    added, foreign = understood(definition, line, language, situation, mentioned=mentioned, awaited=begun.asked)
    if added and begun.asked in added and foreign <= 1 and not _asks(words, language):
        return _with(begun, added)
    if added and not foreign and not _asks(words, language):
        return _with(begun, added)
    if _gives_up(words, language) or not _hesitates(words, language):
        return None
    return begun


def _with(begun: Begun, added: Mapping[str, str]) -> Begun:
    return replace(begun, values=MappingProxyType({**begun.values, **added}))


def _choices(
    definition: ActionDefinition, name: str, argument: Argument | None, situation: Situation
) -> tuple[str, ...]:
    """What there is to choose from, in words; nothing where that is too much for one question."""
    found: Sequence[str] = ()
    if argument is not None and argument.type == "enum":
        found = [argument.spoken[value][0] if argument.spoken.get(value) else value for value in argument.values]
    kind = argument.type if argument is not None else definition.target if name == TARGET else "none"
    if kind in ("entity", "character", "location"):
        tags = argument.tags if argument is not None else ()
        found = [one.name or one.id for one in candidates(kind, situation, tags)]
    plain = tuple(dict.fromkeys(" ".join(one.replace("_", " ").split()) for one in found))
    return plain if 1 < len(plain) <= MOST_CHOICES and all(len(one) <= 60 for one in plain) else ()


def _listed(choices: Sequence[str], language: str) -> str:
    if len(choices) < 2:
        return "".join(choices)
    return f"{', '.join(choices[:-1])} {_OR.get(language, 'or')} {choices[-1]}"


def _asks(words: Sequence[str], language: str) -> bool:
    return bool(words) and lexicon(language).has("questions", words[0])


def _gives_up(words: Sequence[str], language: str) -> bool:
    known = lexicon(language)
    return any(known.length("abandon", words, at) for at in range(len(words)))


def _hesitates(words: Sequence[str], language: str) -> bool:
    """Whether a line only says that its speaker thinks."""
    known = lexicon(language)
    telling = [word for word in words if not known.has("function", word)]
    return all(known.has("fillers", word) or known.has("polite", word) for word in telling)
