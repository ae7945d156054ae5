"""How one game gets its messages: audio at the rate and in the form that it asked for in `hello`."""

import json
import struct
from dataclasses import replace
from typing import Any, Literal

import anyio.to_thread

from npc_runtime.events import Event, SpeechAudio, SpeechStop, to_wire
from npc_runtime.server.audio_files import AudioFiles

Form = Literal["binary", "base64", "file", "device", "none"]


def text_frame(event: Event, seq: int, *, audio: Literal["base64", "omit"] = "base64") -> str:
    """A message as JSON text."""
    return json.dumps(to_wire(event, seq, audio=audio), ensure_ascii=False, separators=(",", ":"))


class Delivery:
    """Forms the messages of one session.

    Args:
        form: `binary`: frames of header length, header and PCM; `base64`: inside the JSON; `file`: a WAV per clause;
            `device`: the runtime plays it, the game is only told when; `none`: no audio and no `speech.audio`.
        rate: Samples per second that the game wants; None: as they are.
        session: Id of the session, for the names of files.
        files: Where files go.
    """

    def __init__(self, form: Form, rate: int | None, *, session: str, files: AudioFiles) -> None:
        self._form: Form = form
        self._rate = rate
        self._session = session
        self._files = files
        self._resampler: _Resampler | None = None
        self._clause: list[SpeechAudio] = []

    async def prepare(self, event: Event) -> Event | None:
        """The message that the game gets for an event; None if it gets none, or not yet.

        Raises:
            OutputError: A file cannot be written.
        """
        if isinstance(event, SpeechStop):
            self._resampler = None
            self._clause.clear()
        if not isinstance(event, SpeechAudio):
            return event
        if self._form == "none":
            return None
        piece = event if self._rate in (None, event.rate) else self._resampled(event, self._rate or event.rate)
        if self._form == "file":
            return await self._file(piece)
        if self._form == "device":
            return replace(piece, pcm=b"")
        return piece if piece.pcm or piece.last else None

    def frame(self, event: Event, seq: int) -> str | bytes:
        """A message as it travels: JSON text, or for audio perhaps a binary frame."""
        if not isinstance(event, SpeechAudio) or self._form != "binary":
            return text_frame(event, seq)
        header = text_frame(event, seq, audio="omit").encode()
        return struct.pack("<I", len(header)) + header + event.pcm

    def _resampled(self, piece: SpeechAudio, rate: int) -> SpeechAudio:
        if self._resampler is None or not self._resampler.continues(piece):
            self._resampler = _Resampler(piece, rate)
        return self._resampler.run(piece)

    async def _file(self, piece: SpeechAudio) -> SpeechAudio | None:
        """One file per clause: games that play files cannot join pieces without a gap."""
        if self._clause and (self._clause[0].turn, self._clause[0].clause) != (piece.turn, piece.clause):
            self._clause.clear()
        self._clause.append(piece)
        if not piece.last:
            return None
        first, pcm = self._clause[0], b"".join(each.pcm for each in self._clause)
        self._clause.clear()
        name = f"{self._session}-{piece.turn:04d}-{piece.clause:03d}"
        path = await anyio.to_thread.run_sync(self._files.write, name, pcm, piece.rate)
        return replace(piece, start_ms=first.start_ms, pcm=b"", path=str(path))


class _Resampler:
    """One clause at another rate. The filter runs on from piece to piece, so that there is no click between them."""

    def __init__(self, first: SpeechAudio, rate: int) -> None:
        import soxr

        self._first = first
        self._rate = rate
        self._made = 0
        # To whole numbers soxr adds noise that is another one every time; the same words are to be the same bytes.
        self._stream: Any = soxr.ResampleStream(first.rate, rate, 1, dtype="float32")

    def continues(self, piece: SpeechAudio) -> bool:
        """Whether a piece belongs to this clause."""
        first = self._first
        return (first.turn, first.clause, first.rate) == (piece.turn, piece.clause, piece.rate)

    def run(self, piece: SpeechAudio) -> SpeechAudio:
        """The next piece, which may be empty; what the filter holds back comes with the last."""
        import numpy as np

        samples = np.frombuffer(piece.pcm, dtype="<i2").astype(np.float32)
        out = np.clip(np.rint(self._stream.resample_chunk(samples, last=piece.last)), -32768, 32767)
        start_ms = round(self._first.start_ms + self._made * 1000 / self._rate, 3)
        self._made += len(out)
        return replace(piece, rate=self._rate, start_ms=start_ms, pcm=out.astype("<i2").tobytes())
