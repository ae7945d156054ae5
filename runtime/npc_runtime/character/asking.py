"""Asking: whether somebody who speaks wants to be told something."""

import re

from npc_runtime.character.intent_words import Form, utterance

_MARK = re.compile("[?？؟]")
_UNDERSTOOD = ("en", "de", "tr")
_TELLING = frozenset({"tell", "hear", "story"})
"""Groups of words with which one asks without a question: "tell me about the mine", "I have heard of a mine"."""


def asks(line: str, language: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether a line asks to be told something; "can I have an ale?" asks for something else.

    Args:
        line: What is said.
        language: ISO 639-1 code; of others than English, German and Turkish only question marks are understood.
        names: See `intent_words.utterance`.
    """
    language = language.partition("-")[0]
    marked = bool(_MARK.search(line))
    if language not in _UNDERSTOOD:
        return marked
    said = utterance(line, language, names)
    if said.form in (Form.POLAR, Form.OPEN) or any(not _TELLING.isdisjoint(unit.groups) for unit in said.units):
        return True
    return marked and said.form != Form.WISH
