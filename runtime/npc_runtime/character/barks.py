"""Barks: short lines for moments without the language model, the author's own or else those of the language."""

from collections.abc import Mapping

from npc_runtime.content.character import CharacterFile
from npc_runtime.content.told import base

_BUSY = {
    "en": ("Not now.", "A moment."),
    "de": ("Nicht jetzt.", "Einen Augenblick."),
    "tr": ("Şimdi olmaz.", "Bir dakika."),
}
_LOST = {
    "en": ("Hm. I lost my thread.",),
    "de": ("Hm. Jetzt habe ich den Faden verloren.",),
    "tr": ("Hm. Ne diyeceğimi unuttum.",),
}
_FILLERS = {
    "en": ("Hm.", "Well.", "Let me see."),
    "de": ("Hm.", "Nun ja.", "Mal sehen."),
    "tr": ("Hm.", "Şey.", "Bir bakayım."),
}
_UNANSWERED = {
    "en": ("That I cannot tell you.", "You ask too much of me.", "Who knows?"),
    "de": ("Das kann ich dir nicht sagen.", "Da fragst du mich zu viel.", "Wer weiß das schon?"),
    "tr": ("Bunu sana söyleyemem.", "Onu bilemem.", "Kim bilir?"),
}
_REMARKS = {
    "en": ("Is that so?", "I see.", "So they say."),
    "de": ("Ist das so?", "Soso.", "Was du nicht sagst."),
    "tr": ("Öyle mi?", "Anladım.", "Demek öyle."),
}
_WHILE_ACTING = {
    "en": ("Well then.", "So be it."),
    "de": ("Na dann.", "Also gut."),
    "tr": ("Peki öyleyse.", "Pekâlâ."),
}


def greetings(character: CharacterFile) -> tuple[str, ...]:
    """What is said when the player turns to the character; empty: nothing."""
    return character.barks.greet


def busy_lines(character: CharacterFile) -> tuple[str, ...]:
    """What is said when there is no time for an answer."""
    return character.barks.busy or _of(_BUSY, character)


def failed_lines(character: CharacterFile) -> tuple[str, ...]:
    """What is said when there should be an answer, and none could be made."""
    return character.barks.failed or _of(_LOST, character)


def fillers(character: CharacterFile) -> tuple[str, ...]:
    """Sounds that bridge the wait for an answer."""
    return _of(_FILLERS, character)


def unanswered(character: CharacterFile) -> tuple[str, ...]:
    """What is said to a question when the character has no words of its own for an answer."""
    return _of(_UNANSWERED, character)


def remarks(character: CharacterFile) -> tuple[str, ...]:
    """What is said to something that is no question, in the same case."""
    return tuple(character.style.sample_lines) or _of(_REMARKS, character)


def while_acting(character: CharacterFile) -> tuple[str, ...]:
    """What is said while something is done, in the same case."""
    return _of(_WHILE_ACTING, character)


def all_lines(character: CharacterFile) -> tuple[str, ...]:
    """Everything that may have to be said at once."""
    return (*greetings(character), *failed_lines(character), *busy_lines(character), *fillers(character))


def _of(lines: Mapping[str, tuple[str, ...]], character: CharacterFile) -> tuple[str, ...]:
    return lines.get(base(character.language), lines["en"])
