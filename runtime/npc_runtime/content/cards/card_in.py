"""A card as a character: which field of the card becomes which key of a content file.

`creator`, `creator_notes`, `tags` and `character_version` are about the card and never read here. `system_prompt` and
`post_history_instructions` are for programs that leave the rules of talk to the card; here they are the runtime's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from npc_runtime.content.cards import texts
from npc_runtime.content.cards.card_json import Object, object_of, text_of, texts_of
from npc_runtime.content.cards.lore_facts import Known, known_of, pack_details
from npc_runtime.content.cards.macros import Cast, resolve, unknown
from npc_runtime.content.cards.overrides import with_overrides
from npc_runtime.content.cards.own import extension
from npc_runtime.content.cards.speech import example_lines, line, spoken
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.fields import Language
from npc_runtime.content.knowledge import Fact, KnowledgeFile
from npc_runtime.errors import InputError

LANGUAGE = "en"
"""Cards do not say what they are written in."""
_LONGEST_SUMMARY = 400
"""Characters: the model reads it in every turn."""
_LONGEST_TONE = 120
_MOST_SAMPLES = 12
_MOST_GREETINGS = 12
_MOST_FLAWS = 20
_MOST_LISTED = 5
_PERSONA = ("description", "personality", "scenario")
_RULES = ("system_prompt", "post_history_instructions")
_PLAYER: Mapping[str, tuple[str, str]] = {
    "en": ("the player", "you"),
    "de": ("der Spieler", "du"),
    "tr": ("oyuncu", "sen"),
}
"""What stands for `{{user}}` where it is spoken of the player, and to the player."""
_LABELLED = re.compile(r"\s*(wants|motivation|flaws)\s*:\s*(.+)", re.IGNORECASE)
_LANGUAGE: TypeAdapter[str] = TypeAdapter(Language)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a card says, as content files hold it."""

    character: CharacterFile
    packs: Mapping[str, KnowledgeFile]
    """`knowledge/*.yaml` by the name of the pack."""
    notes: tuple[str, ...] = ()
    """What a person should know: what was shortened, and what is not used."""


def language_of(data: Object, default: str = LANGUAGE) -> str:
    """The language that our part of a card names, or else the default.

    Raises:
        InputError: The default is no language code.
    """
    for code in (object_of(extension(data), "character").get("language"), default):
        try:
            return _LANGUAGE.validate_python(code, strict=True)
        except ValidationError:
            continue
    raise InputError(f"{default!r} is no language code.", hint="such as `en`, `de` or `tr`")


def read_character(data: Object, id: str, *, language: str) -> Reading:
    """Read the `data` of a card.

    Args:
        data: The card's fields.
        id: Id of the character; its lorebook becomes a pack of that name.
        language: What the texts are written in.

    Raises:
        InputError: It has no usable name.
    """
    derived = derive(data, id, language=language)
    changes = object_of(extension(data), "character")
    character, left_out = with_overrides(derived.character, changes)
    notes = derived.notes
    if left_out:
        notes += (f"what the card's `extensions.npc_runtime` says about {', '.join(left_out)} does not fit.",)
    return Reading(character, derived.packs, notes)


def derive(data: Object, id: str, *, language: str) -> Reading:
    """The same without what our part of the card says."""
    name, nickname = texts.name(text_of(data, "name")), texts.name(text_of(data, "nickname"))
    if not name:
        raise InputError("The card has no usable name.", hint="a name needs letters")
    about = cast_of(data, language)
    aloud = replace(about, player=_PLAYER.get(language, _PLAYER["en"])[1])
    notes: list[str] = []
    persona, tone = _persona(data, about, notes)
    samples = example_lines(text_of(data, "mes_example"), (name, nickname, text_of(data, "name")), aloud)
    if len(samples) > _MOST_SAMPLES:
        notes.append(f"`mes_example` has {len(samples)} lines; the first {_MOST_SAMPLES} became sample lines.")
    known = known_of(object_of(data, "character_book"), id, about)
    character = CharacterFile.model_validate(
        {
            "name": name,
            "aliases": [nickname] if nickname and nickname != name else [],
            "language": language,
            "persona": {"summary": name, **persona},
            "style": {**({"tone": tone} if tone else {}), "sample_lines": samples[:_MOST_SAMPLES]},
            "knowledge": {"facts": known.facts, "packs": list(known.packs)},
            "barks": {"greet": _greetings(data, aloud, notes)},
        }
    )
    notes += _unused(data, known)
    details = pack_details(object_of(data, "character_book"))
    packs = {pack: _pack(facts, details.get(pack)) for pack, facts in known.packs.items()}
    return Reading(character, packs, tuple(notes))


def _pack(facts: Sequence[Fact], details: object) -> KnowledgeFile:
    """A knowledge pack, with what our part of the lorebook says of it where that fits."""
    if isinstance(details, dict):
        try:
            return KnowledgeFile.model_validate({**details, "facts": tuple(facts)})
        except ValidationError:
            pass
    return KnowledgeFile(facts=tuple(facts))


def cast_of(data: Object, language: str) -> Cast:
    """Who the texts of a card speak of, in a language."""
    called = texts.name(text_of(data, "nickname")) or texts.name(text_of(data, "name"))
    return Cast(called, _PLAYER.get(language, _PLAYER["en"])[0])


def _persona(data: Object, cast: Cast, notes: list[str]) -> tuple[Object, str]:
    """The persona as far as the card has one, and the tone."""
    description, personality, scenario = (
        texts.clean(resolve(text_of(data, field)[: texts.LONGEST_READ], cast)) for field in _PERSONA
    )
    motivation, flaws, manner = _labels(personality)
    tone = texts.one_line(manner).rstrip(".") if len(manner) <= _LONGEST_TONE else ""
    parts = [part for part in (description, "" if tone else manner, scenario) if part]
    head, _, rest = "\n\n".join(parts).partition("\n\n")
    summary, more = texts.split(head, _LONGEST_SUMMARY)
    backstory, left = texts.split("\n\n".join(part for part in (more, rest) if part), texts.LONGEST_PROSE)
    if left:
        notes.append(f"the description is long; the last {len(left)} characters of it are not used.")
    found = {"summary": summary, "backstory": backstory, "motivation": motivation, "flaws": flaws}
    return {key: value for key, value in found.items() if value}, tone


def _labels(personality: str) -> tuple[str, list[str], str]:
    """What a personality says the character wants, its flaws, and the rest."""
    motivation, flaws, rest = "", list[str](), list[str]()
    for row in personality.split("\n"):
        labelled = _LABELLED.fullmatch(row)
        if labelled is None:
            rest.append(row)
        elif labelled.group(1).lower() == "flaws":
            between = ";" if ";" in labelled.group(2) else ","
            listed = (flaw.strip().rstrip(".") for flaw in labelled.group(2).split(between))
            flaws += [flaw[: texts.LONGEST_LINE] for flaw in listed if flaw][:_MOST_FLAWS]
        else:
            motivation = motivation or texts.split(labelled.group(2), texts.LONGEST_PROSE)[0]
    return motivation, flaws, "\n".join(rest).strip()


def _greetings(data: Object, cast: Cast, notes: list[str]) -> list[str]:
    given = [text for text in (text_of(data, "first_mes"), *texts_of(data, "alternate_greetings")) if text.strip()]
    lines = [line(text, cast) for text in given[:_MOST_GREETINGS]]
    if not all(lines) or len(given) > _MOST_GREETINGS:
        notes.append("greetings that are narration only, or too many, did not become `barks.greet`.")
    if any(len(spoken(text, cast)) > len(said) for text, said in zip(given, lines, strict=False)):
        notes.append("a long greeting was shortened to its first sentences in `barks.greet`.")
    return list(dict.fromkeys(said for said in lines if said))


def _unused(data: Object, known: Known) -> list[str]:
    notes = []
    if rules := [f"`{field}`" for field in _RULES if text_of(data, field).strip()]:
        notes.append(f"kept in the card, but not used, as the rules of talk are the runtime's own: {', '.join(rules)}.")
    if known.unread:
        notes.append(f"lorebook entries that are empty, switched off or too many, and no knowledge: {known.unread}.")
    used = (*_PERSONA, "first_mes", "mes_example")
    if macros := list(
        dict.fromkeys(name for field in used for name in unknown(text_of(data, field)[: texts.LONGEST_READ]))
    ):
        listed = ", ".join(f"`{{{{{texts.one_line(name)[:30]}}}}}`" for name in macros[:_MOST_LISTED])
        notes.append(f"macros that are not known here were left out: {listed}.")
    return notes
