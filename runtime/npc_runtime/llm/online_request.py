"""What is sent to a service: one request, in the words of its API and within what it can do."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from npc_runtime.llm.backend import Completion, Message, ReplyFormat
from npc_runtime.llm.grammar import behind
from npc_runtime.llm.providers import Api, Capabilities, Provider
from npc_runtime.llm.reply_rules import reply_rules
from npc_runtime.llm.reply_schema import action_tools, reply_schema

_GO_ON = "(Go on with your answer exactly behind its last word. Repeat nothing of it.)"
_REASONING_TOKENS = 512
"""Beside the reply, for a model that thinks first."""
_TAG = re.compile(r"\[[^\]]*\]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How requests to one model look: what its service is known to do, less what it has refused."""

    api: Api
    reply_format: ReplyFormat
    can: Capabilities
    token_limit: str
    seed: str
    reasoning: str = ""
    temperature: bool = True
    schema_type: Literal["json_schema", "json_object"] = "json_schema"
    """What the schema of a reply comes with; llama-cpp-python's server and Cohere know the second alone."""


def first_shape(provider: Provider, model: str, reply_format: ReplyFormat) -> Shape:
    """How the first request looks."""
    return Shape(
        api=provider.api_for(model),
        reply_format=reply_format,
        can=provider.can,
        token_limit=provider.token_limit,
        seed=provider.seed,
        reasoning=provider.known(model).reasoning,
    )


def begins(request: Completion, shape: Shape) -> bool:
    """Whether the reply is begun for the model, which goes on right behind that."""
    return bool(
        shape.can.prefill
        and shape.api == "chat"
        and shape.reply_format == "tags"
        and (request.written + request.opening).strip()
    )


def chat_body(request: Completion, shape: Shape, model: str, rules: ReplyFormat) -> dict[str, Any]:
    """The body of a request for a chat completion.

    Args:
        request: What is asked.
        shape: How to ask it.
        model: Whom.
        rules: For which form of reply the prompt has the rules.
    """
    can = shape.can
    body: dict[str, Any] = {"model": model, "messages": _messages(request, shape, rules), "stream": True}
    body[shape.token_limit] = _limit(request, shape)
    if shape.reasoning:
        body["reasoning_effort"] = shape.reasoning
    if can.usage:
        body["stream_options"] = {"include_usage": True}
    if can.cache_key and request.conversation:
        body["prompt_cache_key"] = request.conversation
    _sampling(body, request, shape)
    if shape.reply_format == "json":
        schema = reply_schema(request.options, request.max_sentences)
        if shape.schema_type == "json_object":
            body["response_format"] = {"type": "json_object", "schema": schema}
        else:
            named = {"name": "reply", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif shape.reply_format == "tools":
        if request.options:
            body["tools"] = [{"type": "function", "function": tool} for tool in action_tools(request.options)]
    elif can.grammar and request.grammar is not None:
        begun = begins(request, shape)
        body["grammar"] = request.grammar if begun or not request.opening else behind(request.opening, request.grammar)
    if begins(request, shape) and can.prefill == "continue":
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body


def responses_body(request: Completion, shape: Shape, model: str, rules: ReplyFormat) -> dict[str, Any]:
    """The body of a request to the Responses API; its arguments are those of `chat_body`."""
    body: dict[str, Any] = {
        "model": model,
        "input": _messages(request, shape, rules),
        "stream": True,
        "store": False,
        "max_output_tokens": max(16, _limit(request, shape)),
    }
    if shape.reasoning:
        body["reasoning"] = {"effort": shape.reasoning}
    if shape.temperature:
        body["temperature"] = request.temperature
    if shape.reply_format == "json":
        schema = reply_schema(request.options, request.max_sentences)
        body["text"] = {"format": {"type": "json_schema", "name": "reply", "strict": True, "schema": schema}}
    elif shape.reply_format == "tools" and request.options:
        body["tools"] = [{"type": "function", "strict": False, **tool} for tool in action_tools(request.options)]
    return body


def _limit(request: Completion, shape: Shape) -> int:
    thinks = shape.reasoning not in ("", "none")
    return request.max_tokens + (_REASONING_TOKENS if thinks else 0)


def _sampling(body: dict[str, Any], request: Completion, shape: Shape) -> None:
    if shape.temperature:
        body["temperature"] = request.temperature
    if shape.seed and request.seed is not None:
        body[shape.seed] = request.seed


def spoken(written: str) -> str:
    """The words in what has been written of a reply, without tags."""
    return " ".join(_TAG.sub(" ", written).split())


def _messages(request: Completion, shape: Shape, rules: ReplyFormat) -> list[dict[str, Any]]:
    messages: Sequence[Message] = request.messages
    if shape.reply_format != rules:
        messages = _with_rules(messages, "\n".join(reply_rules(request.options, shape.reply_format)))
    if not shape.can.system:
        messages = _without_system(messages)
    sent: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in messages]
    if begins(request, shape):
        last: dict[str, Any] = {"role": "assistant", "content": (request.written + request.opening).rstrip()}
        if shape.can.prefill == "prefix":
            last["prefix"] = True
        sent.append(last)
    elif said := spoken(request.written):
        sent += [{"role": "assistant", "content": said}, {"role": "user", "content": _GO_ON}]
    return sent


def _with_rules(messages: Sequence[Message], rules: str) -> list[Message]:
    if messages and messages[0].role == "system":
        return [Message("system", f"{messages[0].text}\n{rules}"), *messages[1:]]
    return [Message("system", rules), *messages]


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The same for a model that knows no system: the player's first words begin with its rules."""
    told = "\n".join(message.text for message in messages if message.role == "system")
    others = [message for message in messages if message.role != "system"]
    if others and others[0].role == "user" and told:
        return [Message("user", f"{told}\n\n{others[0].text}"), *others[1:]]
    return [Message("user", told), *others] if told else others


def _without(**capabilities: Any) -> Callable[[Shape], Shape]:
    return lambda shape: replace(shape, can=shape.can.model_copy(update=capabilities))


def _in_tags(shape: Shape) -> Shape:
    return replace(shape, reply_format="tags")


def _other_limit(shape: Shape) -> Shape:
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
    return replace(shape, token_limit=other[shape.token_limit])


def _in_other_json(shape: Shape) -> Shape:
    return replace(shape, schema_type="json_object") if shape.reply_format == "json" else shape


_REMEDIES: tuple[tuple[str, Callable[[Shape], Shape]], ...] = (
    (r"stream_options|include_usage", _without(usage=False)),
    (r"max_completion_tokens|max_tokens.{0,40}not supported", _other_limit),
    (r"prompt_cache_key", _without(cache_key=False)),
    (r"reasoning", lambda shape: replace(shape, reasoning="")),
    (r"temperature", lambda shape: replace(shape, temperature=False)),
    (r"\bseed\b|random_seed", lambda shape: replace(shape, seed="")),
    (r"grammar", _without(grammar=False)),
    (
        r"prefix|prefill|last message|final message|assistant message|end with a user|continue_final|generation_prompt",
        _without(prefill=""),
    ),
    (r"json_object", _in_other_json),
    (
        r"response_format|json.?schema|structured output|schema|json mode",
        lambda shape: _in_tags(shape) if shape.reply_format == "json" else shape,
    ),
    (
        r"\btools?\b|tool.?(use|choice|calling)|function.?call",
        lambda shape: _in_tags(shape) if shape.reply_format == "tools" else shape,
    ),
    (r"system (role|message|prompt)|role.{0,20}system|developer instruction", _without(system=False)),
)
"""What services complain about in a request, and what is done then."""


def adapted(shape: Shape, complaint: str) -> Shape | None:
    """How a request looks after a service has refused one; None if nothing about its form was wrong.

    Args:
        shape: How it looked.
        complaint: What the service said.
    """
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, complaint, re.IGNORECASE):
            changed = remedy(shape)
            if changed != shape:
                return changed
    return None
