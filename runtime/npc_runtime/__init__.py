"""npc-runtime: living characters for any moddable game, on the player's own machine."""

import os
from importlib.metadata import PackageNotFoundError, version

# onnxruntime reports usage to its maker unless this is set before it is loaded. Nothing leaves the player's machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("npc-runtime")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
