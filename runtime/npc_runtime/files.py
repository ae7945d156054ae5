"""Files that are either whole or not there."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from npc_runtime.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file beside its place and move it there when it is complete.

    Args:
        path: The file to write; its folder is made if it is not there. An older file stays whole until then.

    Yields:
        Where to write to. Nothing is left of it when the block fails.

    Raises:
        OutputError: The folder cannot be written to, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            os.replace(part, path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The failure of writing to a place, in words for the person who chose it."""
    if error.errno == errno.ENOSPC:
        hint = "free some space, or choose another disk"
        return OutputError(f"The disk is full: {path} cannot be written.", hint=hint)
    reason = error.strerror or str(error)
    return OutputError(f"Cannot write {path}: {reason}.", hint="choose a folder that you may write to")
