"""The process in which a local language model runs, alone.

A crash, a hang or a hostile model file costs this process and nothing else. It reads one JSON line of configuration
from standard input, writes one JSON line when it is ready or has failed, and then serves an OpenAI-compatible API on a
loopback port until its standard input closes, which happens when the parent closes it or is gone, however it went.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any, TextIO


@dataclass(frozen=True, slots=True)
class ChildConfig:
    """What the child needs to know. The key travels by standard input, where no process list shows it."""

    engine: str
    """`xllamacpp`, `llama-cpp-python` or `transformers`."""
    model: str
    """Path of a GGUF file, or of a folder for `transformers`."""
    api_key: str
    context: int
    """Tokens per slot."""
    slots: int
    cache_mb: int
    """Bound of the prompt cache in MiB."""
    threads: int
    """For decoding, one token after the other."""
    batch_threads: int
    """For reading prompts."""
    gpu_layers: int
    """Layers that the graphics processor takes; -1 for all."""

    def line(self) -> bytes:
        """The configuration as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> None:
    """Serve until standard input closes."""
    answers = _own_stdout()
    config = ChildConfig(**json.loads(sys.stdin.buffer.readline()))
    # Spinning OpenMP threads fight the game for cores: with one core busy elsewhere they cost nine tenths of the speed.
    # The library reads this once, when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        url = _serve(config)
    except ModuleNotFoundError as error:
        _answer(answers, {"error": "missing", "message": str(error.name)})
        os._exit(3)
    except (ImportError, OSError) as error:
        _answer(answers, {"error": "native", "message": str(error)})
        os._exit(3)
    except Exception as error:
        _answer(answers, {"error": "model", "message": str(error) or type(error).__name__})
        os._exit(4)
    _answer(answers, {"url": url})
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # native threads may be in the middle of a token; nothing of ours needs an orderly end


def _serve(config: ChildConfig) -> str:
    if config.engine == "xllamacpp":
        from npc_runtime.llm.child_xllamacpp import serve
    elif config.engine == "transformers":
        from npc_runtime.llm.child_transformers import serve
    else:
        from npc_runtime.llm.child_llama_cpp_python import serve
    return serve(config)


def _own_stdout() -> TextIO:
    """Keep the pipe to the parent for ourselves and send what native code prints to standard error."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return pipe


def _answer(pipe: TextIO, message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


if __name__ == "__main__":
    main()
