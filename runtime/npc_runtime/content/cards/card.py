"""A character card of any version: told apart, read from a file, and turned into another version.

Character Card V1 and V2 are defined at malfoyslastname/character-card-spec-v2, V3 at kwaroran/character-card-spec-v3.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from npc_runtime.content.cards import charx
from npc_runtime.content.cards.card_json import MAX_BYTES, Object, object_of, objects_of, read_object, text_of
from npc_runtime.content.cards.decorators import without_decorators
from npc_runtime.content.cards.foreign import read_foreign
from npc_runtime.content.cards.png import MAX_FILE, SIGNATURE, Png
from npc_runtime.errors import InputError

Version = Literal[1, 2, 3]

V1_FIELDS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
"""All that a V1 card has; each is text."""
_V2_TEXTS = ("creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
_V3_ONLY = (
    "assets",
    "nickname",
    "creator_notes_multilingual",
    "source",
    "group_only_greetings",
    "creation_date",
    "modification_date",
)
_SPECS = {2: ("chara_card_v2", "2.0"), 3: ("chara_card_v3", "3.0")}
_LOREBOOK = "lorebook_v3"
_ZIP = b"PK\x03\x04"
_NOTICE = (
    "This character card is a Character Card V3 that was read as a V2. Use a program that knows Character Card V3 to "
    "see all of it."
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it was read."""

    json: Object
    """The whole JSON object; never changed in place."""
    picture: Png | None = None
    """Its portrait, with everything that was in the file but the card."""
    archive: Path | None = None
    """The `.charx` file it came from."""
    notes: tuple[str, ...] = ()
    """What a person should know about how it was read."""

    @property
    def version(self) -> Version:
        """The version of its format; a newer one than 3 counts as 3."""
        if "spec" not in self.json:
            return 1
        return 2 if self.json["spec"] == _SPECS[2][0] else 3

    @property
    def data(self) -> Object:
        """Where its fields are."""
        return self.json if self.version == 1 else object_of(self.json, "data")

    @property
    def lorebook(self) -> Object | None:
        """The lorebook, if that is all it is."""
        return object_of(self.json, "data") if self.json.get("spec") == _LOREBOOK else None


def read(path: Path) -> Card:
    """Read a card from a PNG, JSON or `.charx` file; the content tells which it is.

    Args:
        path: The file.

    Raises:
        InputError: It holds no card that can be used; the message says why.
    """
    what = str(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(len(SIGNATURE))
            if start.startswith(_ZIP) or path.suffix.lower() == ".charx":
                return _of_archive(path)
            longest = MAX_FILE if start == SIGNATURE else MAX_BYTES
            raw = start + stream.read(longest + 1 - len(start))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}.", hint="check the path") from error
    if start != SIGNATURE:
        _refuse_others(raw, what)
        return of_json(read_object(raw, what), what)
    picture = Png.read(raw, what)
    text = picture.card(what)
    if text is None:
        hint = "many sites strip it from previews: download the card itself"
        raise InputError(f"{what} is a picture without a character card.", hint=hint)
    card = of_json(read_object(text, f"The card in {what}"), what)
    return Card(card.json, picture.without_cards(), None, card.notes)


def of_json(json: Object, what: str) -> Card:
    """Tell which kind of card an object is.

    Args:
        json: The object.
        what: Where it is from, as messages name it.

    Raises:
        InputError: It is no card.
    """
    spec = json.get("spec")
    if spec == _LOREBOOK and isinstance(object_of(json, "data").get("entries"), list):
        return Card(json)
    if isinstance(spec, str) and isinstance(json.get("data"), dict):
        _named(object_of(json, "data"), what)
        known = spec in (_SPECS[2][0], _SPECS[3][0]) and not _newer(json)
        note = f"{what} is of a newer kind of card ({spec[:40]!r}); what is not known here is kept aside."
        return Card(json, notes=() if known else (note,))
    if foreign := read_foreign(json):
        _named(foreign.data, what)
        return Card(converted(foreign.data, 3), notes=foreign.notes)
    if "spec" not in json and any(isinstance(json.get(field), str) for field in V1_FIELDS[1:]):
        _named(json, what)
        return Card(json)
    hint = "it needs a `name` and a `description`, or `spec` and `data`; see Character Card V1 to V3"
    raise InputError(f"{what} holds JSON, but no character card.", hint=hint)


def converted(json: Object, version: Version, *, backfill: bool = False) -> Object:
    """A card in another version of the format.

    Args:
        json: A card; it is not changed.
        version: The version to write. To a higher one nothing is lost.
        backfill: Whether it stands beside the V3 card it is made from: creators' notes then say so.
    """
    card = Card(json)
    if card.version == version:
        return copy.deepcopy(json)
    data = copy.deepcopy(card.data)
    if version == 1:
        return {field: text_of(data, field) for field in V1_FIELDS}
    for field in (*V1_FIELDS, *_V2_TEXTS):
        data.setdefault(field, "")
    data.setdefault("alternate_greetings", [])
    data.setdefault("tags", [])
    data.setdefault("extensions", {})
    _complete_book(data, version)
    if version == 3:
        data.setdefault("group_only_greetings", [])
    else:
        for field in _V3_ONLY:
            data.pop(field, None)
        if backfill:
            data["creator_notes"] = "\n\n".join(part for part in (_NOTICE, text_of(data, "creator_notes")) if part)
    around = {} if card.version == 1 else {key: value for key, value in json.items() if key != "data"}
    if card.version != version:
        around |= dict(zip(("spec", "spec_version"), _SPECS[version], strict=True))
    return {**around, "data": data}


def _complete_book(data: Object, version: Version) -> None:
    for entry in objects_of(data.get("character_book"), "entries"):
        entry.setdefault("extensions", {})
        if version == 3:
            entry.setdefault("use_regex", False)
            continue
        entry.pop("use_regex", None)
        if isinstance(entry.get("content"), str):
            entry["content"] = without_decorators(entry["content"])


def _newer(json: Object) -> bool:
    version = json.get("spec_version")
    try:
        return float(version) > 3 if isinstance(version, str) and len(version) < 20 else False
    except ValueError:
        return False


def _named(data: Object, what: str) -> None:
    if not text_of(data, "name").strip():
        raise InputError(f"The card in {what} has no name.", hint="give it a `name`")


def _of_archive(path: Path) -> Card:
    what = f"card.json in {path}"
    card = of_json(read_object(charx.read_card(path), what), what)
    icon = charx.picture(path, card.data)
    picture = Png.read(icon, f"The portrait in {path}") if icon and icon.startswith(SIGNATURE) else None
    return Card(card.json, picture.without_cards() if picture else None, path, card.notes)


def _refuse_others(raw: bytes, what: str) -> None:
    kinds = {b"\xff\xd8\xff": "a JPEG", b"RIFF": "a WebP", b"GIF8": "a GIF"}
    if found := next((name for start, name in kinds.items() if raw.startswith(start)), ""):
        hint = "cards travel in PNG, JSON and .charx files; was the picture converted?"
        raise InputError(f"{what} is {found} picture, which carries no card.", hint=hint)
