"""Argument values from the player's words: what they say, and nothing that they leave open.

Every value is text as a model would write it, so that one judge, `validate`, decides over both.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from npc_runtime.actions.candidates import Candidate, Reference, candidates, resolve
from npc_runtime.actions.counting import Counted, counted
from npc_runtime.actions.mentions import Found, Mention, anchors, find, names, none_value
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.spoken_words import MAX_CHARACTERS, lexicon, tokens
from npc_runtime.actions.things import MAX_THINGS, Named, named, points
from npc_runtime.actions.units import Denial, Unit, is_described, is_particle, units
from npc_runtime.actions.values import Misfit, clean, value_of
from npc_runtime.content.action import TARGET, ActionDefinition, Argument

T = TypeVar("T")

_QUOTED = re.compile('["“„«]([^"“”„«»]{1,300})["”“»]')
_SENTENCE = re.compile(r"[.!?;]")


def fill(
    definition: ActionDefinition,
    line: str,
    language: str,
    situation: Situation,
    *,
    mentioned: str = "",
    awaited: str = "",
) -> dict[str, str]:
    """The values that a player's words give to the arguments of an action.

    Numbers in figures and words, the values of enums in any spelling, things and people of the scene, and yes and no
    are understood in English, German and Turkish; in other languages figures, values and names as they are written.
    What is denied ("no milk") is never given, nor what could be meant in two ways.

    Args:
        definition: The action.
        line: The player's words; only their beginning counts if they are very long.
        language: ISO 639-1 code, with or without a region.
        situation: The moment.
        mentioned: Id of the thing that was talked about last: what "it" and "that one" mean.
        awaited: The argument that the character has just asked for: a part of its value is enough, as in "the small".

    Returns:
        Argument → value as `validate` takes it, `target` among them; only arguments whose value was said.
    """
    return _values(definition, line, language.split("-")[0], situation, mentioned, awaited)[0]


def understood(
    definition: ActionDefinition, line: str, language: str, situation: Situation, *, mentioned: str, awaited: str
) -> tuple[dict[str, str], int]:
    """The same as `fill`, and how many words that carry meaning say something else.

    Args:
        definition: The action.
        line: The player's words.
        language: ISO 639-1 code, with or without a region.
        situation: The moment.
        mentioned: Id of the thing that was talked about last.
        awaited: The argument that the character has just asked for.
    """
    language = language.split("-")[0]
    values, said, places = _values(definition, line, language, situation, mentioned, awaited)
    known = lexicon(language)
    own = frozenset().union(*(anchors(name, argument, language) for name, argument in definition.args.items()))
    foreign = 0
    for at, unit in enumerate(said):
        plain = unit.idle or unit.number is not None or known.has("polite", unit.text)
        foreign += not (plain or at in places or names(unit.text, own, language))
    return values, foreign


def _values(
    definition: ActionDefinition, line: str, language: str, situation: Situation, mentioned: str, awaited: str
) -> tuple[dict[str, str], tuple[Unit, ...], set[int]]:
    line = line[:MAX_CHARACTERS]
    around = _around(definition, situation)
    said = units(line, language, _nouns(definition, around, language) if language == "tr" else frozenset())
    corrected = _correction(said, language)
    found = find(said, definition.args, language, awaited)
    values: dict[str, str] = {}
    places = set(found.taken)
    for name, argument in definition.args.items():
        if argument.type in ("enum", "boolean") and (
            value := _chosen(name, argument, found, said, corrected, language)
        ):
            values[name] = value
    things = _things(definition, around, said, language, situation, mentioned, corrected)
    for name, (token, at) in things.items():
        values[name] = token
        places |= at
    numbers = counted(said, definition.args, frozenset(places), language, awaited)
    values |= _numbers(definition.args, numbers, corrected)
    places |= {number.place for number in numbers}
    values |= _answers(definition, said, language, awaited, values)
    values |= _texts(definition, line, language, awaited)
    return {name: values[name] for name in (TARGET, *definition.args) if name in values}, said, places


def _chosen(name: str, argument: Argument, found: Found, said: Sequence[Unit], corrected: int, language: str) -> str:
    """The one value of an enum or boolean that a line says; empty if it says none, or several."""
    mine = found.of(name)
    kept = _latest([one for one in mine if one.denial is Denial.NONE], corrected, lambda one: max(one.places))
    kept = [one for one in kept if not any(_is_part(one, other) for other in kept)]
    denied = [one for one in mine if one.denial is Denial.CLEAR]
    if kept:
        values = {value for one in kept for value in one.values}
        refused = {value for one in mine if one.denial is not Denial.NONE for value in one.values}
        return values.pop() if len(values) == 1 and values.isdisjoint(refused) else ""
    if argument.type == "boolean":
        return "false" if denied and all(one.values == {"true"} for one in denied) else ""
    return none_value(name, argument, language) if _is_refused(name, argument, found, said, language) else ""


def _is_refused(name: str, argument: Argument, found: Found, said: Sequence[Unit], language: str) -> bool:
    """Whether an argument is denied as a whole: "no milk" is none at all, "no whole milk" is another one."""
    own = anchors(name, argument, language)
    others = {place for one in found.mentions if one.argument != name for place in one.places}
    for at, unit in enumerate(said):
        if at in others or not (names(unit.text, own, language) or (unit.base and names(unit.base, own, language))):
            continue
        if (unit.denial is Denial.CLEAR and not is_described(said, at)) or (unit.base and unit.denial is Denial.NONE):
            return True
    return False


def _is_part(mention: Mention, other: Mention) -> bool:
    """Whether another mention of the same argument says more: `milk` beside `whole milk`."""
    return set(mention.own.split()) < set(other.own.split())


def _latest(found: list[T], corrected: int, place: Callable[[T], int]) -> list[T]:
    """What was said after the player corrected themselves, if there is any."""
    after = [one for one in found if place(one) > corrected]
    return after if corrected >= 0 and after else found


def _correction(said: Sequence[Unit], language: str) -> int:
    """Where the player last corrected themselves, as in "the axe, no, the hammer"; -1 for nowhere."""
    known = lexicon(language)
    words = [unit.text for unit in said]
    last = -1
    for at in range(1, len(said)):
        size = known.length("corrections", words, at)
        if size and (not known.has("particles", words[at]) or is_particle(said, at, known)):
            last = at + size - 1
    return last


Around = Mapping[str, tuple[Candidate, ...]]
"""Argument → what it may refer to in the scene."""


def _around(definition: ActionDefinition, situation: Situation) -> Around:
    kinds: dict[str, tuple[Reference, Sequence[str]]] = {}
    if definition.target in ("entity", "character", "location"):
        kinds[TARGET] = definition.target, ()
    for name, argument in definition.args.items():
        if argument.type in ("entity", "character", "location"):
            kinds[name] = argument.type, argument.tags
    return {name: candidates(kind, situation, tags) for name, (kind, tags) in kinds.items()}


def _nouns(definition: ActionDefinition, around: Around, language: str) -> frozenset[str]:
    texts = [text for found in around.values() for one in found[:MAX_THINGS] for text in (one.name, one.id)]
    for name, argument in definition.args.items():
        texts += [name, argument.description or "", *argument.values]
        texts += [way for ways in argument.spoken.values() for way in ways]
    return frozenset(unit.text for text in texts for unit in units(text, language))


def _things(
    definition: ActionDefinition,
    around: Around,
    said: Sequence[Unit],
    language: str,
    situation: Situation,
    mentioned: str,
    corrected: int,
) -> dict[str, tuple[str, frozenset[int]]]:
    """Argument → the token of what it refers to, and the units that say so."""
    found: dict[str, tuple[str, frozenset[int]]] = {}
    for name, among in around.items():
        mentions, denied = named(said, among, language)
        kind = definition.target if name == TARGET else definition.args[name].type
        mentions = _latest(mentions, corrected, lambda one: max(one.places))
        token = _meant(mentions, denied)
        if not mentions and kind == "character" and points(said, "me", language):
            token = next((one.token for one in among if one.id == situation.player.id), "")
        if not mentions and kind == "entity" and mentioned and points(said, "it", language):
            token = next((one.token for one in among if one.id == mentioned and one.token not in denied), "")
        if token and len(resolve(token, among)) == 1:
            found[name] = token, frozenset(place for one in mentions for place in one.places)
    for name, argument in definition.args.items():
        if argument.type == "player" and not argument.needed and points(said, "me", language):
            found[name] = "player", frozenset()
    return _each_once(definition, found)


def _meant(mentions: Sequence[Named], denied: frozenset[str]) -> str:
    """What all that is named has in common, such as "the axe, the rusty one"; empty if that is not one thing."""
    strongest = max((one.strength for one in mentions), default=0)
    strong = [one for one in mentions if one.strength == strongest]
    tokens = frozenset.intersection(*(one.tokens for one in strong)) if strong else frozenset()
    for one in mentions:
        tokens = tokens & one.tokens or tokens
    tokens -= denied
    return next(iter(tokens)) if len(tokens) == 1 else ""


def _each_once(
    definition: ActionDefinition, found: dict[str, tuple[str, frozenset[int]]]
) -> dict[str, tuple[str, frozenset[int]]]:
    """Without what two arguments would take from the same words, unless only one of them must be given."""
    needed = {name for name in found if name == TARGET or definition.args[name].needed}
    kept = {}
    for name, (token, places) in found.items():
        rivals = [other for other in found if other != name and found[other][1] & places]
        if not rivals or (name in needed and needed.isdisjoint(rivals)):
            kept[name] = token, places
    return kept


def _numbers(args: Mapping[str, Argument], numbers: Sequence[Counted], corrected: int) -> dict[str, str]:
    values = {}
    for name in dict.fromkeys(one.argument for one in numbers):
        mine = [one for one in numbers if one.argument == name]
        surest = max(one.sureness for one in mine)
        mine = _latest([one for one in mine if one.sureness == surest], corrected, lambda one: one.place)
        if len({one.value for one in mine}) == 1 and (written := _fitting(args[name], f"{mine[0].value:.12g}")):
            values[name] = written
    return values


def _answers(
    definition: ActionDefinition, said: Sequence[Unit], language: str, awaited: str, values: Mapping[str, str]
) -> dict[str, str]:
    """What yes and no mean after a question."""
    argument = definition.args.get(awaited)
    if argument is None or awaited in values or argument.type not in ("boolean", "enum"):
        return {}
    words = [unit.text for unit in said]
    known = lexicon(language)
    if known.length("no", words, 0):
        value = "false" if argument.type == "boolean" else none_value(awaited, argument, language)
        return {awaited: value} if value else {}
    return {awaited: "true"} if argument.type == "boolean" and known.length("yes", words, 0) else {}


def _texts(definition: ActionDefinition, line: str, language: str, awaited: str) -> dict[str, str]:
    """The value of the one argument that is text: what is quoted, or follows words such as "tell him that"."""
    wanted = [name for name, argument in definition.args.items() if argument.type == "string"]
    if len(wanted) != 1:
        return {}
    [name] = wanted
    quoted = _QUOTED.search(line)
    text = quoted.group(1) if quoted else _marked(line, language)
    if not text and name == awaited and "?" not in line:
        text = line
    written = _fitting(definition.args[name], clean(text))
    return {name: written} if written else {}


def _marked(line: str, language: str) -> str:
    known = lexicon(language)
    words = tokens(line, language)
    texts = [word.text for word in words]
    for at in range(len(words)):
        if known.has("deny_clause", texts[at]):
            return ""
        size = known.length("quotes", texts, at)
        if size and at + size < len(words):
            return _SENTENCE.split(line[words[at + size].start :])[0].strip()
    return ""


def _fitting(argument: Argument, written: str) -> str:
    """A value as it may stand in an action; empty if it may not."""
    try:
        if written:
            value_of(argument, written)
    except Misfit:
        return ""
    return written
