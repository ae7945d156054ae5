"""The content files that an import writes, for authors to go on from."""

from collections.abc import Mapping, Sequence
from typing import Any

from npc_runtime.content import yaml_file
from npc_runtime.content.cards import yaml_text
from npc_runtime.content.cards.overrides import plain
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.fields import AuthoredFile
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.model_check import check
from npc_runtime.errors import ContentError, InputError

_HEAD = (
    "{name}, from a character card. Edit this file as you like: `npc-runtime export {id}` writes a card with your "
    "changes and with everything of the old card that has no place here, which is kept in {id}.card.json."
)
_KNOWLEDGE_HEAD = (
    "Facts from the lorebook of a character card. Add `known_by: [id]` to what only some know, and `secret: true` to "
    "what they keep to themselves."
)
_HINTS: Mapping[str, str] = {
    "persona": "`summary` is read in every turn: one or two sentences are best.",
    "style": "Small models imitate sample lines more than they obey rules.",
    "barks": "Lines for moments without the model.",
}
_MISSING: Mapping[str, str] = {
    "traits": "  # traits: {openness: 0, conscientiousness: 0, extraversion: 0, agreeableness: 0, neuroticism: 0}",
    "voice": "# voice: {engine: auto, rate: 1.0, volume: 1.0}",
    "goals": "# goals: []      # what it does when something is said or happens",
    "actions": "# actions: []    # what it may ever do: names from actions/*.yaml",
}
"""What authors will want to add, ready to be made use of."""
_APART = ("persona", "style", "voice", "knowledge", "goals", "barks")


def character_yaml(character: CharacterFile) -> str:
    """A character as a commented file.

    Args:
        character: The character, with its id.

    Raises:
        InputError: It is too large for a content file.
    """
    values = character.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if character.goals:
        values["goals"] = plain(character)["goals"]
    lines = [*yaml_text.comment(_HEAD.format(name=character.name, id=character.id)), "schema: 1"]
    for key in ("name", "aliases", "language"):
        value = character.language if key == "language" else values.get(key)
        lines += yaml_text.entry(key, value) if value else []
    fields = [field.alias or name for name, field in CharacterFile.model_fields.items()]
    for key in fields:
        if key not in ("schema", "name", "aliases", "language"):
            lines += _section(key, values.get(key))
    return _checked(CharacterFile, lines, f"characters/{character.id}.yaml")


def knowledge_yaml(knowledge: KnowledgeFile, pack: str) -> str:
    """A knowledge pack as a commented file.

    Args:
        knowledge: The pack.
        pack: Its name.

    Raises:
        InputError: It is too large for a content file.
    """
    values = knowledge.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    values = {key: values[key] for key in sorted(values, key="facts".__eq__)}
    lines = [*yaml_text.comment(_KNOWLEDGE_HEAD), "schema: 1"]
    lines += [line for key, value in values.items() for line in yaml_text.entry(key, value)]
    return _checked(KnowledgeFile, lines, f"knowledge/{pack}.yaml")


def _section(key: str, value: Any) -> list[str]:
    lines = []
    if value:
        lines = [*([f"# {_HINTS[key]}"] if key in _HINTS else []), *yaml_text.entry(key, value)]
        if key == "persona" and "traits" not in value:
            lines.append(_MISSING["traits"])
    elif key in _MISSING:
        lines = [_MISSING[key]]
    return ["", *lines] if lines and key in _APART else lines


def _checked(model: type[AuthoredFile], lines: Sequence[str], file: str) -> str:
    """The text, if the reader of content files takes it."""
    text = "\n".join(lines) + "\n"
    if len(text.encode("utf-8")) > yaml_file.MAX_BYTES:
        hint = "a content file may have 1 MB; remove texts from the card"
        raise InputError(f"This card is too large: {file} would have {len(text) // 1000} kB.", hint=hint)
    _, problems = check(model, yaml_file.parse(text, file))
    if problems:
        raise ContentError(problems)
    return text
