"""The files of one exchange: `events.jsonl`, `reply.wav`, `visemes.json`, `report.html`."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from npc_runtime import events
from npc_runtime.files import cannot_write, whole_file
from npc_runtime.speech import Samples
from npc_runtime.tts.wav import write_wav

_SILENCE_RATE = 22_050
_FULL_SCALE = np.float32(32767)
"""As in `tts.wav`, so that the file holds the very samples that were sent."""

Report = Callable[[Path, Sequence[dict[str, Any]], bytes], None]


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """Make the output folder, and find out before any work is done whether it can be written to.

    Args:
        folder: Where the files will go. A folder that was made here goes again if the block fails and left it empty.

    Raises:
        OutputError: It cannot.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield folder
    except BaseException:
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise


def reply_audio(said: Sequence[events.Event]) -> tuple[Samples, int]:
    """The sound of the whole reply.

    Returns:
        Samples, shape (n,), and their rate in Hz: that of the first voice, should several have spoken.
    """
    pieces = [event for event in said if isinstance(event, events.SpeechAudio)]
    rate = pieces[0].rate if pieces else _SILENCE_RATE
    sound = [np.zeros(0, np.float32)]
    for own, together in groupby(pieces, key=lambda piece: piece.rate):
        pcm = b"".join(piece.pcm for piece in together)
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / _FULL_SCALE
        sound.append(samples if own == rate else _resampled(samples, own, rate))
    return np.concatenate(sound), rate


def _resampled(samples: Samples, own: int, rate: int) -> Samples:
    import soxr

    resampled: Samples = soxr.resample(samples, own, rate)
    return resampled


def write(folder: Path, said: Sequence[events.Event], *, report: Report) -> list[Path]:
    """Write the four files, each whole or not at all.

    Args:
        folder: From `prepared`.
        said: The events of the exchange, in order.
        report: Writes the report: path, messages, WAV file of the reply.

    Raises:
        OutputError: A file cannot be written.
    """
    audio, rate = reply_audio(said)
    wire = [events.to_wire(event, seq) for seq, event in enumerate(said, start=1)]
    paths = [folder / name for name in ("events.jsonl", "reply.wav", "visemes.json", "report.html")]
    _write_text(paths[0], "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in wire))
    write_wav(paths[1], audio, rate)
    _write_text(paths[2], json.dumps(_visemes(said, len(audio) * 1000 / rate), ensure_ascii=False) + "\n")
    report(paths[3], wire, paths[1].read_bytes())
    return paths


def _visemes(said: Sequence[events.Event], duration_ms: float) -> dict[str, Any]:
    tracks = [event for event in said if isinstance(event, events.Visemes)]
    return {
        "audio": "reply.wav",
        "duration_ms": round(duration_ms, 3),
        "set": tracks[0].set if tracks else "oculus",
        "timing": tracks[0].timing if tracks else "exact",
        "frames": [list(frame) for track in tracks for frame in track.frames],
    }


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
