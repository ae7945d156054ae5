"""`.charx` files: zip archives of `card.json` and the pictures and sounds of a card."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from npc_runtime.content.cards.card_json import MAX_BYTES, Object, objects_of, text_of
from npc_runtime.content.cards.png import MAX_FILE
from npc_runtime.errors import InputError

CARD = "card.json"
EMBEDDED = "embeded://"
"""How addresses of files inside the archive begin; the format spells it so."""
MAX_ARCHIVE = 200_000_000
"""Bytes of an archive."""
_MAX_UNPACKED = 400_000_000
_MAX_ENTRIES = 2000
_STEP = 1 << 16
_LEADS_OUT = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|[\x00-\x1f]")
_HINT = "get the file again from where it came from"
_DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)
"""What Python's reader raises over archives that are damaged, encrypted or packed in ways it does not know."""


def read_card(path: Path) -> bytes:
    """The JSON of the card in an archive.

    Args:
        path: The archive.

    Raises:
        InputError: It is no such archive, damaged, encrypted, too large, or holds names that lead out of it.
    """
    with _opened(path) as archive, archive.open(CARD) as stream:
        raw = stream.read(MAX_BYTES + 1)
    return raw


def picture(path: Path, data: Object) -> bytes | None:
    """The portrait in an archive: its main icon, else the first; None if it has none of at most 40 MB.

    Args:
        path: The archive.
        data: The card's `data`.

    Raises:
        InputError: As `read_card`.
    """
    icons = [asset for asset in objects_of(data, "assets") if text_of(asset, "type") == "icon"]
    icons.sort(key=lambda asset: text_of(asset, "name") != "main")
    with _opened(path) as archive:
        names = set(archive.namelist())
        for asset in icons:
            name = text_of(asset, "uri").removeprefix(EMBEDDED)
            if name in names and archive.getinfo(name).file_size <= MAX_FILE:
                return archive.read(name)
    return None


def write(target: Path, card: bytes, *, base: Path | None, icon: tuple[str, bytes] | None = None) -> None:
    """Write an archive.

    Args:
        target: The file to write.
        card: The JSON of the card.
        base: An archive whose other files are taken over.
        icon: A picture to add, with its name in the archive.

    Raises:
        InputError: As `read_card`, over `base`.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(_entry(CARD, zipfile.ZIP_DEFLATED), card)
        if icon is not None:
            out.writestr(_entry(icon[0], zipfile.ZIP_STORED), icon[1])
        if base is None:
            return
        with _opened(base) as archive:
            left, written = _MAX_UNPACKED, set(out.namelist())
            for info in archive.infolist():
                if info.filename in written or info.is_dir():
                    continue
                written.add(info.filename)
                entry = _entry(info.filename, info.compress_type)
                with archive.open(info) as source, out.open(entry, "w", force_zip64=True) as stream:
                    left = _copied(source, stream, left, base)


def _copied(source: IO[bytes], target: IO[bytes], left: int, base: Path) -> int:
    while part := source.read(_STEP):
        left -= len(part)
        if left < 0:
            raise _too_large(base)
        target.write(part)
    return left


def _entry(name: str, packing: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # dated 1980, so that the same card gives the same file
    info.compress_type = packing
    return info


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        if path.stat().st_size > MAX_ARCHIVE:
            raise _too_large(path)
        with zipfile.ZipFile(path) as archive:
            _check(archive, path)
            yield archive
    except _DAMAGE as error:
        raise InputError(f"{path} is damaged, or not a .charx archive ({error}).", hint=_HINT) from error


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise InputError(f"{path} holds more than {_MAX_ENTRIES} files.", hint=_HINT)
    if sum(entry.file_size for entry in entries) > _MAX_UNPACKED:
        raise _too_large(path)
    names = [entry.filename for entry in entries]
    if leading := [name for name in names if _LEADS_OUT.search(name)]:
        shown = leading[0].encode("unicode_escape").decode()[:80]
        raise InputError(f"{path} holds a file whose name leads out of it: {shown}.", hint="do not trust this archive")
    if names.count(CARD) != 1:
        raise InputError(f"{path} holds {'several' if CARD in names else 'no'} {CARD}.", hint=_HINT)
    if any(entry.flag_bits & 1 for entry in entries):
        raise InputError(f"{path} is encrypted.", hint="unpack it and pack it again without a password")


def _too_large(path: Path) -> InputError:
    packed, unpacked = MAX_ARCHIVE // 1_000_000, _MAX_UNPACKED // 1_000_000
    message = f"{path} is too large: an archive may have {packed} MB, and {unpacked} MB unpacked."
    return InputError(message, hint="leave out large pictures and sounds")
