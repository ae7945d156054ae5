"""Where an imported card lives in a content folder, and how it gets there.

The character is `characters/ID.yaml` and its facts are `knowledge/*.yaml`: what authors edit. Beside them stay
`characters/ID.card.json`, the card exactly as it came, and the portrait as `ID.card.png` or the archive as
`ID.card.charx`: nothing reads them but an export, which puts back all that the content files have no place for.
"""

import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from npc_runtime.content import content_file
from npc_runtime.content.cards import card_json
from npc_runtime.content.cards.card import Card, of_json
from npc_runtime.content.cards.card_in import LANGUAGE, language_of, read_character
from npc_runtime.content.cards.card_json import text_of
from npc_runtime.content.cards.character_yaml import character_yaml, knowledge_yaml
from npc_runtime.content.cards.lore_facts import known_of
from npc_runtime.content.cards.macros import Cast
from npc_runtime.content.cards.names import id_from
from npc_runtime.content.cards.own import extension
from npc_runtime.content.cards.png import MAX_FILE, Png
from npc_runtime.content.fields import FILE_ID, FORMATS
from npc_runtime.content.knowledge import Fact, KnowledgeFile
from npc_runtime.errors import ContentError, InputError
from npc_runtime.files import cannot_write, whole_file

_ANYONE = Cast("the character", "the player")
"""Whom a lorebook speaks of that belongs to nobody."""
_SIDE_FILES = ("card.json", "card.png", "card.charx")


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of an import, before any of them is written."""

    id: str
    """Of the character, or of the knowledge pack of a lorebook."""
    name: str
    """What the card calls itself."""
    files: Mapping[Path, bytes]
    archive: tuple[Path, Path] | None
    """An archive to copy, and where to."""
    facts: int
    """How many facts go into knowledge packs."""
    notes: tuple[str, ...]
    stale: tuple[Path, ...] = ()
    """Side files of an earlier import under the same id."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that will be there."""
        return (*self.files, *((self.archive[1],) if self.archive else ()))


def plan(card: Card, root: Path, *, id: str = "", stem: str = "", language: str = "") -> Plan:
    """Work out the files of an import; nothing is written.

    Args:
        card: The card.
        root: The content folder.
        id: Id of the character; by default from its name.
        stem: Name of the card's file, for names that cannot be written in Latin letters.
        language: What the card is written in; `en` unless the card or this says otherwise.

    Raises:
        InputError: The card cannot be used, or the id is none.
    """
    if id and not re.fullmatch(FILE_ID, id):
        raise InputError(f"{id!r} cannot be an id.", hint=f"use {FORMATS[FILE_ID]}")
    if card.lorebook is not None:
        return _lorebook_plan(card, root, id or id_from(text_of(card.lorebook, "name"), stem))
    data = card.data
    given = text_of(extension(data), "id")
    id = id or (given if re.fullmatch(FILE_ID, given) else id_from(text_of(data, "name"), stem))
    reading = read_character(data, id, language=language_of(data, language or LANGUAGE))
    side = {ending: root / "characters" / f"{id}.{ending}" for ending in _SIDE_FILES}
    files = {
        root / "characters" / f"{id}.yaml": character_yaml(reading.character.with_id(id)).encode("utf-8"),
        side["card.json"]: card_json.write(card.json),
    }
    if card.picture is not None and card.archive is None:
        files[side["card.png"]] = card.picture.to_bytes()
    archive = (card.archive, side["card.charx"]) if card.archive is not None else None
    stale = tuple(path for path in side.values() if path not in files and (archive is None or path != archive[1]))
    packs = {pack: knowledge for pack, knowledge in reading.packs.items() if not _is_there(root, pack, knowledge)}
    for pack, knowledge in packs.items():
        files[root / "knowledge" / f"{pack}.yaml"] = knowledge_yaml(knowledge, pack).encode("utf-8")
    facts = sum(len(knowledge.facts) for knowledge in packs.values())
    notes = (*card.notes, *reading.notes)
    return Plan(id, reading.character.name, files, archive, facts, notes, stale)


def carry_out(plan: Plan, *, force: bool = False) -> None:
    """Write the files of an import, all or none.

    Args:
        plan: From `plan`.
        force: Whether files that are there already are replaced.

    Raises:
        InputError: One is there already.
        OutputError: The folder cannot be written to.
    """
    other_endings = [path.with_suffix(".yml") for path in plan.paths if path.suffix == ".yaml"]
    there = [path for path in (*plan.paths, *other_endings) if path.exists()]
    if there and not force:
        listed = ", ".join(map(str, there))
        hint = "--force replaces it, --id gives the character another id"
        raise InputError(f"{listed} {'is' if len(there) == 1 else 'are'} already there.", hint=hint)
    with ExitStack() as undo:
        for path, content in plan.files.items():
            with whole_file(path) as part:
                part.write_bytes(content)
            if path not in there:
                undo.callback(path.unlink, missing_ok=True)
        if plan.archive is not None:
            with whole_file(plan.archive[1]) as part:
                shutil.copyfile(plan.archive[0], part)
            if plan.archive[1] not in there:
                undo.callback(plan.archive[1].unlink, missing_ok=True)
        for path in (*plan.stale, *other_endings):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error
        undo.pop_all()


def stored(root: Path, id: str) -> Card | None:
    """The card that a character was imported from; None if it was not.

    Args:
        root: The content folder that has the character.
        id: Its id.

    Raises:
        InputError: What is kept of it is damaged.
    """
    json, png, archive = (root / "characters" / f"{id}.{ending}" for ending in _SIDE_FILES)
    if not json.is_file():
        return None
    try:
        with json.open("rb") as stream:
            raw = stream.read(card_json.MAX_BYTES + 1)
        picture = None
        if png.is_file():
            with png.open("rb") as stream:
                picture = Png.read(stream.read(MAX_FILE + 1), str(png))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}.", hint="check its permissions") from error
    card = of_json(card_json.read_object(raw, str(json)), str(json))
    return Card(card.json, picture, archive if archive.is_file() else None)


def read_pack(root: Path, pack: str) -> KnowledgeFile | None:
    """A knowledge pack of a content folder; None if it is not there.

    Raises:
        ContentError: It has mistakes.
    """
    for ending in (".yaml", ".yml"):
        path = root / "knowledge" / f"{pack}{ending}"
        if path.is_file():
            found = content_file.read(path, "knowledge")
            if isinstance(found.model, KnowledgeFile):
                return found.model
            raise ContentError(found.problems)
    return None


def _lorebook_plan(card: Card, root: Path, id: str) -> Plan:
    book = card.lorebook or {}
    known = known_of(book, id, _ANYONE)
    facts = [fact for listed in known.packs.values() for fact in listed]
    facts += [Fact(text=fact) for fact in known.facts]
    if not facts:
        hint = "switch one of its entries on"
        raise InputError("The lorebook says nothing: no entry of it is switched on and has a text.", hint=hint)
    text = knowledge_yaml(KnowledgeFile(facts=tuple(facts)), id)
    files = {
        root / "knowledge" / f"{id}.yaml": text.encode("utf-8"),
        root / "knowledge" / f"{id}.lorebook.json": card_json.write(card.json),
    }
    notes = (f"entries that are empty, switched off or too many: {known.unread}.",) if known.unread else ()
    return Plan(id, text_of(book, "name") or id, files, None, len(facts), notes)


def _is_there(root: Path, pack: str, knowledge: KnowledgeFile) -> bool:
    """Whether the content folder has this very pack already."""
    try:
        return read_pack(root, pack) == knowledge
    except ContentError:
        return False
