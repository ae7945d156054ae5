"""Replies that are a JSON object: finds the words to speak and the emotion in it."""

import json
import re
from dataclasses import dataclass

from npc_runtime.llm.labels import nearest_label, strength_of
from npc_runtime.llm.reply import EmotionTag

_TEXT_KEYS = (
    "text",
    "speech",
    "say",
    "dialogue",
    "dialog",
    "message",
    "reply",
    "response",
    "content",
    "utterance",
    "line",
    "answer",
    "output",
)
_EMOTION_KEYS = ("emotion", "mood", "feeling")
_STRENGTH_KEYS = ("strength", "intensity")
_PARTIAL = re.compile(rf'"(?:{"|".join(_TEXT_KEYS)})"\s*:\s*"((?:[^"\\]|\\.)*)', re.IGNORECASE)
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class JsonReply:
    """What an object says."""

    text: str
    emotion: EmotionTag | None = None


def read_json_reply(source: str) -> JsonReply | None:
    """Read an object that a model wrote in place of plain text.

    Args:
        source: The object; it may be cut off or slightly wrong, then only its text is looked for.

    Returns:
        Its text and emotion, or None if it has no text.
    """
    try:
        data = json.loads(re.sub(r",\s*}", "}", source))
    except (ValueError, RecursionError):
        return _partial(source)
    text = _find_text(data, _DEPTH) or _longest_phrase(data)
    return JsonReply(text, _emotion(data)) if text else None


def _partial(source: str) -> JsonReply | None:
    match = _PARTIAL.search(source)
    if match is None:
        return None
    try:
        text = json.loads(f'"{match[1]}"', strict=False)
    except ValueError:
        text = match[1].replace("\\", " ")
    return JsonReply(text) if text.strip() else None


def _find_text(data: object, depth: int) -> str:
    if not isinstance(data, dict) or not depth:
        return ""
    fields = {str(key).casefold(): value for key, value in data.items()}
    for key in _TEXT_KEYS:
        value = fields.get(key)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            value = " ".join(value)
        if isinstance(value, str) and value.strip():
            return value
    return next((found for value in fields.values() if (found := _find_text(value, depth - 1))), "")


def _longest_phrase(data: object) -> str:
    values = data.values() if isinstance(data, dict) else ()
    return max((value for value in values if isinstance(value, str) and " " in value.strip()), key=len, default="")


def _emotion(data: object) -> EmotionTag | None:
    fields = {str(key).casefold(): value for key, value in data.items()} if isinstance(data, dict) else {}
    word = next((fields[key] for key in _EMOTION_KEYS if isinstance(fields.get(key), str)), "")
    label = nearest_label(word) if word else None
    strength = next((strength_of(str(fields[key])) for key in _STRENGTH_KEYS if key in fields), None)
    return EmotionTag(label, strength or "normal") if label else None
