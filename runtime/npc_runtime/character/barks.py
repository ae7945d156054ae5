"""Barks: short lines for moments without the language model, the author's own or else those of the language."""

from collections.abc import Mapping

from npc_runtime.content.character import CharacterFile

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


def all_lines(character: CharacterFile) -> tuple[str, ...]:
    """Everything that may have to be said at once."""
    return (*greetings(character), *failed_lines(character), *busy_lines(character), *fillers(character))


def _of(lines: Mapping[str, tuple[str, ...]], character: CharacterFile) -> tuple[str, ...]:
    return lines.get(character.language, lines["en"])
