"""A model in the cache, made from pieces: copied, joined and checked in a side folder, then moved in place."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from npc_runtime.errors import ModelError
from npc_runtime.lock import held
from npc_runtime.models.registry import Blob, ModelEntry, ModelFile
from npc_runtime.models.store import downloads_folder, model_folder, writing

OpenPiece = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens a piece by its name; raises `ModelError` if the source does not have it."""

_BLOCK = 1 << 20


@contextmanager
def exclusive(entry: ModelEntry, cache: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Be the only process that changes this model in the cache.

    Raises:
        OutputError: The cache cannot be written to.
    """
    folder = downloads_folder(cache)
    with ExitStack() as stack:
        with writing(folder, f"the model {entry.id}"):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / f"{entry.id}.lock", on_wait=on_wait))
        yield


@contextmanager
def staging(entry: ModelEntry, cache: Path) -> Iterator[Path]:
    """A side folder whose files move to the model's folder when the block ends well, and vanish otherwise.

    Call it inside `exclusive`.

    Raises:
        OutputError: The cache cannot be written to.
    """
    target = model_folder(cache, entry.id)
    with writing(target, f"the model {entry.id}"):
        # Whoever was killed in here before held the lock that is ours now, so its side folder is nobody's.
        for left in target.parent.glob(f".{entry.id}~*"):
            shutil.rmtree(left, ignore_errors=True)
        side = target.parent / f".{entry.id}~{uuid.uuid4().hex[:8]}"
        side.mkdir(parents=True)
    try:
        yield side
        with writing(target, f"the model {entry.id}"):
            for file in entry.files:
                (target / file.name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(side / file.name, target / file.name)
    finally:
        shutil.rmtree(side, ignore_errors=True)


def assemble(entry: ModelEntry, side: Path, open_piece: OpenPiece) -> None:
    """Write every file of a model into a folder from its pieces, checking size and hash of pieces and files.

    Args:
        entry: The model.
        side: The folder.
        open_piece: Where the pieces come from.

    Raises:
        ModelError: A piece is missing or is not what the registry says.
        OutputError: The folder cannot be written to.
    """
    for file in entry.files:
        with writing(side, f"the model {entry.id}"):
            path = side / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                _join(file, target, open_piece)


def _join(file: ModelFile, target: BinaryIO, open_piece: OpenPiece) -> None:
    whole = hashlib.sha256()
    for piece in file.pieces:
        own = hashlib.sha256()
        left = piece.size
        with open_piece(piece.name) as source:
            # One byte more than declared is asked for, so that a longer piece is noticed and never written out.
            while block := source.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                own.update(block)
                whole.update(block)
                target.write(block)
        _compare(piece, own.hexdigest(), left)
    _compare(file, whole.hexdigest(), 0)


def _compare(expected: Blob, digest: str, left: int) -> None:
    if left:
        raise ModelError(
            f"{expected.name} is {'longer' if left < 0 else 'shorter'} than the {expected.size} bytes it should have",
            hint="install or download the model again",
        )
    if digest != expected.sha256:
        raise ModelError(
            f"{expected.name} is not the right file: sha256 {digest[:12]}… where {expected.sha256[:12]}… is expected",
            hint="install or download the model again",
        )
