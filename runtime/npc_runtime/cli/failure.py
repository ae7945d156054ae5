"""Whatever went wrong, as one failure that a person can act on."""

import errno

from npc_runtime.errors import MissingPackageError, NpcError, OutputError

_PACKAGES = {
    "faster_whisper": "faster-whisper",
    "huggingface_hub": "huggingface-hub",
    "piper": "piper-tts",
    "pypi_simple": "pypi-simple",
    "ruamel": "ruamel.yaml",
}
"""Packages by module, where the two names differ."""


def package(module: str) -> str:
    """Name of the package that brings a module: what `pip install` wants to hear.

    Args:
        module: Name of a module, with or without the modules inside it.
    """
    top = module.partition(".")[0]
    return _PACKAGES.get(top, top)


def readable(error: BaseException) -> NpcError:
    """The failure that a person can act on, wherever in a group of failures it is."""
    if isinstance(error, NpcError):
        return error
    if isinstance(error, BaseExceptionGroup):
        inner = [readable(nested) for nested in error.exceptions]
        return next((failure for failure in inner if failure.code != "internal"), inner[0])
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("npc_runtime"):
        name = package(error.name)
        return MissingPackageError(f"The Python package {name} is not installed.", hint=f"pip install {name}")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = f": {error.filename} cannot be written" if error.filename else ""
        return OutputError(f"The disk is full{where}.", hint="free some space, or choose another disk")
    return NpcError(
        f"Something unexpected went wrong: {type(error).__name__}: {error}",
        hint="run the same command with --debug and report what it prints",
        code="internal",
    )
