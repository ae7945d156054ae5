"""Failures of services: what people are told."""

import pytest

from npc_runtime.llm.online_models import closest, model_names
from npc_runtime.llm.service_failures import one_line, refused, says_unknown_model


def test_what_a_service_says_is_one_short_line_without_the_key() -> None:
    assert one_line("a\x1b[31m\n\tb  sk-123 c", secret="sk-123") == "a [31m b … c"
    assert len(one_line("word " * 10**6)) == 200


@pytest.mark.parametrize(
    ("status", "failing"),
    [
        (301, "request"),
        (400, "prompt"),
        (401, "key"),
        (402, "limit"),
        (403, "key"),
        (404, "request"),
        (407, "connect"),
        (408, "server"),
        (429, "limit"),
        (500, "server"),
        (503, "server"),
        (529, "server"),
    ],
)
def test_what_a_status_means(status: int, failing: str) -> None:
    error = refused("Acme", status, {}, "it says", variable="ACME_KEY", has_key=True)
    assert error.failing == failing
    assert error.message.startswith(("Acme", "The proxy"))


def test_a_web_page_in_place_of_the_api_names_the_address() -> None:
    error = refused("Acme", 404, {"content-type": "text/html"}, "<html>", variable="K", has_key=True)
    assert "web page" in error.message
    assert "base_url" in error.hint
    assert "<html>" not in error.message


@pytest.mark.parametrize(
    ("status", "message", "unknown"),
    [
        (404, "The model `gpt-5o` does not exist or you do not have access to it.", True),
        (400, "llama is not a valid model ID", True),
        (404, "model 'x' not found, try pulling it first", True),
        (400, "max_tokens is too large for this model", False),
        (404, "no such path", False),
        (500, "model not found", False),
    ],
)
def test_an_unknown_model_is_told_from_other_refusals(status: int, message: str, unknown: bool) -> None:
    assert says_unknown_model(status, message) == unknown


NAMES = ["openai/gpt-oss-20b", "openai/gpt-oss-120b", "llama-3.3-70b-versatile", "qwen/qwen3-32b"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("gpt-oss-20b", "openai/gpt-oss-20b"),
        ("openai/gpt-oss20b", "openai/gpt-oss-20b"),
        ("Llama-3.3-70B", "llama-3.3-70b-versatile"),
        ("qwen3-32", "qwen/qwen3-32b"),
    ],
)
def test_the_model_that_was_meant(wanted: str, found: str) -> None:
    assert closest(wanted, NAMES)[0] == found


def test_nothing_near_is_nothing() -> None:
    assert closest("zzz", NAMES) == []
    assert closest("qwen/qwen3-32b", ["qwen/qwen3-32b"]) == []


@pytest.mark.parametrize(
    "answer", [None, 5, "x", {}, {"data": 5}, {"data": [1, {"id": 5}, {"id": ""}, {"id": "a\nb"}]}]
)
def test_lists_of_models_that_make_no_sense_are_empty(answer: object) -> None:
    assert model_names(answer) == []


def test_lists_of_models() -> None:
    assert model_names({"data": [{"id": "models/gemini"}, {"id": "b"}]}) == ["gemini", "b"]
    assert len(model_names({"data": [{"id": f"m{n}"} for n in range(10_000)]})) == 3000
