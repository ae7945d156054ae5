"""Which models know the language of a character: the voice, speech-to-text and the language model must all know it."""

from collections.abc import Iterator

from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.cross_check import VOICE_LANGUAGE
from npc_runtime.errors import ModelError, Problem
from npc_runtime.models.registry import KIND_NAMES, Kind, ModelEntry, Registry

_OUR_VOICES = ("auto", "piper")


def language_problems(file: ContentFile, settings: Settings, known: Registry) -> Iterator[Problem]:
    """A voice that is known, and cannot speak the language of the character who names it.

    Args:
        file: A character file.
        settings: What applies to it.
        known: The known models.
    """
    character, source = file.model, file.source
    if not isinstance(character, CharacterFile) or source is None or settings.tts.model:
        return
    voice = _known_voice(character, known)
    if voice is None:
        return
    if voice.kind != "tts":
        message = f"`{voice.id}` is no voice, but a {KIND_NAMES[voice.kind]}"
        yield source.problem(("voice", "name"), message, "`npc-runtime models list` shows the voices")
    elif _code(character.language) not in voice.languages and not VOICE_LANGUAGE.match(character.voice.name):
        spoken = ", ".join(f"`{language}`" for language in voice.languages)
        message = f"this voice speaks {spoken}, but the character's language is `{character.language}`"
        yield source.problem(("voice", "name"), message, "change one of the two")


def language_warnings(file: ContentFile, settings: Settings, known: Registry) -> Iterator[Problem]:
    """Models that do not know the language of a character: those of the settings, or else the default ones.

    Args:
        file: A character file.
        settings: What applies to it.
        known: The known models.
    """
    character, source = file.model, file.source
    if not isinstance(character, CharacterFile) or source is None:
        return
    ours = character.voice.engine in _OUR_VOICES
    if ours and character.voice.name and not settings.tts.model and character.voice.name not in known:
        message = f"the voice `{character.voice.name}` is not known here"
        hint = "`npc-runtime models list` shows those that are; `tts.model` in the settings takes any file"
        yield source.problem(("voice", "name"), message, hint)
    wanted: list[tuple[Kind, str]] = [("stt", settings.stt.model), ("llm", settings.llm.model)]
    if ours and (settings.tts.model or not character.voice.name):
        wanted.append(("tts", settings.tts.model))
    for kind, configured in wanted:
        if fault := _fault(kind, configured, character.language, known):
            yield source.problem(("language",), fault, "name a model that knows it in the settings")


def _fault(kind: Kind, configured: str, language: str, known: Registry) -> str:
    """Why the model that would be used does not know a language; empty if it does, or nobody can tell."""
    if configured and configured not in known:
        return ""  # a file of one's own
    try:
        # The language model is not chosen by language.
        entry = known.get(configured) if configured else known.default(kind, "en" if kind == "llm" else language)
    except ModelError as error:
        return error.message
    if _code(language) in entry.languages:
        return ""
    return f"the {KIND_NAMES[kind]} {entry.id} does not know the language '{language}'"


def _known_voice(character: CharacterFile, known: Registry) -> ModelEntry | None:
    name = character.voice.name
    return known.get(name) if character.voice.engine in _OUR_VOICES and name and name in known else None


def _code(language: str) -> str:
    return language.split("-")[0]
