"""JSON Schemas of a reply: what may be felt, said and done now, for services that bind their models to a schema."""

import math
from collections.abc import Sequence
from typing import Any

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.events import EMOTION_LABELS
from npc_runtime.llm.json_reply_stream import ACTION, SPEECH
from npc_runtime.llm.labels import STRENGTHS

_SENTENCE = 240
"""Characters that a sentence may have."""


def reply_schema(options: Sequence[ActionOption], max_sentences: int) -> dict[str, Any]:
    """The schema of a reply that is a JSON object. What is felt comes first, as the voice needs it first.

    Args:
        options: What the character may do now.
        max_sentences: How long the speech may be; 0 says nothing about it.
    """
    speech: dict[str, Any] = {"type": "string"}
    if max_sentences:
        speech["description"] = f"At most {max_sentences} short sentences, {_SENTENCE * max_sentences} characters."
    properties: dict[str, Any] = {
        "emotion": {"type": "string", "enum": list(EMOTION_LABELS)},
        "strength": {"type": "string", "enum": list(STRENGTHS)},
        SPEECH: speech,
    }
    if options:
        properties["actions"] = {"type": "array", "items": {"anyOf": [_entry(option) for option in options]}}
    return _closed(properties)


def action_tools(options: Sequence[ActionOption]) -> list[dict[str, Any]]:
    """The possible actions as functions, each with `name`, `description` and the schema of its `parameters`."""
    return [
        {
            "name": option.name,
            "description": option.description,
            "parameters": {
                "type": "object",
                "properties": {arg.name: _value(arg) for arg in option.args},
                "required": [arg.name for arg in option.args if arg.required],
                "additionalProperties": False,
            },
        }
        for option in options
    ]


def _entry(option: ActionOption) -> dict[str, Any]:
    # Strict schemas must require every key: what may be left out may be null.
    properties = {arg.name: _value(arg) if arg.required else _or_null(_value(arg)) for arg in option.args}
    name = {"type": "string", "enum": [option.name], "description": option.description}
    return _closed({ACTION: name} | properties)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _value(argument: ArgumentOption) -> dict[str, Any]:
    if argument.kind == "choice":
        return {"type": "string", "enum": list(argument.choices)}
    if argument.kind == "text":
        # `maxLength` is not part of what strict schemas may have everywhere.
        return {"type": "string", "description": f"At most {argument.max_length or 80} characters."}
    low, high = argument.minimum, argument.maximum
    if argument.kind == "integer":
        limits: dict[str, float | None] = {
            "minimum": None if low is None else math.ceil(low),
            "maximum": None if high is None else math.floor(high),
        }
    else:
        limits = {"minimum": low, "maximum": high}
    return {"type": argument.kind} | {key: limit for key, limit in limits.items() if limit is not None}
