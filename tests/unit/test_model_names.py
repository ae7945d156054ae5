"""What the names of language models tell."""

import pytest

from npc_runtime.llm.model_names import for_quick_talk, for_talking, parameters


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("llama3.1:8b-instruct-q4_K_M", 8),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1.5),
        ("smollm2-135m", 0.135),
        ("mixtral:8x7b", 56),
        ("qwen3-30b-a3b", 30),
        ("gemma3n:e4b", 4),
        ("/models/Phi-3.5-mini-3.8B.Q4_K_M.gguf", 3.8),
        ("C:\\models\\8b\\mistral-7b-instruct.gguf", 7),
        ("8.0B", 8),
        ("phi-3-mini-4k-instruct", None),
        ("qwen2-72b-4bit", 72),
        ("mistral-4bit", None),
        ("v0.3b2", None),
        ("", None),
    ],
)
def test_size(name: str, billions: float | None) -> None:
    assert parameters(name) == (None if billions is None else pytest.approx(billions * 1e9))


@pytest.mark.parametrize(
    ("name", "talks"),
    [
        ("llama3.1:8b", True),
        ("gemma-3-4b-it", True),
        ("gemma-3-4b-pt", False),
        ("bode-7b-pt-br", True),
        ("Llama-3.1-8B-Base", False),
        ("nomic-embed-text", False),
        ("multilingual-e5-large", False),
        ("e5-mistral-7b-instruct", False),
        ("whisper-large-v3", False),
        ("llama-guard3:8b", False),
        ("Systran/faster-whisper-small", False),
        ("hermes-3-8b", True),
    ],
)
def test_who_talks(name: str, talks: bool) -> None:
    assert for_talking(name) is talks


@pytest.mark.parametrize(
    ("name", "quick"),
    [
        ("llama3.1:8b", True),
        ("deepseek-r1:8b", False),
        ("qwen3-4b-thinking-2507", False),
        ("qwen2.5-coder:7b", False),
        ("command-r7b", True),
    ],
)
def test_who_answers_at_once(name: str, quick: bool) -> None:
    assert for_quick_talk(name) is quick
