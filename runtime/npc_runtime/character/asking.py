"""Asking: whether somebody who speaks wants to be told something, whether of what was said before, or only greets."""

import re

from npc_runtime.character.intent_stems import words_of
from npc_runtime.character.intent_words import MAX_CHARACTERS, Form, utterance

_MARK = re.compile("[?？؟]")
_UNDERSTOOD = ("en", "de", "tr")
_TELLING = frozenset({"tell", "hear", "story"})
"""Groups of words with which one asks without a question: "tell me about the mine", "I have heard of a mine"."""
_REFERRING = {
    "en": "it its he him his she her hers they them their theirs this that these those why",
    "de": "er ihn ihm es sie ihr ihnen das dies dieser diese dieses dort da davon damit dafür darüber warum wieso",
    "tr": "o onu ona onun onlar onları onların bu bunu buna bunun şu şunu orada orası oraya neden niye niçin",
}
"""Words that stand for something that was named before; "there" is none of them, as in "is there an inn?"."""
_REFERRING_WORDS = {language: frozenset(words.split()) for language, words in _REFERRING.items()}


def refers(line: str, language: str) -> bool:
    """Whether a line may speak of something that was named before it.

    Args:
        line: What is said.
        language: ISO 639-1 code; in others than English, German and Turkish any line may.
    """
    language = language.partition("-")[0]
    if language not in _REFERRING:
        return True
    return not _REFERRING_WORDS[language].isdisjoint(words_of(line[:MAX_CHARACTERS], language))


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


def greets(line: str, language: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether a line is a greeting and asks for nothing besides, as in "how are you?".

    Args:
        line: What is said.
        language: ISO 639-1 code; in others than English, German and Turkish no line is known to be one.
        names: See `intent_words.utterance`.
    """
    language = language.partition("-")[0]
    if language not in _UNDERSTOOD:
        return False
    meant = [unit.groups for unit in utterance(line, language, names).units]
    return any("greet" in groups for groups in meant) and all(not groups or "greet" in groups for groups in meant)


def asks_who(line: str, language: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether a line asks who it is that is spoken to, as in "what is your name?".

    Args:
        line: What is said.
        language: ISO 639-1 code; in others than English, German and Turkish no line is known to.
        names: See `intent_words.utterance`.
    """
    language = language.partition("-")[0]
    if language not in _UNDERSTOOD:
        return False
    said = utterance(line, language, names)
    return said.form is Form.OPEN and any("self" in unit.groups for unit in said.units)
