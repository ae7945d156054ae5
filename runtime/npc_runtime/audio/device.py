"""Sound devices: PortAudio, loaded when it is first needed, and what is wrong when there is none."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from npc_runtime.errors import MissingPackageError, SetupError

Direction = Literal["input", "output"]

PORTAUDIO_FIX = "on Debian or Ubuntu: sudo apt install libportaudio2; on Fedora: sudo dnf install portaudio"
"""Elsewhere it comes with the package sounddevice."""

_NONE = {"input": "There is no microphone.", "output": "There are no speakers."}
_NAMES = {"input": "microphone", "output": "speakers"}


def portaudio() -> Any:
    """The module `sounddevice`.

    Raises:
        MissingPackageError: It or PortAudio is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except ModuleNotFoundError:
        message = "The Python package sounddevice is not installed."
        raise MissingPackageError(message, hint="pip install sounddevice") from None
    except OSError:
        raise MissingPackageError("PortAudio is not installed: there is no sound.", hint=PORTAUDIO_FIX) from None


def own_rate(direction: Direction) -> int:
    """Samples per second of the device that the system's settings name, which it takes without conversion.

    Raises:
        SetupError: There is no such device.
    """
    library = portaudio()
    try:
        device = library.query_devices(kind=direction)
    except (library.PortAudioError, ValueError):
        hint = "plug one in, and choose it in the system's sound settings"
        raise SetupError(_NONE[direction], hint=hint, code="no_device") from None
    return int(device["default_samplerate"])


@contextmanager
def opening(direction: Direction) -> Iterator[None]:
    """Say in words why a device cannot be opened.

    Raises:
        SetupError: It cannot.
    """
    library = portaudio()
    try:
        yield
    except (library.PortAudioError, ValueError) as error:
        name = _NAMES[direction]
        hint = f"close other programs that use the {name}, or choose others in the system's sound settings"
        raise SetupError(f"The {name} cannot be opened: {_reason(error)}.", hint=hint, code="no_device") from error


def _reason(error: Exception) -> str:
    """What PortAudio says, on one line and without its numbers."""
    return str(error.args[0] if error.args else error).partition("[")[0].partition("\n")[0].strip().rstrip(".")
