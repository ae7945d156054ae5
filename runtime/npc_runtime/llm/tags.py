"""Tags: what is written inside `[emotion …]` and `[action …]`, and inside their look-alikes."""

import json
import re
from dataclasses import dataclass
from typing import Literal

from npc_runtime.events import EmotionLabel, Strength
from npc_runtime.llm.labels import known_label, nearest_label, strength_of
from npc_runtime.llm.reply import ActionTag, EmotionTag

TagKind = Literal["emotion", "action", "other"]

_KEYWORDS: dict[str, TagKind] = {
    **dict.fromkeys(("emotion", "mood", "gefühl", "duygu"), "emotion"),
    **dict.fromkeys(("action", "act", "aktion", "eylem"), "action"),
}
"""What opens a tag: models are told the English words, and some translate them into what they speak."""
_TOKEN = re.compile(r"[^\s,:;=|/()\"'“”]+")
_FILLER = frozenset({"label", "strength", "intensity", "level", "type", "name", "and", "is"})
_OPEN_EMOTION = re.compile(r"[\s:=]*(?:([\w-]+)(?:[\s,:]+([\w-]+))?(?:[\s,:]+([\w.]+))?)?")
_NAME = re.compile(r"[\s:=]*([^\W\d][\w.-]*)\s*(?![\w=:.-])")
_ARGUMENT = re.compile(
    r"""(?:(?P<key>[^\W\d][\w.-]*)\s*[=:]\s*)?
    (?:"(?P<double>.*?)"(?=[\s,;]|$) | '(?P<single>.*?)'(?=[\s,;]|$) | “(?P<curly>[^”]*)” | (?P<bare>[^\s,;]+))""",
    re.VERBOSE,
)


def kind_of(head: str, following: str, *, angle: bool = False) -> TagKind:
    """Which kind of tag a bracket opens.

    Args:
        head: The letters right after the bracket.
        following: The character after those; empty at the end of the stream.
        angle: Whether the bracket is `<`, where the short form `<e:joy:2>` is understood too.
    """
    word = head.casefold()
    if angle and word == "e" and following == ":":
        return "emotion"
    kind = _KEYWORDS.get(word, "other")
    if word == "mood" and following not in (" ", ":", "="):
        return "other"
    return kind


def is_tag_prefix(body: str) -> bool:
    """Whether a bracket that was never closed can only have been the beginning of a tag."""
    text = body.strip().casefold()
    return not text or text[0] in "/|!?" or any(word.startswith(text) for word in (*_KEYWORDS, "thinking", "reasoning"))


def _without_keyword(body: str) -> str:
    return re.sub(r"^\s*[^\W\d_]+", "", body, count=1)


def read_emotion(body: str) -> tuple[EmotionTag | None, str]:
    """Read a closed emotion tag.

    Args:
        body: Everything between the brackets, with the keyword.

    Returns:
        The tag, and the word that names no emotion if there is one: the tag is `neutral` then. No tag at all if nothing
        but the keyword was written.
    """
    return _emotion_of(_without_keyword(body))


def bare_emotion(body: str) -> EmotionTag | None:
    """Read `[joy strong]`: without its keyword a tag counts only as a known word, alone or with a strength.

    Words in -ing that are no label (`[teasing]`) describe behaviour.
    """
    tokens = _TOKEN.findall(body)
    label = known_label("_".join(tokens))
    strength: Strength | None = None
    if label is None and len(tokens) > 1:
        label, strength = known_label("_".join(tokens[:-1])), strength_of(tokens[-1])
        if strength is None:
            return None
    if label is None or (tokens[0].casefold().endswith("ing") and label != tokens[0].casefold()):
        return None
    return EmotionTag(label, strength or "normal")


def _emotion_of(text: str) -> tuple[EmotionTag | None, str]:
    tokens = [token for token in _TOKEN.findall(text) if token.casefold() not in _FILLER]
    strength: Strength | None = None
    label: EmotionLabel | None = None
    unknown = ""
    for index, token in enumerate(tokens):
        pair = "_".join(tokens[index : index + 2])
        found = known_label(pair) if label is None else None
        if found is None and strength is None and (label is not None or len(tokens) > 1):
            strength = strength_of(token)
            if strength is not None:
                continue
        if label is None:
            label = found or nearest_label(token)
            unknown = unknown or ("" if label else token)
    if label is None and not unknown:
        return (EmotionTag("neutral", strength), "") if strength else (None, "")
    return EmotionTag(label or "neutral", strength or "normal"), "" if label else unknown


def read_open_emotion(body: str) -> tuple[EmotionTag | None, str]:
    """Read an emotion tag that lacks its closing bracket, as in `[emotion joy Welcome back!`.

    Args:
        body: Everything after the opening bracket, with the keyword.

    Returns:
        The tag if a label follows the keyword, and the text that is speech rather than tag.
    """
    text = _without_keyword(body)
    match = _OPEN_EMOTION.match(text)
    if match is None or match[1] is None:
        return None, text
    first, second, third = match.groups()
    label, end = (known_label(f"{first}_{second}"), match.end(2)) if second else (None, 0)
    strength = strength_of(third) if label and third else None
    after = match.end(3)
    if label is None:
        label, end = nearest_label(first), match.end(1)
        strength = strength_of(second) if second else None
        after = match.end(2)
    if label is None:
        return None, text
    return EmotionTag(label, strength or "normal"), text[after if strength else end :].lstrip(" )}>:,;")


@dataclass(frozen=True, slots=True)
class BadAction:
    """Why an action tag cannot be read; such an action never runs."""

    reason: str


def read_action(body: str) -> ActionTag | BadAction:
    """Read a closed action tag.

    `name key=value key="two words"`, `name(key=value, …)` and `name {"key": "value"}` are all understood. A value that
    has no key, before the others or behind a comma, is kept under the empty key.

    Args:
        body: Everything between the brackets, with the keyword.
    """
    text = _without_keyword(body).strip()
    if text.endswith("/") and not text.endswith("//"):
        text = text[:-1].rstrip()
    match = _NAME.match(text)
    if match is None:
        return BadAction("it names no action")
    name, rest = match[1], text[match.end() :].strip().lstrip(",").strip()
    if rest.startswith("("):
        inner, closed, tail = rest[1:].rpartition(")")
        if not closed or tail.strip():
            return BadAction("its parenthesis is not closed")
        rest = inner.strip()
    if rest.startswith("{"):
        return _json_arguments(name, rest)
    return _plain_arguments(name, rest)


def _plain_arguments(name: str, text: str) -> ActionTag | BadAction:
    args: dict[str, str] = {}
    open_key, end = "", 0
    for match in _ARGUMENT.finditer(text):
        value = next(match[group] for group in ("double", "single", "curly", "bare") if match[group] is not None)
        bare = match["bare"] is not None
        if bare and value[0] in "\"'“=":
            return BadAction(f"the value of {match['key'] or 'an argument'} is not readable")
        # `item=iron sword`: a word that only a blank parts from an unquoted value belongs to it.
        key = match["key"] or (open_key if bare and not text[end : match.start()].strip() else "")
        if match["key"] is None and key in args:
            args[key] += f" {value}"
        elif args.setdefault(key, value) != value:
            return BadAction(f"it gives {key} twice")
        open_key, end = key if bare else "", match.end()
    return ActionTag(name, args)


def _json_arguments(name: str, text: str) -> ActionTag | BadAction:
    repaired = re.sub(r",\s*}", "}", text if '"' in text else text.replace("'", '"'))
    try:
        data = json.loads(repaired)
    except (ValueError, RecursionError):
        return BadAction("its arguments are not readable")
    return ActionTag(name, {str(key): _plain(value) for key, value in data.items() if value is not None})


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
