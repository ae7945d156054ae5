"""npc-runtime: living characters for any moddable game, on the player's own machine."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("npc-runtime")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
