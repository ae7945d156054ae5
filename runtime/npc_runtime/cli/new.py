"""`new`: a mod folder that works at once, each file of it explained."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from string import Template

from pydantic import TypeAdapter, ValidationError

from npc_runtime.cli import console
from npc_runtime.cli.tongue import shown
from npc_runtime.config import FILE_NAME
from npc_runtime.content.fields import FORMATS, NAME, Name
from npc_runtime.content.yaml_scalars import resolve
from npc_runtime.errors import InputError
from npc_runtime.files import cannot_write, whole_file
from npc_runtime.resources import bundled

NAME_BY_DEFAULT = "Mira Holm"
_PACK = "alder_ford"
_ACTION = "row_across"
_NO_LATIN = "character"
_LONGEST = 40
_LETTERS = str.maketrans({"ı": "i", "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
"""Letters of Latin script that Unicode does not take apart into one of a-z and a mark."""
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
"""Names that Windows gives to devices."""


def new(folder: Path, name: str, *, force: bool) -> int:
    """Make a mod folder: settings, a character, an action pack, a knowledge pack, a conversation test, a README.

    Args:
        folder: Where; made if it is not there.
        name: What the character is called, in any script.
        force: Whether the folder may have files already; those that have our names stay as they are.

    Returns:
        The exit code.

    Raises:
        InputError: The folder has files already, or the name is none.
        OutputError: The folder cannot be written to.
    """
    name = _checked(name)
    _refuse_what_is_there(folder, force=force)
    id = id_of(name)
    written, kept = [], []
    for inner, text in _files(id, name, folder).items():
        path = folder / inner
        if path.exists():
            kept.append(inner)
            continue
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        written.append(inner)
    for inner in written:
        console.out(shown(f"wrote {folder / inner}"))
    for inner in kept:
        console.out(shown(f"kept  {folder / inner}, which was there already"))
    console.out(shown(f'Try it: npc-runtime talk --content "{folder}" {id}'))
    return 0


def id_of(name: str) -> str:
    """The id of a character, which is the name of its file: small letters a-z, digits and `_`.

    Args:
        name: What the character is called, in any script; what has no Latin letters becomes `character`.
    """
    plain = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    id = re.sub("[^a-z0-9]+", "_", plain)[:_LONGEST].strip("_")
    if not id:
        return _NO_LATIN
    taken = _RESERVED.fullmatch(id) or not isinstance(resolve(id), str)  # a word that YAML takes for a number
    return f"{id}_1" if taken else id


def _files(id: str, name: str, folder: Path) -> Mapping[str, str]:
    """Every file of a mod: its path in the folder, and its text."""
    quoted = "'" + name.replace("'", "''") + "'"
    title = folder.resolve().name or "My mod"
    values = {"id": id, "name": quoted, "title": title, "pack": _PACK, "action": _ACTION}
    templates = {
        FILE_NAME: "settings.toml",
        f"characters/{id}.yaml": "character.yaml",
        "actions/ferry.yaml": "actions.yaml",
        f"knowledge/{_PACK}.yaml": "knowledge.yaml",
        "tests/first_talk.yaml": "conversation.yaml",
        "README.md": "README.md",
    }
    return {
        path: Template(bundled("assets", "new", template).read_text(encoding="utf-8")).substitute(values)
        for path, template in templates.items()
    }


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        shown = name.encode("utf-8", "replace").decode()
        raise InputError(f"{shown!r} is not a name.", hint=f"1 to 80 signs: {FORMATS[NAME]}") from error


def _refuse_what_is_there(folder: Path, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file.", hint="name a folder")
    try:
        there = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
    except OSError as error:
        raise cannot_write(folder, error) from error
    if there and not force:
        hint = "name a new folder, or use --force to add what is missing; no file is overwritten"
        raise InputError(f"The folder {folder} is not empty.", hint=hint)
