"""Model names: what the name of a language model tells about it, where nobody says more."""

import re

_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d{1,3})x)?[ae]?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])")
"""`8b`, `1.5b`, `135m`, `8x7b` (a mixture of experts), `a3b` (how much of one works at a time), `e4b` (effectively)."""
_WORD = re.compile(r"[a-z]+")
_WORD_AND_NUMBER = re.compile(r"[a-z0-9]+")
_OTHER_WORK = frozenset({
    "asr", "bark", "bge", "clip", "colbert", "diffusion", "e5", "embed", "embedding", "embeddings", "encoder", "flux",
    "gliner", "gte", "guard", "jina", "minilm", "mmproj", "moderation", "moondream", "mxbai", "ocr", "paraphrase",
    "piper", "rerank", "reranker", "reward", "sdxl", "shieldgemma", "siglip", "splade", "tts", "vae", "whisper",
})  # fmt: skip
"""Words in the names of models that embed, rank, classify, hear, speak, draw or only describe pictures."""
_UNTAUGHT = frozenset({"base", "foundation", "pretrained"})
"""Words in the names of models that go on with a text and were never taught to answer."""
_PRETRAINED = re.compile(r"[-_]pt(?![a-z0-9]|-br)")
_DELIBERATE = frozenset({"magistral", "qwq", "r1", "reasoner", "reasoning", "think", "thinking"})
_CODE = frozenset({
    "code", "codegemma", "codellama", "coder", "codestral", "devstral", "math", "mathstral", "sqlcoder", "starcoder",
})  # fmt: skip


def parameters(name: str) -> int | None:
    """How many parameters a model has, by its name; None if that does not tell.

    Args:
        name: Such as `llama3.1:8b-instruct-q4_K_M`, or a path.
    """
    found = [
        int(float(size) * (10**9 if unit == "b" else 10**6)) * int(experts or 1)
        for experts, size, unit in _SIZE.findall(_last(name))
    ]
    return max(found, default=None)


def for_talking(name: str) -> bool:
    """Whether a model with this name was made to answer people."""
    words = _words(name)
    return not words & (_OTHER_WORK | _UNTAUGHT) and not _PRETRAINED.search(_last(name))


def for_quick_talk(name: str) -> bool:
    """Whether it neither thinks for a while before it answers, nor was made for code or mathematics."""
    return not _words(name) & (_DELIBERATE | _CODE) and not re.search(
        r"deepseek-?r1|(?<![a-z])r1(?![a-z0-9])", _last(name)
    )


def _words(name: str) -> frozenset[str]:
    last = _last(name)
    return frozenset(_WORD.findall(last)) | frozenset(_WORD_AND_NUMBER.findall(last))


def _last(name: str) -> str:
    """The name without publisher and folders."""
    return re.split(r"[/\\]", name.strip().lower())[-1]
