"""One file over HTTP into a `.part` file: resumed where the last attempt ended, bounded, checked against its hash."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from npc_runtime.errors import ModelError, SetupError
from npc_runtime.models.network import TIMEOUT, ConnectionLostError, place, reaching, refused
from npc_runtime.models.registry import megabytes
from npc_runtime.models.store import size_of, writing
from npc_runtime.models.verify import hash_of

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes that there will be."""

_BLOCK = 1 << 15
"""Bytes; what is missing of a block when the connection breaks is lost, so blocks are small."""
_FRUITLESS = 2
"""Attempts in a row that may bring nothing before the download is given up."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on a server that is known exactly."""

    url: str = field(repr=False)
    what: str
    """What messages call it, such as `the model whisper-base`."""
    size: int
    sha256: str
    """Empty if `md5` is given."""
    settings: str
    """The variables that choose the server, for hints."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    md5: str = ""
    """Instead of the sha256, where the server tells only this."""

    @property
    def digest(self) -> str:
        """By which its content is known."""
        return self.sha256 or self.md5


def fetch(session: "requests.Session", remote: Remote, part: Path, progress: Progress | None = None) -> None:
    """Complete a `.part` file, going on from what is there.

    Broken connections are taken up again as long as each attempt brings something. An interrupted call leaves the part.

    Args:
        session: Makes the requests.
        remote: What to fetch.
        part: The file to complete; its folder exists.
        progress: Told after every block.

    Raises:
        SetupError: The server cannot be reached, refuses, or keeps breaking off.
        ModelError: What the server has is not the file that is meant.
        OutputError: The folder cannot be written to, or its disk is full; the part stays.
    """
    fruitless = 0
    while (have := max(0, size_of(part))) != remote.size:
        if have > remote.size:
            with writing(part.parent, remote.what):
                part.unlink()
            continue
        failure: SetupError | None = None
        try:
            _attempt(session, remote, part, have, progress)
        except ConnectionLostError as error:
            failure = error
        fruitless = 0 if size_of(part) > have else fruitless + 1
        if fruitless >= _FRUITLESS:
            raise failure or SetupError(
                f"{place(remote.url)} breaks off after {megabytes(have)} of {megabytes(remote.size)} of {remote.what}",
                hint="run the same command again: it goes on from there",
                code="network",
            )
    if progress:
        progress(remote.size, remote.size)
    with writing(part.parent, remote.what):
        digest = hash_of(part, "sha256" if remote.sha256 else "md5")
        if digest == remote.digest:
            return
        part.unlink()
    raise ModelError(
        f"{remote.what} arrived damaged from {place(remote.url)}: "
        f"{'sha256' if remote.sha256 else 'md5'} {digest[:12]}… where {remote.digest[:12]}… is expected",
        hint="run the same command again; if it stays so, the server or a proxy hands out another file",
    )


def _attempt(session: "requests.Session", remote: Remote, part: Path, have: int, progress: Progress | None) -> None:
    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with (
        reaching(remote.url, remote.settings),
        session.get(remote.url, headers=headers, stream=True, timeout=TIMEOUT) as response,
    ):
        resumed = response.status_code == 206 and _starts_at(response, have)
        if response.status_code == 416 or (response.status_code == 206 and not resumed):
            with writing(part.parent, remote.what):
                part.unlink(missing_ok=True)
            return
        if response.status_code not in (200, 206):
            raise refused(response.status_code, place(remote.url), remote.settings)
        start = have if resumed else 0
        _compare_length(response, remote, start)
        with writing(part.parent, remote.what), part.open("ab" if resumed else "wb") as target:
            _pour(response, remote, target, start, progress)


def _pour(
    response: "requests.Response", remote: Remote, target: BinaryIO, start: int, progress: Progress | None
) -> None:
    done = start
    # The inner `reaching` keeps broken connections, which are OSErrors too, from being taken for a failing disk.
    blocks = response.iter_content(_BLOCK)
    while True:
        with reaching(remote.url, remote.settings):
            block = next(blocks, b"")
        if not block:
            return
        done += len(block)
        if done > remote.size:
            raise _another_file(remote, "more")
        target.write(block)
        if progress:
            progress(done, remote.size)


def _starts_at(response: "requests.Response", have: int) -> bool:
    return response.headers.get("Content-Range", "").replace(" ", "").startswith(f"bytes{have}-")


def _compare_length(response: "requests.Response", remote: Remote, start: int) -> None:
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and "Content-Encoding" not in response.headers and start + int(length) != remote.size:
        raise _another_file(remote, megabytes(start + int(length)))


def _another_file(remote: Remote, found: str) -> ModelError:
    return ModelError(
        f"{place(remote.url)} has another file than {remote.what}: {found} where {megabytes(remote.size)} are expected",
        hint=f"a login page of the network looks like this, or a wrong mirror: check {remote.settings}",
    )
