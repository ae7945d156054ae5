"""A speech service of the documented shapes that really speaks, with espeak, and misbehaves on demand."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from npc_runtime.tts.espeak_library import EspeakManner, espeak_library

Form = Literal["wav", "streamed wav", "pcm", "flac"]


@dataclass
class Service:
    """What the server does, and what it was asked."""

    url: str = ""
    form: Form = "wav"
    rate: int = 24_000
    channels: int = 1
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the answer, and again in the middle of it."""
    body: bytes | None = None
    """Sent instead of sound."""
    media_type: str = ""
    """Said instead of the right one."""
    cut: int = 0
    """Bytes that are missing at the end though they were announced."""
    alignment: Any = None
    """Sent instead of the right one."""
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


def spoken(text: str, language: str, rate: int) -> tuple[NDArray[np.int16], list[tuple[float, str]]]:
    """The sound of a text, and when each word of it begins."""
    library = espeak_library()
    speech = library.speak(text, library.voices[language], EspeakManner())
    assert speech is not None
    audio = soxr.resample(speech.audio, library.rate, rate).astype(np.int16)
    starts = [phone.start / library.rate for phone in speech.phones if phone.word]
    return audio, list(zip(starts, text.split(), strict=False))


def aligned(text: str, audio: NDArray[np.int16], words: list[tuple[float, str]], rate: int) -> dict[str, list[Any]]:
    """Characters with times, as the service tells them: even within a word."""
    assert len(words) == len(text.split())
    ends = [start for start, _ in words[1:]] + [len(audio) / rate - 0.1]
    characters: list[str] = []
    starts: list[float] = []
    for (start, word), end in zip(words, ends, strict=True):
        step = (end - start) / (len(word) + 1)
        characters += [*word, " "]
        starts += [round(start + step * at, 3) for at in range(len(word) + 1)]
    return {
        "characters": characters,
        "character_start_times_seconds": starts,
        "character_end_times_seconds": [*starts[1:], round(ends[-1], 3)],
    }


def wav(audio: NDArray[np.int16], rate: int, channels: int, *, length: int | None = None) -> bytes:
    data = np.repeat(audio, channels).tobytes()
    size = len(data) if length is None else length
    form = b"".join(n.to_bytes(w, "little") for n, w in ((1, 2), (channels, 2), (rate, 4), (rate * channels * 2, 4), (channels * 2, 2), (16, 2)))  # fmt: skip  # noqa: E501
    size4 = size.to_bytes(4, "little")
    return b"RIFF" + size4 + b"WAVEfmt \x10\0\0\0" + form + b"LIST\x03\0\0\0abc\0data" + size4 + data


class Handler(BaseHTTPRequestHandler):
    service: Service

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_POST(self) -> None:
        service = self.service
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        service.seen.append({"path": self.path, **asked})
        service.keys.append(self.headers.get("Authorization", "") or self.headers.get("xi-api-key", ""))
        time.sleep(service.delay)
        if self.path.startswith("/v1/text-to-speech/"):
            body, kind = self.timed(asked), "application/json"
        else:
            body, kind = self.sound(asked)
        if service.body is not None:
            body = service.body
        self.send_response(service.status)
        for name, value in {"Content-Type": service.media_type or kind, **service.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        try:
            self.wfile.write(body[:half])
            self.wfile.flush()
            time.sleep(service.delay)
            self.wfile.write(body[half : len(body) - service.cut])
        except OSError:  # whoever asked has gone
            self.close_connection = True
        if service.cut:
            self.close_connection = True

    def sound(self, asked: dict[str, Any]) -> tuple[bytes, str]:
        service = self.service
        audio, _ = spoken(
            asked["input"], "de" if "language de" in asked.get("instructions", "") else "en", service.rate
        )
        if service.form == "pcm":
            return audio.tobytes() + b"\x01", f"audio/pcm;rate={service.rate}"
        if service.form == "flac":
            import io

            import soundfile

            file = io.BytesIO()
            soundfile.write(file, audio, service.rate, format="FLAC")
            return file.getvalue(), "audio/flac"
        length = 0xFFFFFFFF if service.form == "streamed wav" else None
        return wav(audio, service.rate, service.channels, length=length), "audio/wav"

    def timed(self, asked: dict[str, Any]) -> bytes:
        service = self.service
        audio, words = spoken(asked["text"], asked.get("language_code", "en"), 22_050)
        alignment = service.alignment
        if alignment is None:
            alignment = aligned(asked["text"], audio, words, 22_050)
        answer = {"audio_base64": base64.b64encode(audio.tobytes() + b"\x01").decode(), "alignment": alignment}
        return json.dumps(answer | {"normalized_alignment": alignment}).encode()


@contextmanager
def serving() -> Iterator[Service]:
    """The server, on a free port of this machine."""
    handler = type("Bound", (Handler,), {"service": Service()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        handler.service.url = f"http://127.0.0.1:{http.server_port}"  # type: ignore[attr-defined]  # set above
        try:
            yield handler.service  # type: ignore[attr-defined]  # set above
        finally:
            http.shutdown()
            thread.join()
