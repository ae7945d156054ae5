"""Stand-ins for the model servers that people run, with the answers that their documentation shows."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Raw = Callable[[BaseHTTPRequestHandler], None]
"""Writes whatever it likes to `wfile`."""


@dataclass
class Stand:
    """A server that runs."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and `Authorization` of each request."""


@contextmanager
def serving(answers: Mapping[str, Any], *, key: str = "", missing: Any = None) -> Iterator[Stand]:
    """Serve JSON by path on a free port of this machine.

    Args:
        answers: Path → JSON, or a function that writes the answer itself.
        key: What requests must bring; others get 403.
        missing: What every other path gets; 404 if None.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "")
            stand.asked.append((self.path, given))
            if key and self.path in answers and not self.path.endswith("ping") and given != f"Bearer {key}":
                write(self, {"error": "No valid api key found."}, 403)
                return
            answer = answers.get(self.path, missing)
            if callable(answer):
                answer(self)
            elif answer is None:
                write(self, {"error": "not found"}, 404)
            else:
                write(self, answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the other side may leave whenever it likes

    with Server(("127.0.0.1", 0), Handler) as server:
        stand = Stand(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield stand
        finally:
            server.shutdown()
            thread.join()


def write(handler: BaseHTTPRequestHandler, answer: Any, status: int = 200, kind: str = "application/json") -> None:
    """Write one whole answer: JSON, or bytes as they are."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def listing(*ids: str, **more: Any) -> dict[str, Any]:
    """The list of models as OpenAI's interface has it."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": 1, **more} for name in ids]}


def tag(name: str, size: str, file: int, **more: Any) -> dict[str, Any]:
    """One model of Ollama's list."""
    details = {"format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": size}
    return {"name": name, "model": name, "size": file, "digest": "ab" * 32, "details": details, **more}


OLLAMA: dict[str, Any] = {
    "/api/version": {"version": "0.12.6"},
    "/api/tags": {
        "models": [
            tag("llama3.1:8b", "8.0B", 4_920_753_328),
            tag("qwen2.5:0.5b", "494.03M", 397_821_319),
            tag("nomic-embed-text:latest", "137M", 274_302_450),
            tag("gpt-oss:120b-cloud", "116.8B", 384, remote_host="https://ollama.com:443", remote_model="gpt-oss:120b"),
        ]
    },
    "/api/ps": {
        "models": [tag("qwen2.5:0.5b", "494.03M", 891_000_000, context_length=4096, expires_at="2026-01-01T00:00:00Z")]
    },
    "/v1/models": listing("llama3.1:8b", "qwen2.5:0.5b", owned_by="library"),
}
LM_STUDIO: dict[str, Any] = {
    "/api/v0/models": {
        "object": "list",
        "data": [
            {"id": "qwen2-vl-7b-instruct", "type": "vlm", "state": "not-loaded", "max_context_length": 32768},
            {"id": "meta-llama-3.1-8b-instruct", "type": "llm", "state": "loaded", "max_context_length": 131072}
            | {"loaded_context_length": 4096},
            {"id": "text-embedding-nomic-embed-text-v1.5", "type": "embeddings", "state": "loaded"},
        ],
    },
    "/v1/models": listing("qwen2-vl-7b-instruct", "meta-llama-3.1-8b-instruct", owned_by="organization_owner"),
}
LLAMA_SERVER: dict[str, Any] = {
    "/props": {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1, "model_path": "/m/mistral.gguf"},
    "/v1/models": {
        "object": "list",
        "models": [{"name": "mistral", "model": "mistral", "capabilities": ["completion"]}],
        "data": [
            {"id": "mistral", "object": "model", "owned_by": "llamacpp"}
            | {"meta": {"n_ctx_train": 32768, "n_params": 7_248_023_552, "size": 4_367_000_000}}
        ],
    },
}
ROUTER: dict[str, Any] = {
    "/props": {"role": "router", "max_instances": 4},
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "gemma-3-4b-it", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
            {"id": "qwen3-1.7b", "owned_by": "llamacpp", "status": {"value": "loaded", "args": ["llama-server"]}},
        ],
    },
}
KOBOLDCPP: dict[str, Any] = {
    "/api/extra/version": {"result": "KoboldCpp", "version": "1.98", "protected": False, "txt2img": False},
    "/api/v1/model": {"result": "koboldcpp/L3-8B-Stheno-v3.2-Q4_K_M"},
    "/api/extra/true_max_context_length": {"value": 8192},
    "/v1/models": listing("koboldcpp/L3-8B-Stheno-v3.2-Q4_K_M", owned_by="koboldcpp"),
    # It also answers in Ollama's name.
    "/api/version": {"version": "0.7.0"},
    "/api/tags": {"models": [tag("koboldcpp", "20M", 1)]},
    "/api/ps": {"models": []},
}
TEXT_GENERATION_WEBUI: dict[str, Any] = {
    "/v1/internal/model/info": {"model_name": "Mistral-7B-Instruct-v0.3-GPTQ", "lora_names": [], "loader": "ExLlamav2"},
    "/v1/models": listing("Mistral-7B-Instruct-v0.3-GPTQ", owned_by="user"),
}
VLLM: dict[str, Any] = {
    "/version": {"version": "0.11.0"},
    "/v1/models": listing("Qwen/Qwen2.5-7B-Instruct", owned_by="vllm", max_model_len=32768),
}
ANYTHING_LLM: dict[str, Any] = {
    "/api/ping": {"online": True},
    "/api/v1/openai/models": {
        "data": [{"name": "Tavern", "model": "tavern", "llm": {"provider": "ollama", "model": "llama3:8b"}}]
    },
}
