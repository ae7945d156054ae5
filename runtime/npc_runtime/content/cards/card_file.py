"""Writes a card to a file: a picture, JSON, or an archive."""

import colorsys
import copy
import hashlib
from pathlib import Path

from npc_runtime.content.cards import card_json, charx
from npc_runtime.content.cards.card import Card, Version, converted
from npc_runtime.content.cards.card_json import Object, objects_of, text_of
from npc_runtime.content.cards.png import Png, blank
from npc_runtime.errors import UsageError
from npc_runtime.files import whole_file

ENDINGS = (".png", ".json", ".charx")
_ICON = "assets/icon/images/main.png"


def write(target: Path, json: Object, base: Card | None, *, version: Version, modified: int) -> tuple[str, ...]:
    """Write a card.

    Args:
        target: The file; its ending tells the kind.
        json: The card, of any version.
        base: The card it came from, for its picture and the files of its archive.
        version: The version to write. A V3 picture carries the card as V2 too.
        modified: The time now, in seconds since 1970.

    Returns:
        What a person should know about what is not in the file.

    Raises:
        UsageError: There is no such kind of file, or not for this version.
        InputError: The archive of `base` is damaged.
        OutputError: It cannot be written.
    """
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"A card cannot be written as {target.name}.", hint=f"use one of {', '.join(ENDINGS)}")
    if ending == ".charx" and version != 3:
        raise UsageError("A .charx archive holds a V3 card only.", hint="leave out --spec, or write a .png or .json")
    card = _dated(converted(json, version), modified, new=base is None) if version == 3 else converted(json, version)
    archive = base.archive if base else None
    with whole_file(target) as part:
        if ending == ".json":
            part.write_bytes(card_json.write(card))
        elif ending == ".png":
            part.write_bytes(_picture(card, base).with_cards(_chunks(card, version)).to_bytes())
        else:
            _write_archive(part, card, base)
    notes = []
    if archive is not None and ending != ".charx" and objects_of(Card(card).data, "assets"):
        notes.append("the pictures and sounds of the card are only in a .charx file: `--out NAME.charx` writes one.")
    if version < 3 and Card(json).version > version:
        notes.append(f"a V{version} card has no place for all that a V3 card holds.")
    return tuple(notes)


def _dated(card: Object, modified: int, *, new: bool) -> Object:
    data = {**Card(card).data, "modification_date": modified}
    if new:
        data["creation_date"] = modified
    return {**card, "data": data}


def _chunks(card: Object, version: Version) -> dict[str, bytes]:
    if version < 3:
        return {"chara": card_json.write_compact(card)}
    older = converted(card, 2, backfill=True)
    return {"chara": card_json.write_compact(older), "ccv3": card_json.write_compact(card)}


def _picture(card: Object, base: Card | None) -> Png:
    if base and base.picture:
        return base.picture
    if base and base.archive and (icon := charx.picture(base.archive, base.data)) and icon.startswith(b"\x89PNG"):
        return Png.read(icon, f"The portrait in {base.archive}")
    hue = hashlib.sha256(text_of(Card(card).data, "name").encode("utf-8")).digest()[0] / 256
    return blank([round(part * 255) for part in colorsys.hls_to_rgb(hue, 0.4, 0.3)])


def _write_archive(part: Path, card: Object, base: Card | None) -> None:
    if base and base.archive:
        charx.write(part, card_json.write(card), base=base.archive)
        return
    if base is None or base.picture is None or objects_of(Card(card).data, "assets"):
        charx.write(part, card_json.write(card), base=None)
        return
    card = copy.deepcopy(card)
    uri = charx.EMBEDDED + _ICON
    Card(card).data["assets"] = [{"type": "icon", "uri": uri, "name": "main", "ext": "png"}]
    charx.write(part, card_json.write(card), base=None, icon=(_ICON, base.picture.to_bytes()))
