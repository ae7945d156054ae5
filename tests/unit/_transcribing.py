"""A transcription service on this machine, with the form and the answers of OpenAI's interface."""

import email
import email.policy
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import soundfile

from npc_runtime.speech import Samples


@dataclass
class Asked:
    """One request."""

    path: str
    key: str
    form: dict[str, str]
    audio: Samples
    rate: int


@dataclass
class Service:
    """A service that runs."""

    url: str
    asked: list[Asked] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler, Asked], None]


@contextmanager
def transcribing(answer: Answer) -> Iterator[Service]:
    """Serve on a free port of this machine; `answer` writes what each request gets."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
            form: dict[str, str] = {}
            audio, rate = np.zeros(0, np.float32), 0
            for part in message.iter_parts():
                name = str(part.get_param("name", header="content-disposition"))
                data = part.get_payload(decode=True)
                assert isinstance(data, bytes)
                if name == "file":
                    audio, rate = soundfile.read(io.BytesIO(data), dtype="float32")
                else:
                    form[name] = data.decode()
            asked = Asked(self.path, self.headers.get("Authorization", ""), form, audio, rate)
            service.asked.append(asked)
            answer(self, asked)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the other side may leave whenever it likes

    with Server(("127.0.0.1", 0), Handler) as server:
        service = Service(f"http://127.0.0.1:{server.server_address[1]}/v1")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def reply(
    handler: BaseHTTPRequestHandler, data: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()
) -> None:
    """Write one whole answer: JSON, or bytes as they are."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    handler.send_response(status)
    for name, value in headers or [("Content-Type", "application/json")]:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def verbose(text: str, *, logprob: float = -0.2, no_speech: float = 0.02) -> dict[str, Any]:
    """An answer in the long form, with one segment."""
    segment = {"id": 0, "start": 0.0, "end": 2.0, "text": f" {text}", "avg_logprob": logprob}
    segment |= {"compression_ratio": 1.1, "no_speech_prob": no_speech, "temperature": 0.0, "tokens": [1, 2]}
    return {"task": "transcribe", "language": "english", "duration": 2.0, "text": text, "segments": [segment]}
