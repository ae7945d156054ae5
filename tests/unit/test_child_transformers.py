"""What the third engine does without its library: text out of tokens, and what quantised weights need."""

from types import SimpleNamespace
from typing import Any

import pytest

from npc_runtime.llm.child_transformers import _must_have_kernels, _Writer


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def decode(self, tokens: list[int], *, skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return bytes(tokens).decode("utf-8", "replace")


def pieces(text: str, *stops: str) -> list[tuple[str, bool]]:
    writer = _Writer(Bytes(), list(stops))
    written = []
    for token in text.encode():
        written.append(writer.push(token))
        if written[-1][1]:
            break
    return [*written, (writer.rest(), False)]


@pytest.mark.parametrize("text", ["Größe", "剣 ok", "plain"])
def test_letters_come_whole(text: str) -> None:
    parts = [part for part, _ in pieces(text)]
    assert "".join(parts) == text
    assert not any("\ufffd" in part for part in parts)


def test_a_stop_ends_the_text_and_is_no_part_of_it() -> None:
    parts = pieces("Aye.\nTamsin: and", "\nTamsin:", "\nBrynja:")
    assert "".join(part for part, _ in parts) == "Aye."
    assert [stopped for _, stopped in parts[-2:]] == [True, False]


def test_what_may_become_a_stop_is_held_back_until_it_does_not() -> None:
    parts = [part for part, _ in pieces("A\nTam.", "\nTamsin:")]
    assert parts == ["A", "", "", "", "", "\nTam.", ""]


@pytest.mark.parametrize(
    ("method", "gpu", "said"),
    [
        ("gptq", False, "GPTQ, which needs a graphics processor"),
        ("awq", False, "AWQ, which needs a graphics processor"),
        ("gptq", True, "GPTQ, which needs the package gptqmodel"),
        ("magic", True, "not known here: magic"),
    ],
)
def test_quantised_weights_say_what_they_need(method: str, gpu: bool, said: str) -> None:
    told: Any = SimpleNamespace(quantization_config={"quant_method": method})
    with pytest.raises(ValueError, match=said):
        _must_have_kernels(told, gpu=gpu)


def test_plain_weights_need_nothing() -> None:
    _must_have_kernels(SimpleNamespace(), gpu=False)
