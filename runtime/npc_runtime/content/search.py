"""The files that a person means by paths: files, and folders with everything below them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from npc_runtime.config import FILE_NAME
from npc_runtime.content.content_file import KINDS, Kind, is_content
from npc_runtime.errors import InputError


def content_files(paths: Sequence[Path], kinds: Sequence[Kind] = KINDS) -> list[Path]:
    """Every content file of some kinds, each once, in order.

    A file that is named itself counts whatever folder it is in.

    Args:
        paths: Files, or folders that are searched with everything below them.
        kinds: What is looked for in folders.

    Raises:
        InputError: A path does not exist.
    """
    found = (file for path in paths for file in _below(path) if file == path or _is_of(file, kinds))
    return list(dict.fromkeys(file for file in found if file.name != FILE_NAME))


def settings_files(paths: Sequence[Path]) -> list[Path]:
    """Every settings file, each once, in order; see `content_files`."""
    return list(dict.fromkeys(file for path in paths for file in _below(path) if file.name == FILE_NAME))


def _below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise InputError(f"{path} does not exist.", hint="check the spelling, or the folder you are in")
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            yield Path(folder, name)


def _is_of(file: Path, kinds: Sequence[Kind]) -> bool:
    return Path(os.path.abspath(file)).parent.name in kinds and is_content(file)
