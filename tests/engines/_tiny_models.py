"""Tiny language models with random weights, in the GGUF format, one for each architecture that is served.

They write nonsense, and show that an engine loads the architecture, reads our template and keeps to our grammar.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, INNER, CONTEXT = 64, 2, 2, 128, 2048
_HEAD = WIDTH // HEADS
_UNKNOWN, _CONTROL, _BYTE, _NORMAL = 2, 3, 6, 1
"""Kinds of tokens, as llama.cpp numbers them."""

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Tiny:
    """How to build the model of one architecture."""

    architecture: str
    shapes: Callable[[int], Shapes]
    """Vocabulary → its tensors, rows first, without `.weight`; a name with `.bias` is one."""
    marks: tuple[str, ...]
    """Control tokens: of its template."""
    sentencepiece: bool = False
    begins: str = "<s>"
    settings: tuple[tuple[str, Any], ...] = ()
    template: str = ""
    name: str = "tiny-chat"


def build(tiny: Tiny, path: Path, *, kind: str = "F32", seed: int = 1, context: int = CONTEXT) -> Path:
    """Write a model file.

    Args:
        tiny: What to build.
        path: Where to.
        kind: How its matrices are stored: F32, F16, Q8_0, Q5_0, Q4_1, Q4_0.
        seed: Of its weights.
        context: Tokens that it says it was trained for.
    """
    import gguf

    writer = gguf.GGUFWriter(path, tiny.architecture)
    writer.add_name(tiny.name)
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_layer_norm_eps(1e-5)
    for key, value in tiny.settings:
        getattr(writer, f"add_{key}")(value)
    if tiny.template:
        writer.add_chat_template(tiny.template)
    vocabulary = _vocabulary(writer, tiny)
    stored = gguf.GGMLQuantizationType[kind]
    random = np.random.default_rng(seed)
    for name, shape in tiny.shapes(vocabulary).items():
        weights = random.normal(0, 0.3 if len(shape) > 1 else 0.02, shape).astype(np.float32)
        if "norm" in name and not name.endswith(".bias"):
            weights += 1
        full = name if name.endswith(".bias") else f"{name}.weight"
        if len(shape) > 1 and kind != "F32":
            writer.add_tensor(full, gguf.quants.quantize(weights, stored), raw_dtype=stored)
        else:
            writer.add_tensor(full, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _vocabulary(writer: Any, tiny: Tiny) -> int:
    marks = ["<unk>", tiny.begins, "</s>", *tiny.marks]
    if tiny.sentencepiece:
        pieces = [f"<0x{byte:02X}>" for byte in range(256)]
        letters = ["▁", *map(chr, range(33, 127)), "äöüßçğışÇĞİŞ"]
        letters = [letter for group in letters for letter in group]
        merged = ["▁the", "▁a", "th", "he", "in", "er", "an", "▁t", "▁i"]
        tokens = [*marks, *pieces, *letters, *merged]
        kinds = [_UNKNOWN] + [_CONTROL] * (len(marks) - 1) + [_BYTE] * 256 + [_NORMAL] * (len(letters) + len(merged))
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([-float(index) for index in range(len(tokens))])
        writer.add_add_bos_token(True)
    else:
        tokens = [*marks, *_byte_letters(), "th", "er", "in", "Ġt"]
        kinds = [_CONTROL] * len(marks) + [_NORMAL] * (len(tokens) - len(marks))
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_merges(["t h", "e r", "i n", "Ġ t"])
        writer.add_add_bos_token(False)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    return len(tokens)


def _byte_letters() -> Iterator[str]:
    """The letters by which byte-pair vocabularies write bytes: those that can be seen stand for themselves."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    for byte in range(256):
        yield chr(byte) if byte in seen else chr(next(hidden))


def _blocks(*parts: Shapes) -> Shapes:
    return {f"blk.{layer}.{name}": shape for layer in range(LAYERS) for part in parts for name, shape in part.items()}


def _attention() -> Shapes:
    square = (WIDTH, WIDTH)
    return {"attn_norm": (WIDTH,), "attn_q": square, "attn_k": square, "attn_v": square, "attn_output": square}


def _gated() -> Shapes:
    return {
        "ffn_norm": (WIDTH,),
        "ffn_gate": (INNER, WIDTH),
        "ffn_up": (INNER, WIDTH),
        "ffn_down": (WIDTH, INNER),
    }


def _joined() -> Shapes:
    """Attention whose three matrices are one."""
    return {"attn_norm": (WIDTH,), "attn_qkv": (3 * WIDTH, WIDTH), "attn_output": (WIDTH, WIDTH)}


def _plain() -> Shapes:
    return {"ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}


def _biases(*names: str, **widths: int) -> Shapes:
    return {f"{name}.bias": (widths.get(name, WIDTH),) for name in names}


def _ends(vocabulary: int, *, output: bool = True, bias: bool = False) -> Shapes:
    shapes: Shapes = {"token_embd": (vocabulary, WIDTH), "output_norm": (WIDTH,)}
    if output:
        shapes["output"] = (vocabulary, WIDTH)
    if bias:
        shapes["output_norm.bias"] = (WIDTH,)
    return shapes


def _llama(vocabulary: int) -> Shapes:
    return _ends(vocabulary) | _blocks(_attention(), _gated())


def _qwen2(vocabulary: int) -> Shapes:
    return _ends(vocabulary) | _blocks(_attention(), _biases("attn_q", "attn_k", "attn_v"), _gated())


def _qwen3(vocabulary: int) -> Shapes:
    return _ends(vocabulary) | _blocks(_attention(), {"attn_q_norm": (_HEAD,), "attn_k_norm": (_HEAD,)}, _gated())


def _gemma(vocabulary: int) -> Shapes:
    return _ends(vocabulary, output=False) | _blocks(_attention(), _gated())


def _gemma2(vocabulary: int) -> Shapes:
    after: Shapes = {"post_attention_norm": (WIDTH,), "post_ffw_norm": (WIDTH,)}
    return _ends(vocabulary, output=False) | _blocks(_attention(), after, _gated())


def _falcon(vocabulary: int) -> Shapes:
    return _ends(vocabulary, bias=True) | _blocks(_joined(), _biases("attn_norm"), _plain())


def _mpt(vocabulary: int) -> Shapes:
    return _ends(vocabulary, output=False) | _blocks(_joined(), {"ffn_norm": (WIDTH,)}, _plain())


def _gptneox(vocabulary: int) -> Shapes:
    biases = _biases(
        *("attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down"), attn_qkv=3 * WIDTH, ffn_up=INNER
    )
    return _ends(vocabulary, bias=True) | _blocks(_joined(), {"ffn_norm": (WIDTH,)}, _plain(), biases)


def _phi2(vocabulary: int) -> Shapes:
    biases = _biases(*("attn_norm", "attn_qkv", "attn_output", "ffn_up", "ffn_down"), attn_qkv=3 * WIDTH, ffn_up=INNER)
    return _ends(vocabulary, bias=True) | {"output.bias": (vocabulary,)} | _blocks(_joined(), _plain(), biases)


def _phi3(vocabulary: int) -> Shapes:
    inner: Shapes = {"ffn_norm": (WIDTH,), "ffn_up": (2 * INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
    return _ends(vocabulary) | _blocks(_joined(), inner)


_TURNS = ("<|im_start|>", "<|im_end|>")
_CHATML = "{% for message in messages %}{{ '<|im_start|>' + message.role }}{% endfor %}"
_ENDLESS = "{% for a in range(999999) %}{% for b in range(999999) %}[INST]{% endfor %}{% endfor %}"
_GEMMA_TURNS = ("<start_of_turn>", "<end_of_turn>")

MODELS = {
    "llama": Tiny("llama", _llama, (), True, template="{{ '[INST] <<SYS>>' }}"),
    "mistral": Tiny("llama", _llama, ("[INST]", "[/INST]"), True, template=_ENDLESS, name="tiny-mistral-instruct"),
    "smollm": Tiny("llama", _llama, _TURNS, template=_CHATML),
    "falcon": Tiny("falcon", _falcon, (), name="tiny-falcon-instruct"),
    "mpt": Tiny("mpt", _mpt, _TURNS, settings=(("max_alibi_bias", 8.0),), name="tiny-mpt-chat"),
    "gptneox": Tiny("gptneox", _gptneox, (), settings=(("parallel_residual", True),), name="tiny-pythia"),
    "qwen2": Tiny("qwen2", _qwen2, _TURNS, template=_CHATML),
    "qwen3": Tiny("qwen3", _qwen3, _TURNS, template=_CHATML + "{{ enable_thinking }}"),
    "gemma": Tiny("gemma", _gemma, _GEMMA_TURNS, True, "<bos>", name="tiny-gemma-it"),
    "gemma2": Tiny(
        "gemma2",
        _gemma2,
        _GEMMA_TURNS,
        True,
        "<bos>",
        settings=(("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0), ("sliding_window", 512)),
        template="{{ '<start_of_turn>' }}",
    ),
    "phi2": Tiny("phi2", _phi2, (), name="tiny-phi-2-instruct"),
    "phi3": Tiny(
        "phi3", _phi3, ("<|user|>", "<|end|>"), True, settings=(("sliding_window", 512),), template="{{ '<|end|>' }}"
    ),
}
"""By family."""
