"""What a card's character says aloud: lines from example dialogues and greetings, without the narration around them."""

import re
from collections.abc import Collection, Iterator

from npc_runtime.content.cards.macros import Cast, resolve
from npc_runtime.content.cards.texts import LONGEST_LINE, LONGEST_READ, clean, one_line, split

_LABEL = re.compile(r"\s*(\{\{(?:char|user)\}\}|<(?:char|bot|user)>|[^:{}<>\n]{1,40}):\s*(.*)", re.IGNORECASE)
_BREAK = re.compile(r"\s*(?:<START>|END_OF_DIALOG)\s*", re.IGNORECASE)
_OWN = ("{{char}}", "<char>", "<bot>")
_OTHERS = ("{{user}}", "<user>", "user", "you")
_QUOTED = re.compile(r'"([^"]+)"|[“„]([^“”„]+)[”“]|«([^«»]+)»|「([^「」]+)」')
_ENDS_LIKE_SPEECH = re.compile(r"[.!?…,~—–。！？、-]$")
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_STRESSED = re.compile(r"\*\*([^*\n]+)\*\*")
_ACTION = re.compile(r"\*[^*]+\*|\[[^\[\]]*\]")
_CALLED = re.compile(r",\s*(?:\{\{user\}\}|<user>)(?=\s*(?:[.!?…,;*\"”]|$))", re.IGNORECASE | re.MULTILINE)
"""The player's name where the player is spoken to: the line is as good without it."""


def spoken(text: str, cast: Cast) -> str:
    """The words of a message that are said aloud, on one line.

    Role play writes either `*waves* Hello.` or `She waves. "Hello."`; of the first the stars go, of the second all that
    is not in quotes.

    Args:
        text: A message as the card has it.
        cast: Who it speaks of; the player should be a word of address, such as `you`.

    Returns:
        The words; empty when the message is narration only.
    """
    text = resolve(_CALLED.sub("", text[:LONGEST_READ]), cast)
    text = _ACTION.sub(" ", _STRESSED.sub(r"\1", _IMAGE.sub(" ", clean(text)))).strip()
    quoted = ["".join(found.groups(default="")).strip() for found in _QUOTED.finditer(text)]
    if any(_ENDS_LIKE_SPEECH.search(part) for part in quoted):
        return one_line(" ".join(quoted))
    return one_line(text.replace("*", ""))


def line(text: str, cast: Cast) -> str:
    """The same, of a length that a content file takes."""
    return split(spoken(text, cast), LONGEST_LINE)[0]


def example_lines(dialogue: str, names: Collection[str], cast: Cast) -> tuple[str, ...]:
    """What the character says in example dialogues.

    Args:
        dialogue: As in `mes_example`: messages that begin with `{{char}}:`, `{{user}}:` or a name, in blocks that begin
            with `<START>`.
        names: What the character is called in them.
        cast: As in `spoken`.

    Returns:
        Lines, each once, in order. Where nobody is named, every line counts.
    """
    own = {*_OWN, *(name.casefold() for name in names)}
    messages = list(_messages(dialogue[:LONGEST_READ].splitlines(), own))
    if not any(speaker for speaker, _ in messages):
        texts = [part for _, text in messages for part in text.splitlines()]
    else:
        texts = [text for speaker, text in messages if speaker == "own"]
    return tuple(dict.fromkeys(said for text in texts if (said := line(text, cast))))


def _messages(lines: Collection[str], own: Collection[str]) -> Iterator[tuple[str, str]]:
    """Who says what: `own`, `other` or, before anybody is named, nobody."""
    speaker, parts = "", list[str]()
    for text in lines:
        label = _LABEL.fullmatch(text)
        if _BREAK.fullmatch(text):
            following, first = "", ""
        elif label and (who := _speaker(label.group(1), own)):
            following, first = who, label.group(2)
        else:
            parts.append(text)
            continue
        if any(parts):
            yield speaker, "\n".join(parts)
        speaker, parts = following, [first]
    if any(parts):
        yield speaker, "\n".join(parts)


def _speaker(label: str, own: Collection[str]) -> str:
    """Whom a label names; nobody if it is only a word before a colon."""
    word = label.strip().casefold()
    if word in own:
        return "own"
    words = label.split()
    named = len(words) <= 3 and all(part[0].isupper() for part in words)
    return "other" if word in _OTHERS or named else ""
