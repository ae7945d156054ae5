"""What a line says besides an action's arguments: by that one knows an order, whatever is ordered."""

from npc_runtime.actions.counting import counted
from npc_runtime.actions.mentions import anchors, find, names
from npc_runtime.actions.spoken_words import MAX_CHARACTERS, lexicon
from npc_runtime.actions.units import Denial, units
from npc_runtime.content.action import ActionDefinition


def reduced(definition: ActionDefinition, line: str, language: str) -> str | None:
    """A line with a mark for each argument that must be given, and without the values of the others.

    "Can I get a light roast americano with no sugar?" and "Can I get a large tea?" are both "can i get xdrinkx", but
    for a "with": examples of one drink stand for all. Things of the scene stay as they are.

    Args:
        definition: The action.
        line: The player's words, or an example of them.
        language: ISO 639-1 code, with or without a region.

    Returns:
        What is left; None where the line says no value of an enum or boolean that must be given.
    """
    language = language.split("-")[0]
    line = line[:MAX_CHARACTERS]
    said = units(line, language)
    found = find(said, definition.args, language)
    marks = {min(one.places): one.argument for one in found.mentions if definition.args[one.argument].needed}
    if not marks:
        return None
    gone = found.taken | {one.place for one in counted(said, definition.args, frozenset(found.taken), language)}
    own = frozenset[str]().union(*(anchors(name, one, language) for name, one in definition.args.items()))
    words: list[str] = []
    for at, unit in enumerate(said):
        if at in marks:
            while words and lexicon(language).has("links", words[-1]):  # "a latte" is as much as "latte"
                words.pop()
            words.append(f"x{marks[at].replace('_', '')}x")
        beside = not gone.isdisjoint((at - 1, at + 1)) and names(unit.text, own, language)
        beside = beside or (unit.number is not None and at + 1 in gone)  # "two sugars", where there is only "sugar"
        following = next((near for near in (at + 1, at + 2) if near < len(said) and near in gone - marks.keys()), None)
        denies = following is not None and said[following].denial is not Denial.NONE
        if at in gone or beside or (denies and lexicon(language).has("deny_next", unit.text)):
            continue
        words.append(unit.text)
    return " ".join(words) + ("?" if "?" in line else "")
