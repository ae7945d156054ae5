"""Which models know the language of a character: the voice, speech-to-text and the language model must all know it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.cross_check import VOICE_LANGUAGE
from npc_runtime.content.told import base, speaks
from npc_runtime.errors import ModelError, Problem
from npc_runtime.models.registry import KIND_NAMES, Kind, ModelEntry, Registry

_OUR_VOICES = ("auto", "piper")
_HINTS: Mapping[Kind, str] = {
    "stt": "leave `stt.model` empty, so that a multilingual model is taken; `npc-runtime models pull` gets it",
    "llm": "name an online model (`llm.provider`) or a larger one in `llm.model`: `npc-runtime models list`",
    "tts": "write `voice: {engine: espeak}`, get a voice with `npc-runtime models pull`, or name an online one",
}
_ENGLISH_WHISPER = re.compile(r"[.-]en$")
"""How Whisper models are named that know English only."""


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
    elif base(character.language) not in voice.languages and not VOICE_LANGUAGE.match(character.voice.name):
        spoken = ", ".join(f"`{language}`" for language in voice.languages)
        message = f"this voice speaks {spoken}, but the character's language is `{character.language}`"
        yield source.problem(("voice", "name"), message, "change one of the two")


def language_warnings(file: ContentFile, settings: Settings, known: Registry) -> Iterator[Problem]:
    """Stages that do not know the language of a character, with what helps.

    Models on this machine are judged: those of the settings, or else the default ones. Services are not asked.

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
    for kind, configured in _local(character, settings):
        if fault := _fault(kind, configured, character.language, known):
            yield source.problem(("language",), fault, _HINTS[kind])
    if settings.stt.language and base(settings.stt.language) != base(character.language):
        fault = f"players speak '{settings.stt.language}', but the character's language is '{character.language}'"
        yield source.problem(("language",), fault, "change one of the two, or remove `stt.language` from the settings")
    if not speaks(character.language):
        fault = f"moods, intents and lines of the runtime itself are not there in the language '{character.language}'"
        yield source.problem(("language",), fault, "write its `barks`, and start goals by `keyword` or `event`")


def _local(character: CharacterFile, settings: Settings) -> Iterator[tuple[Kind, str]]:
    """The kinds of models that work on this machine for a character, and those that the settings name."""
    stt, llm, tts = settings.stt, settings.llm, settings.tts
    if stt.backend != "openai" and not (stt.provider or stt.base_url):
        yield "stt", stt.model
    if llm.backend not in ("openai", "transformers") and not (llm.provider or llm.base_url):
        yield "llm", llm.model
    engine = tts.engine if character.voice.engine == "auto" else character.voice.engine
    if engine in _OUR_VOICES and (tts.model or not character.voice.name):
        yield "tts", tts.model


def _fault(kind: Kind, configured: str, language: str, known: Registry) -> str:
    """Why the model that would be used does not know a language; empty if it does, or nobody can tell."""
    if configured and configured not in known:
        if kind == "stt" and _ENGLISH_WHISPER.search(PurePath(configured).name) and base(language) != "en":
            return f"the speech-to-text model {PurePath(configured).name} knows English only, not '{language}'"
        return ""  # a file of one's own
    try:
        # The language model is not chosen by language.
        entry = known.get(configured) if configured else known.default(kind, "en" if kind == "llm" else language)
    except ModelError as error:
        return error.message
    if base(language) in entry.languages:
        return ""
    return f"the {KIND_NAMES[kind]} {entry.id} does not know the language '{language}'"


def _known_voice(character: CharacterFile, known: Registry) -> ModelEntry | None:
    name = character.voice.name
    return known.get(name) if character.voice.engine in _OUR_VOICES and name and name in known else None
