"""Audio as files, for games that can only play files: a bounded number of WAVs in a folder of this process."""

import shutil
import tempfile
import threading
import wave
from collections import deque
from contextlib import suppress
from pathlib import Path

from npc_runtime.errors import OutputError
from npc_runtime.files import cannot_write, whole_file


class AudioFiles:
    """A folder of sound files that is emptied at the end.

    Args:
        parent: Where to make the folder; the system's temporary folder unless given.
        keep: How many files there may be; the oldest goes first.
    """

    def __init__(self, parent: Path | None = None, *, keep: int = 512) -> None:
        self._parent = parent
        self._keep = keep
        self._folder: Path | None = None
        self._files: deque[Path] = deque()
        self._lock = threading.Lock()

    def write(self, name: str, pcm: bytes, rate: int) -> Path:
        """Write a WAV file; called in a worker thread.

        Args:
            name: File name without its ending, unique in this process.
            pcm: s16le mono.
            rate: Samples per second.

        Raises:
            OutputError: The folder cannot be written to, or the disk is full.
        """
        with self._lock:
            path = self._made() / f"{name}.wav"
            self._files.append(path)
            if len(self._files) > self._keep:
                with suppress(OSError):  # on Windows a file that is being played cannot be removed
                    self._files.popleft().unlink(missing_ok=True)
        with whole_file(path) as part, wave.open(str(part), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(pcm)
        return path

    def close(self) -> None:
        """Remove the folder."""
        with self._lock:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            self._files.clear()

    def _made(self) -> Path:
        if self._folder is None:
            try:
                if self._parent is not None:
                    self._parent.mkdir(parents=True, exist_ok=True)
                self._folder = Path(tempfile.mkdtemp(prefix="npc-runtime-", dir=self._parent))
            except OSError as error:
                raise _no_folder(self._parent, error) from error
        return self._folder


def _no_folder(parent: Path | None, error: OSError) -> OutputError:
    return cannot_write(parent or Path(tempfile.gettempdir()), error)
