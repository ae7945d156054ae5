"""The third engine: weights for the library transformers, for families and formats that llama.cpp does not read.

One request at a time, as with the second engine. There are no grammars here: what the model writes is understood as it
is. Nothing is downloaded, no code that comes with a model is run, and pickles are not loaded.
"""

import importlib
import importlib.util
import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from npc_runtime.llm.child_http import chunk
from npc_runtime.llm.child_http import serve as serve_http

if TYPE_CHECKING:
    from npc_runtime.llm.child import ChildConfig

_STEP = 128
"""Prompt tokens read between two looks at whether the client is still there."""
_QUANTISED = {"gptq": "gptqmodel", "awq": "gptqmodel", "bitsandbytes": "bitsandbytes"}
"""Ways in which weights are quantised, and the package that has the kernels for each."""
_UNFINISHED = "\ufffd"
"""What a tokenizer writes for a letter whose last bytes are still to come."""


def serve(config: "ChildConfig") -> str:
    """Start serving in a thread.

    Returns:
        The server's address.

    Raises:
        Exception: Whatever the library says about the model.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(config.batch_threads)
    safe = {"local_files_only": True, "trust_remote_code": False}
    settings = transformers.AutoConfig.from_pretrained(config.model, **safe)
    gpu = config.gpu_layers != 0 and torch.cuda.is_available()
    _must_have_kernels(settings, gpu=gpu)
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.model, **safe)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        config.model, config=settings, use_safetensors=True, dtype="auto" if gpu else torch.float32, **safe
    )
    model = model.to("cuda" if gpu else "cpu").eval()
    return serve_http(_Engine(torch, model, tokenizer, config.context), config.api_key)


def _must_have_kernels(settings: Any, *, gpu: bool) -> None:
    quantised = getattr(settings, "quantization_config", None)
    if not quantised:
        return
    told = quantised if isinstance(quantised, dict) else quantised.to_dict()
    method = str(told.get("quant_method", "")).rpartition(".")[2].lower()
    package = _QUANTISED.get(method)
    if package is None:
        raise ValueError(f"its weights are quantised in a way that is not known here: {method[:40]}")
    if not gpu:
        raise ValueError(f"its weights are quantised with {method.upper()}, which needs a graphics processor (CUDA)")
    if importlib.util.find_spec(package) is None:
        raise ValueError(f"its weights are quantised with {method.upper()}, which needs the package {package}")


class _Engine:
    """One model, used by one request at a time.

    Args:
        torch: The library.
        model: A causal language model.
        tokenizer: Its tokenizer.
        context: Tokens that prompt and reply may have together.
    """

    def __init__(self, torch: Any, model: Any, tokenizer: Any, context: int) -> None:
        self._torch = torch
        self._model = model
        self._tokenizer = tokenizer
        self._context = context
        self._turn = threading.Lock()
        self._cache: Any = None
        self._read: list[int] = []
        """Tokens that the cache holds."""
        ends = model.generation_config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [ends])

    def tokens(self, body: dict[str, Any]) -> list[int]:
        """The tokens of some texts, as the server of llama.cpp gives them: what is no text stands as it is."""
        tokens: list[int] = []
        for part in body["content"]:
            if not isinstance(part, str):
                tokens.append(part)
                continue
            tokens += self._tokenizer(part, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return tokens

    def complete(self, body: dict[str, Any], gone: Callable[[], bool]) -> Generator[dict[str, Any], None, None]:
        """The chunks of a completion, as the OpenAI API words them.

        Args:
            body: The request.
            gone: Whether the client has left.
        """
        prompt: list[int] = self._tokenizer(str(body["prompt"]))["input_ids"]
        most = min(int(body.get("max_tokens", 160)), self._context - len(prompt))
        if not prompt or most < 1:
            raise ValueError(f"the prompt has {len(prompt)} tokens, and the window {self._context}")
        with self._turn:
            writer = _Writer(self._tokenizer, [str(stop) for stop in body.get("stop") or ()])
            written, finish = 0, "length"
            for token in itertools.islice(self._sampled(prompt, body, gone), most):
                if token is None:
                    return
                written += token not in self._ends
                text, stopped = writer.push(token) if token not in self._ends else ("", True)
                if text:
                    yield chunk(text, None)
                if stopped:
                    finish = "stop"
                    break
            yield chunk(writer.rest(), finish)
        yield chunk("", None, usage={"prompt_tokens": len(prompt), "completion_tokens": written})

    def _sampled(self, prompt: list[int], body: dict[str, Any], gone: Callable[[], bool]) -> Iterator[int | None]:
        """Token after token; None when the client has left."""
        torch = self._torch
        random = torch.Generator().manual_seed(int(body["seed"])) if body.get("seed") is not None else None
        tokens = list(prompt)
        with torch.inference_mode():
            self._keep(prompt)
            while True:
                scores = None
                while len(self._read) < len(tokens):
                    if gone():
                        yield None
                        return
                    scores = self._step(tokens[len(self._read) : len(self._read) + _STEP])
                token = _sample(torch, scores, tokens[-int(body.get("repeat_last_n", 64)) :], body, random)
                tokens.append(token)
                yield token

    def _keep(self, prompt: list[int]) -> None:
        """Keep of the cache what this prompt begins with, but for its last token, whose scores are wanted."""
        pairs = zip(self._read, prompt[:-1], strict=False)
        shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        try:
            if self._cache is not None:
                self._cache.crop(shared)
                self._read = self._read[:shared]
        except (AttributeError, NotImplementedError, ValueError):  # not every cache can forget its end
            self._cache, self._read = None, []

    def _step(self, tokens: list[int]) -> Any:
        ids = self._torch.tensor([tokens], device=self._model.device)
        out = self._model(input_ids=ids, past_key_values=self._cache, use_cache=True)
        self._cache = out.past_key_values
        self._read = self._read + tokens
        return out.logits[0, -1].float().cpu()


def _sample(torch: Any, scores: Any, recent: list[int], body: dict[str, Any], random: Any) -> int:
    """Choose a token as llama.cpp does: penalty, the best few, those not far behind the best, by chance."""
    penalty = float(body.get("repeat_penalty", 1.0))
    seen = torch.tensor(sorted(set(recent)))
    scores[seen] = torch.where(scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty)
    temperature = float(body.get("temperature", 0.6))
    if temperature <= 0:
        return int(scores.argmax())
    values, tokens = scores.topk(min(int(body.get("top_k", 40)), len(scores)))
    chances = torch.softmax(values, -1)
    chances[chances < float(body.get("min_p", 0.05)) * chances[0]] = 0
    chances = chances ** (1 / temperature)
    return int(tokens[torch.multinomial(chances, 1, generator=random)])


class _Writer:
    """Turns tokens into text, up to a stop.

    Args:
        tokenizer: The model's.
        stops: Texts that end the reply, and are no part of it.
    """

    def __init__(self, tokenizer: Any, stops: list[str]) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._tokens: list[int] = []
        self._given = 0
        """Characters that are out."""
        self._text = ""

    def push(self, token: int) -> tuple[str, bool]:
        """Take a token.

        Returns:
            The text that is certain now, and whether it ends here.
        """
        self._tokens.append(token)
        self._text = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        ends = [at for stop in self._stops if (at := self._text.find(stop)) >= 0]
        if ends:
            self._text = self._text[: min(ends)]
            return self.rest(), True
        return self._up_to(len(self._text) - self._open()), False

    def rest(self) -> str:
        """What was held back."""
        return self._up_to(len(self._text))

    def _open(self) -> int:
        """Characters at the end that may still change or be the beginning of a stop."""
        if self._text.endswith(_UNFINISHED):
            return len(self._text) - len(self._text.rstrip(_UNFINISHED))
        lengths = (
            length for stop in self._stops for length in range(1, len(stop)) if self._text.endswith(stop[:length])
        )
        return max(lengths, default=0)

    def _up_to(self, end: int) -> str:
        text = self._text[self._given : end]
        self._given += len(text)
        return text
