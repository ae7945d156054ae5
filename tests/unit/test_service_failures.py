"""Failures of services: when they may be asked again, and what people are told."""

from datetime import UTC, datetime

import pytest

from npc_runtime.llm.online_models import closest, model_names
from npc_runtime.llm.service_failures import one_line, refused, retry_after, says_unknown_model

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "1e9"}, 86_400.0),
        ({"Retry-After": "nan"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "2m59.56s", "x-ratelimit-remaining-tokens": "0"}, 179.56),
        ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
        (
            {
                "x-ratelimit-reset-requests": "1h",
                "x-ratelimit-remaining-requests": "14",
                "x-ratelimit-reset-tokens": "7s",
            },
            7.0,
        ),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp() * 1000) + 4000)}, 4.0),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 9)}, 9.0),
        ({"x-ratelimit-reset": "later"}, None),
        ({"x-ratelimit-reset": ""}, None),
    ],
)
def test_when_to_ask_again(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == (seconds if seconds is None else pytest.approx(seconds))


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
