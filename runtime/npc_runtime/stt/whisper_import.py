"""The one place where faster-whisper is imported.

Its package imports `av` (FFmpeg, about 100 MB) at the top, only to decode files. Sound files are decoded elsewhere here
and `av` is left out of the installation, so an empty module takes its name while faster-whisper is imported. Where the
real `av` is installed, it is used.
"""

import importlib
import importlib.util
import sys
import threading
from types import ModuleType

from npc_runtime.errors import MissingPackageError

_lock = threading.Lock()


def faster_whisper() -> ModuleType:
    """The `faster_whisper.transcribe` module.

    Raises:
        MissingPackageError: faster-whisper or something it needs is not installed or does not load.
    """
    with _lock:
        missing = "av" not in sys.modules and importlib.util.find_spec("av") is None
        if missing:
            sys.modules["av"] = ModuleType("av", "Stands in for PyAV, which is not installed.")
        try:
            return importlib.import_module("faster_whisper.transcribe")
        except (ImportError, OSError) as error:
            raise MissingPackageError(
                f"Speech cannot be recognised: faster-whisper does not load ({error}).",
                hint="Install it: pip install faster-whisper",
            ) from error
        finally:
            if missing:
                del sys.modules["av"]
