"""The second engine: llama-cpp-python behind the same OpenAI-compatible completions endpoint.

One sequence, so one request at a time: a request that comes while another runs waits until that one is done or its
client is gone.
"""

import importlib
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from npc_runtime.llm.child_http import chunk
from npc_runtime.llm.child_http import serve as serve_http

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
    return serve_http(_Engine(llama), config.api_key)


class _Engine:
    """One model, used by one request at a time."""

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        self._turn = threading.Lock()
        self._grammars: dict[str, Any] = {}

    def tokens(self, body: dict[str, Any]) -> list[int]:
        """The tokens of some texts, as the server of llama.cpp gives them: what is no text stands as it is."""
        tokens: list[int] = []
        ways = {"add_special": bool(body.get("add_special")), "parse_special": bool(body.get("parse_special", True))}
        for part in body["content"]:
            tokens += self._tokenized(part, **ways) if isinstance(part, str) else [part]
        return tokens

    def _tokenized(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Tokens of a text; `add_special` puts the mark of a beginning before it if the model asks for that."""
        tokens: list[int] = self._llama.tokenize(text.encode(), add_bos=add_special, special=parse_special)
        return tokens

    def complete(self, body: dict[str, Any], gone: Callable[[], bool]) -> Generator[dict[str, Any], None, None]:
        """The chunks of a completion, as the OpenAI API words them.

        Args:
            body: The request.
            gone: Whether the client has left.
        """
        llama_cpp: Any = importlib.import_module("llama_cpp")
        grammar = body.get("grammar")
        if grammar and grammar not in self._grammars:
            self._grammars = {grammar: llama_cpp.LlamaGrammar.from_string(grammar, verbose=False)}
        prompt = self._tokenized(str(body["prompt"]), add_special=True, parse_special=True)
        with self._turn:
            # Reading a prompt cannot be interrupted, so a long one is read in steps: what one step has read, the next
            # finds in the engine's cache.
            for end in range(_STEP, len(prompt), _STEP):
                if gone():
                    return
                next(self._llama.generate(prompt[:end]))
            written = 0
            finish = None
            for piece in self._llama.create_completion(
                prompt,
                max_tokens=int(body.get("max_tokens", 160)),
                temperature=float(body.get("temperature", 0.6)),
                top_p=float(body.get("top_p", 0.95)),
                min_p=float(body.get("min_p", 0.05)),
                repeat_penalty=float(body.get("repeat_penalty", 1.0)),
                seed=body.get("seed"),
                stop=list(body.get("stop") or ()),
                grammar=self._grammars.get(grammar) if grammar else None,
                stream=True,
            ):
                choice = piece["choices"][0]
                written += bool(choice["text"])
                finish = choice.get("finish_reason") or finish
                yield chunk(choice["text"], None)
            yield chunk("", finish or "stop")
            yield chunk("", None, usage={"prompt_tokens": len(prompt), "completion_tokens": written})
