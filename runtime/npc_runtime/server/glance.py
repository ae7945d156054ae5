"""Whether something in the file system may have changed: a question that is cheap enough to be asked all the time."""

import math
import os
from pathlib import Path

_COARSE_SECONDS = 2.5
"""Some file systems count the time of changes in steps of 2 s: another change may be in the same step."""


class Glance:
    """Looks at the time of change of one file or folder.

    Args:
        path: It need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)
        self._sign: tuple[int, int] | None = None
        self._until = -math.inf

    def due(self, now: float) -> bool:
        """Whether a closer look is worth it.

        Args:
            now: Seconds of a clock that never goes back.
        """
        try:
            found = os.stat(self._path)
            sign: tuple[int, int] | None = (found.st_mtime_ns, found.st_size)
        except OSError:
            sign = None
        if sign != self._sign:
            self._sign = sign
            self._until = now + _COARSE_SECONDS
        return now < self._until
