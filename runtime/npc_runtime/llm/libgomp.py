"""A stand-in for a missing libgomp: the engine's prebuilt library needs the system's one, and bare systems have none.

Another package that is installed anyway carries a libgomp of its own, under a name that the loader does not look for.
"""

import ctypes
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_NAME = "libgomp.so.1"
_CARRIER = "ctranslate2"


def environment(folder: Path) -> Mapping[str, str]:
    """What to add to the environment of a process that needs libgomp.

    Args:
        folder: An empty folder that lives as long as the process.

    Returns:
        Nothing where the system has libgomp, or where none can be found: the engine will then say so itself.
    """
    if not sys.platform.startswith("linux") or _installed():
        return {}
    carried = _carried()
    if carried is None:
        return {}
    (folder / _NAME).symlink_to(carried)
    paths = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
    return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, paths))}


def _installed() -> bool:
    try:
        ctypes.CDLL(_NAME)
    except OSError:
        return False
    return True


def _carried() -> Path | None:
    spec = importlib.util.find_spec(_CARRIER)
    for root in (spec.submodule_search_locations if spec else None) or ():
        for library in sorted(Path(root).parent.glob(f"{_CARRIER}.libs/libgomp*")):
            return library
    return None
