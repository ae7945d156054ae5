"""Is it the right file? Its sha256, computed once per change of the file and remembered in the cache folder."""

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npc_runtime.errors import ModelError
from npc_runtime.models.registry import Blob
from npc_runtime.models.store import write_atomically


def sha256_of(path: Path) -> str:
    """Hash of a file's content, in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    return hash_of(path, "sha256")


def hash_of(path: Path, algorithm: str) -> str:
    """The same by another algorithm, named as `hashlib` names it.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Hashes that were computed before, by path, size and time of the last change."""

    cache: Path
    """The cache folder; if it cannot be written to, nothing is remembered."""

    @property
    def file(self) -> Path:
        """Where the hashes are remembered."""
        return self.cache / "verified.json"

    def sha256(self, path: Path, *, force: bool = False) -> str:
        """Hash of a file, remembered if the file has not changed since.

        Args:
            path: The file.
            force: Compute the hash even if it is remembered.

        Raises:
            OSError: The file cannot be read.
        """
        path = path.resolve()
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = self._load()
        if not force and (row := known.get(str(path))) and row[:2] == stamp:
            return str(row[2])
        digest = sha256_of(path)
        self._remember(str(path), [*stamp, digest])
        return digest

    def check(self, path: Path, expected: Blob, *, hint: str, force: bool = False) -> None:
        """Make sure that a file is the one that is meant.

        Args:
            path: The file.
            expected: Its size and hash.
            hint: What to do if it is another one.
            force: Compute the hash even if it is remembered.

        Raises:
            ModelError: The file is missing, cannot be read, or is another one.
        """
        try:
            size = path.stat().st_size
            if size != expected.size:
                raise ModelError(
                    f"{path} is damaged or not the right file: {size} bytes where {expected.size} are expected",
                    hint=hint,
                )
            digest = self.sha256(path, force=force)
        except OSError as error:
            raise ModelError(f"cannot read the model file {path}: {error.strerror or error}", hint=hint) from error
        if digest != expected.sha256:
            raise ModelError(
                f"{path} is damaged or not the right file: "
                f"sha256 {digest[:12]}… where {expected.sha256[:12]}… is expected",
                hint=hint,
            )

    def _load(self) -> dict[str, list[Any]]:
        try:
            data = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {path: row for path, row in data.items() if isinstance(row, list) and len(row) == 3}

    def _remember(self, path: str, row: list[Any]) -> None:
        known = {old: kept for old, kept in self._load().items() if Path(old).is_file()} | {path: row}
        # A cache that cannot be written to costs a second hash next time, nothing else.
        with contextlib.suppress(OSError):
            self.cache.mkdir(parents=True, exist_ok=True)
            write_atomically(self.file, json.dumps(known, indent=0).encode())
