"""The cache folder: where pulled models lie, and how failures to write there are told."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npc_runtime.errors import OutputError
from npc_runtime.models.registry import ModelEntry, megabytes


def model_folder(cache: Path, model_id: str) -> Path:
    """Where a pulled model lies."""
    return cache / "models" / model_id


def downloads_folder(cache: Path) -> Path:
    """Where unfinished downloads wait for the next attempt."""
    return cache / "downloads"


def own_registry(cache: Path) -> Path:
    """The registry file in which a person may add models."""
    return cache / "models.toml"


def has_files(folder: Path, entry: ModelEntry) -> bool:
    """Whether every file is there with the right size; the content is not looked at."""
    return all(size_of(folder / file.name) == file.size for file in entry.files)


def size_of(path: Path) -> int:
    """Bytes of a file; -1 if there is none."""
    try:
        return path.stat().st_size if path.is_file() else -1
    except OSError:
        return -1


@contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Turn failures of the file system inside the block into `OutputError`.

    Args:
        folder: Where the block writes; named in the message.
        what: What is being written, such as `the model whisper-base`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(
                f"the disk of {folder} is full: {what} could not be written",
                hint="free some space and run the same command again",
            ) from error
        raise OutputError(
            f"cannot write {what} to {folder}: {error.strerror or error}",
            hint="check that the folder exists and may be written to, or choose another one for the cache",
        ) from error


def make_room(folder: Path, size: int, what: str) -> None:
    """Create a folder and check that its disk has room.

    Args:
        folder: The folder to create.
        size: Bytes that will be written.
        what: What will be written.

    Raises:
        OutputError: The folder cannot be created, or its disk has too little room.
    """
    with writing(folder, what):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if free < size:
        raise OutputError(
            f"the disk of {folder} has {megabytes(free)} free, and {what} needs {megabytes(size)}",
            hint="free some space, or choose a cache folder on another disk",
        )


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one step.

    Raises:
        OSError: The file system refuses; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
