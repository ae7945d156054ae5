"""The second engine: llama-cpp-python behind the same OpenAI-compatible completions endpoint.

One sequence, so one request at a time: a request that comes while another runs waits until that one is done or its
client is gone.
"""

import importlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npc_runtime.llm.child import ChildConfig

_BATCH = 128
_STEP = 256
"""Prompt tokens read between two looks at whether the client is still there."""


def serve(config: "ChildConfig") -> str:
    """Start serving in a thread.

    Returns:
        The server's address.

    Raises:
        Exception: Whatever the engine says about the model.
    """
    llama_cpp: Any = importlib.import_module("llama_cpp")
    llama = llama_cpp.Llama(
        config.model,
        n_ctx=config.context,
        n_batch=_BATCH,
        n_ubatch=_BATCH,
        n_threads=config.threads,
        n_threads_batch=config.batch_threads,
        n_gpu_layers=config.gpu_layers,
        chat_format="chatml",
        verbose=False,
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Engine(llama), config.api_key))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class _Engine:
    """One model, used by one request at a time."""

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        self._turn = threading.Lock()
        self._grammars: dict[str, Any] = {}

    def tokens(self, body: dict[str, Any]) -> list[int]:
        """The tokens of some texts, as the server of llama.cpp gives them: what is no text stands as it is."""
        tokens: list[int] = []
        for part in body["content"]:
            plain = (
                self._llama.tokenize(part.encode(), add_bos=False, special=False) if isinstance(part, str) else [part]
            )
            tokens += plain
        return tokens

    def complete(self, body: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """The chunks of a completion, as the OpenAI API words them.

        Args:
            body: The request.
            gone: Whether the client has left.
        """
        llama_cpp: Any = importlib.import_module("llama_cpp")
        grammar = body.get("grammar")
        if grammar and grammar not in self._grammars:
            self._grammars = {grammar: llama_cpp.LlamaGrammar.from_string(grammar, verbose=False)}
        prompt = self._llama.tokenize(str(body["prompt"]).encode(), add_bos=False, special=True)
        with self._turn:
            # Reading a prompt cannot be interrupted, so a long one is read in steps: what one step has read, the next
            # finds in the engine's cache.
            for end in range(_STEP, len(prompt), _STEP):
                if gone():
                    return
                next(self._llama.generate(prompt[:end]))
            written = 0
            finish = None
            for chunk in self._llama.create_completion(
                prompt,
                max_tokens=int(body.get("max_tokens", 160)),
                temperature=float(body.get("temperature", 0.6)),
                top_p=float(body.get("top_p", 0.95)),
                min_p=float(body.get("min_p", 0.05)),
                repeat_penalty=float(body.get("repeat_penalty", 1.0)),
                seed=body.get("seed"),
                grammar=self._grammars.get(grammar) if grammar else None,
                stream=True,
            ):
                choice = chunk["choices"][0]
                written += bool(choice["text"])
                finish = choice.get("finish_reason") or finish
                yield _chunk(choice["text"], None)
            yield _chunk("", finish or "stop")
            yield _chunk("", None, usage={"prompt_tokens": len(prompt), "completion_tokens": written})


def _chunk(text: str, finish: str | None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    chunk: dict[str, Any] = {"id": "cmpl", "object": "text_completion", "created": int(time.time()), "model": "local"}
    chunk["choices"] = [] if usage else [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]
    if usage:
        chunk["usage"] = usage | {"total_tokens": sum(usage.values())}
    return chunk


def _handler(engine: _Engine, api_key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._allowed():
                self._send(200, {"status": "ok"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self._allowed():
                return
            if self.path == "/tokenize":
                self._send(200, {"tokens": engine.tokens(json.loads(body))})
                return
            if self.path != "/v1/completions":
                self._send(404, {"error": {"message": "no such endpoint"}})
                return
            chunks = engine.complete(json.loads(body), self._gone)
            try:
                first = next(chunks)
            except StopIteration:
                self.close_connection = True
                return
            except Exception as error:
                self._send(400, {"error": {"message": str(error)}})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                self._event(json.dumps(first))
                for chunk in chunks:
                    self._event(json.dumps(chunk))
                self._event("[DONE]")
            except OSError:
                chunks.close()  # type: ignore[attr-defined]  # the client is gone: a generator frees the engine at once

        def _gone(self) -> bool:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

        def _allowed(self) -> bool:
            if self.headers.get("Authorization") == f"Bearer {api_key}":
                return True
            self._send(401, {"error": {"message": "wrong key"}})
            return False

        def _event(self, data: str) -> None:
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: prompts are private."""

    return Handler
