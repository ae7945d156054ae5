"""`import` and `export`: character cards in and out of a content folder."""

from collections.abc import Sequence
from pathlib import Path

from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown
from npc_runtime.content.cards import card_file, store
from npc_runtime.content.cards.card import Version, read
from npc_runtime.content.cards.card_json import text_of
from npc_runtime.content.cards.card_out import write_card
from npc_runtime.content.cards.texts import one_line, split
from npc_runtime.content.content_file import paths_of
from npc_runtime.content.knowledge import KnowledgeFile
from npc_runtime.content.library import Library
from npc_runtime.errors import InputError, UsageError

_VERSIONS: tuple[Version, ...] = (1, 2, 3)
_LONGEST_NOTES = 600
"""Characters of the creator's notes that are shown."""


def import_card(file: Path, content: Path, *, id: str = "", language: str = "", force: bool = False) -> int:
    """Make content files from a card, and say what became of it.

    Args:
        file: A PNG, JSON or `.charx` file with a V1, V2 or V3 card, or a V3 lorebook.
        content: The content folder.
        id: Id of the character; by default from its name.
        language: What the card is written in; by default `en`, unless the card says so.
        force: Whether files that are there already are replaced.

    Returns:
        The exit code.

    Raises:
        InputError: The card cannot be used, or would replace something; nothing is written then.
        OutputError: The folder cannot be written to.
    """
    card = read(file)
    plan = store.plan(card, content, id=id, stem=file.stem, language=language)
    store.carry_out(plan, force=force)
    facts = f" with {plan.facts} fact{'' if plan.facts == 1 else 's'} from its lorebook" if plan.facts else ""
    console.out(shown(f"Imported {one_line(plan.name)} as `{plan.id}`{facts}:"))
    for path in plan.paths:
        console.out(f"  {path}")
    for note in plan.notes:
        console.out(f"{shown('note')}: {shown(note)}")
    if creators := one_line(text_of(card.data, "creator_notes")):
        says = shown("The card's creator says")
        console.out(f"{says}: {split(creators, _LONGEST_NOTES)[0]}")
    if card.lorebook is None:
        console.out(shown(f"Talk: npc-runtime talk {plan.id} --content {content}"))
    return 0


def export_card(
    name: str,
    library: Library,
    roots: Sequence[Path],
    *,
    out: Path | None = None,
    version: int = 3,
    modified: int,
    force: bool = False,
) -> int:
    """Write a character as a card.

    Args:
        name: Id, name or alias of the character.
        library: Knows the characters.
        roots: The content folders that the library was read from, in the same order.
        out: The file: `.png`, `.json` or `.charx`; by default `ID.png` in the current folder.
        version: The version of the card, 1 to 3.
        modified: The time now, in seconds since 1970.
        force: Whether a file that is there already is replaced.

    Returns:
        The exit code.

    Raises:
        UsageError: There is no such version, or kind of file.
        InputError: There is no such character, or the file is there already.
        ContentError: The file of the character, or of one of its packs, has mistakes.
        OutputError: The file cannot be written.
    """
    wanted = next((known for known in _VERSIONS if known == version), None)
    if wanted is None:
        raise UsageError(f"There is no character card V{version}.", hint="give --spec 1, 2 or 3")
    character = library.character(name)
    target = out or Path(f"{character.id}.png")
    if target.exists() and not force:
        raise InputError(f"{target} is already there.", hint="--force replaces it, --out writes another file")
    root = next((root for root in roots if _has(root, character.id)), None)
    base = store.stored(root, character.id) if root else None
    packs: dict[str, KnowledgeFile] = {}
    for pack in character.knowledge.packs:
        found = next((known for folder in roots if (known := store.read_pack(folder, pack)) is not None), None)
        if found is None:
            note = shown(f"there is no knowledge pack `{pack}`; the card goes without its facts.")
            console.out(f"{shown('note')}: {note}")
        else:
            packs[pack] = found
    json = write_card(character, packs, base)
    notes = card_file.write(target, json, base, version=wanted, modified=modified)
    console.out(shown(f"Wrote {character.name} to {target}."))
    for note in notes:
        console.out(f"{shown('note')}: {shown(note)}")
    return 0


def _has(root: Path, id: str) -> bool:
    return any(path.stem == id for path in paths_of(root, "characters"))
