"""What a service's stream means: the events of both OpenAI APIs, read with the distrust that strangers deserve."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

_MOST_TOKENS = 10**9
"""A count beyond this is nonsense."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """The next characters of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    """The next characters of a function call."""

    key: str
    """Which call it belongs to."""
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Used:
    """What the reply cost, in tokens."""

    prompt: int
    cached: int
    completion: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The model has stopped."""

    why: Literal["done", "length", "failed"]
    message: str = ""
    """What the service said about a failure."""


OnlineEvent = TextPiece | CallPiece | Used | Ended


def chat_events(chunk: object) -> Iterator[OnlineEvent]:
    """The events in one chunk of the chat completions API.

    Raises:
        ValueError: It is no such chunk.
    """
    data = _object(chunk)
    if data.get("error"):
        yield Ended("failed", _message(data["error"]))
        return
    for choice in _list(data.get("choices"))[:1]:
        fields = _object(choice)
        delta = _object(fields.get("delta") or {})
        if text := _content(delta.get("content")):
            yield TextPiece(text)
        for number, call in enumerate(_list(delta.get("tool_calls"))):
            yield _call(_object(call), number)
        reason = fields.get("finish_reason")
        if reason and reason != "null":  # some gateways have one in every chunk
            yield _ended(str(reason))
    usage = data.get("usage")
    if not usage and isinstance(extra := data.get("x_groq"), Mapping):
        usage = extra.get("usage")
    if isinstance(usage, Mapping):
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
        yield Used(_count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens")))


def response_events(event: object) -> Iterator[OnlineEvent]:
    """The events in one event of the Responses API.

    Raises:
        ValueError: It is no such event.
    """
    data = _object(event)
    kind = data.get("type")
    if not isinstance(kind, str):
        raise ValueError("an event without a type")
    key = str(data.get("output_index", ""))
    if kind in ("response.output_text.delta", "response.refusal.delta"):
        if text := _content(data.get("delta")):
            yield TextPiece(text)
    elif kind == "response.output_item.added":
        item = _object(data.get("item") or {})
        if item.get("type") == "function_call":
            yield CallPiece(key, str(item.get("name") or ""), "")
    elif kind == "response.function_call_arguments.delta":
        yield CallPiece(key, "", str(data.get("delta") or ""))
    elif kind in ("response.completed", "response.incomplete", "response.failed"):
        response = _object(data.get("response") or {})
        usage = response.get("usage")
        if isinstance(usage, Mapping):
            details = usage.get("input_tokens_details")
            cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
            yield Used(_count(usage.get("input_tokens")), _count(cached), _count(usage.get("output_tokens")))
        if kind == "response.failed":
            yield Ended("failed", _message(response.get("error")))
        else:
            yield Ended("done" if kind == "response.completed" else "length")
    elif kind == "error":
        yield Ended("failed", _message(data))


def _call(call: Mapping[str, object], number: int) -> CallPiece:
    function = _object(call.get("function") or {})
    index = call.get("index")
    arguments = function.get("arguments")
    return CallPiece(
        str(number if index is None else index),
        str(function.get("name") or ""),
        arguments if isinstance(arguments, str) else "",
    )


def _ended(reason: str) -> Ended:
    if reason == "error":
        return Ended("failed", "the model broke off")
    return Ended("length" if reason in ("length", "max_tokens", "content_filter") else "done")


def _content(content: object) -> str:
    """Text, which some services send in parts of several types."""
    if isinstance(content, str):
        return content
    parts = [part for part in _list(content) if isinstance(part, Mapping) and part.get("type") == "text"]
    return "".join(text for part in parts if isinstance(text := part.get("text"), str))


def _message(error: object) -> str:
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("code") or ""
    return error if isinstance(error, str) else ""


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError("not an object")
    return value


def _list(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _count(value: object) -> int:
    is_count = isinstance(value, int | float) and 0 <= value < _MOST_TOKENS
    return int(value) if is_count and isinstance(value, int | float) else 0
