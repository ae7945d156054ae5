"""What words say about the end of a turn, and the word lists themselves."""

import json

import pytest

from npc_runtime.resources import bundled
from npc_runtime.stt.hint import TurnHint, turn_hint

LISTS: dict[str, dict[str, list[str]]] = json.loads(
    bundled("assets", "text", "turn_words.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("language", "text", "hint"),
    [
        ("en", "", "unsure"),
        ("en", "...", "unsure"),
        ("en", "Yes.", "finished"),
        ("en", "Show me your wares!", "finished"),
        ("en", 'They call him "the Wolf."', "finished"),
        ("en", "Can you mend my sword?", "question"),
        ("en-US", "Where are you from?", "question"),
        ("en", "Can I have that with?", "unfinished"),
        ("en", "I want a sword", "unsure"),
        ("en", "I want a sword and", "unfinished"),
        ("en", "I want a sword AND.", "unfinished"),
        ("en", "I want a sword, um.", "unfinished"),
        ("en", "I was there, you know.", "unfinished"),
        ("en", "Um.", "finished"),
        ("en", "I want the", "unfinished"),
        ("en", "Give me a large...", "unfinished"),
        ("en", "Give me a l-", "unfinished"),
        ("en", "Well,", "unfinished"),
        ("en", "I don’t know what it’s", "unfinished"),
        ("en", "Thank you.", "finished"),
        ("en", "Come in.", "finished"),
        ("de", "Ich suche das Schwert und", "unfinished"),
        ("de", "Ich suche, ähm.", "unfinished"),
        ("de", "Wo ist die Schmiede?", "question"),
        ("de", "Worauf wartest du?", "question"),
        ("de", "Mach bitte die Tür auf.", "unfinished"),
        ("tr", "Bir kılıç istiyorum ama", "unfinished"),
        ("tr", "Bir kılıç istiyorum.", "finished"),
        ("tr", "Bu nedir?", "question"),
        ("fr", "Je voudrais une épée et", "unsure"),
        ("fr", "Je voudrais une épée.", "finished"),
        ("", "Well.", "finished"),
    ],
)
def test_hint(language: str, text: str, hint: str) -> None:
    assert turn_hint(text, language) is TurnHint(hint)


@pytest.mark.parametrize("language", LISTS)
def test_lists_are_in_the_form_that_is_compared(language: str) -> None:
    assert set(LISTS[language]) == {"open", "trailing", "fillers", "asking"}
    for words in LISTS[language].values():
        assert words
        assert len(set(words)) == len(words)
        for word in words:
            assert word == word.casefold().strip()
            assert turn_hint(f"Xyz {word}.", language) is TurnHint.UNFINISHED or words is LISTS[language]["asking"]
