"""A character as a card: the fields that other programs read, and in the card's extensions what only we do.

A card that a character came from stays as it is in everything that the author has not changed since.
"""

import copy
from collections.abc import Mapping

from npc_runtime.content.cards.card import V1_FIELDS, Card
from npc_runtime.content.cards.card_in import LANGUAGE, cast_of, derive, language_of, read_character
from npc_runtime.content.cards.card_json import Object, object_of
from npc_runtime.content.cards.lore_facts import written_book
from npc_runtime.content.cards.overrides import difference, plain
from npc_runtime.content.cards.own import SCHEMA, extend, extension
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.knowledge import KnowledgeFile

_EMPTY: Object = {
    **dict.fromkeys(V1_FIELDS, ""),
    "creator_notes": "",
    "system_prompt": "",
    "post_history_instructions": "",
    "alternate_greetings": [],
    "tags": [],
    "creator": "",
    "character_version": "",
    "extensions": {},
    "group_only_greetings": [],
}


def write_card(character: CharacterFile, packs: Mapping[str, KnowledgeFile], base: Card | None) -> Object:
    """Write a character as a card.

    Args:
        character: The character, with its id.
        packs: Its knowledge packs, by name.
        base: The card it came from.

    Returns:
        A card of the version of `base`, or a V3 one; reading it gives the same character and facts.
    """
    card = copy.deepcopy(base.json) if base else {"spec": "chara_card_v3", "spec_version": "3.0", "data": {}}
    data = Card(card).data
    if base is None:
        data |= copy.deepcopy(_EMPTY) | {"name": character.name}
        if character.aliases:
            data["nickname"] = character.aliases[0]
    before = read_character(data, character.id, language=character.language)
    _write_texts(data, character, before.character)
    if (character.knowledge.facts, packs) != (before.character.knowledge.facts, before.packs):
        _write_book(data, character, packs)
    _write_extension(data, character, new=base is None)
    return card


def _write_texts(data: Object, character: CharacterFile, before: CharacterFile) -> None:
    persona, style, greet = character.persona, character.style, character.barks.greet
    if character.name != before.name:
        data["name"] = character.name
    said = (persona.summary, persona.backstory, persona.motivation, persona.flaws, style.tone)
    was = before.persona
    if said != (was.summary, was.backstory, was.motivation, was.flaws, before.style.tone):
        data["description"] = "\n\n".join(part for part in (persona.summary, persona.backstory) if part)
        data["personality"] = _personality(character)
        data["scenario"] = ""
    if style.sample_lines != before.style.sample_lines:
        data["mes_example"] = "\n".join(f"<START>\n{{{{char}}}}: {line}" for line in style.sample_lines)
    if greet != before.barks.greet:
        data["first_mes"] = greet[0] if greet else ""
        data["alternate_greetings"] = list(greet[1:])


def _personality(character: CharacterFile) -> str:
    persona = character.persona
    wants = " ".join(persona.motivation.split())
    labelled = [f"Wants: {wants}"] if wants else []
    if persona.flaws:
        labelled.append("Flaws: " + "; ".join(persona.flaws) + (";" if len(persona.flaws) == 1 else ""))
    return "\n".join([*([character.style.tone] if character.style.tone else []), *labelled])


def _write_book(data: Object, character: CharacterFile, packs: Mapping[str, KnowledgeFile]) -> None:
    book = data.get("character_book")
    data["character_book"] = written_book(
        book if isinstance(book, dict) else None,
        character.knowledge.facts,
        packs,
        pack=character.id,
        cast=cast_of(data, character.language),
        names=(character.id, character.name, *character.aliases, *character.knowledge.groups),
    )


def _write_extension(data: Object, character: CharacterFile, *, new: bool) -> None:
    ours = extension(data)
    wanted = plain(character)
    read = read_character(data, character.id, language=language_of(data)).character
    if plain(read) == wanted and not new:
        return
    derived = plain(derive(data, character.id, language=character.language).character) | {"language": LANGUAGE}
    unknown = {key: value for key, value in object_of(ours, "character").items() if key not in wanted}
    changes = unknown | difference(wanted, derived)
    kept = {key: value for key, value in ours.items() if key not in ("schema", "character")}
    named = {"id": character.id} if new else {}
    extend(data, {"schema": SCHEMA, **kept, **named, **({"character": changes} if changes else {})})
