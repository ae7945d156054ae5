"""Who knows the language of a character: its voice, speech-to-text and the language model should all know it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.content_file import ContentFile
from npc_runtime.content.cross_check import VOICE_LANGUAGE
from npc_runtime.content.told import base, speaks
from npc_runtime.errors import ModelError, Problem
from npc_runtime.models.locate import MissingModelError, package_pieces
from npc_runtime.models.registry import KIND_NAMES, Kind, ModelEntry, Registry
from npc_runtime.models.store import has_files, model_folder
from npc_runtime.services import speech_engine
from npc_runtime.tts.voice_choice import SERVICES
from npc_runtime.tts.voices_here import MachineVoices

_OUR_VOICES = ("auto", "piper")
_HINTS: Mapping[Kind, str] = {
    "stt": "leave `stt.model` empty; `npc-runtime models pull whisper-base` gets a model for a hundred languages",
    "llm": "until a model server on this machine, an online model (`llm.provider`) or a larger one (`llm.model`) "
    "answers, characters only say what is written",
    "tts": "get a voice of the language with `npc-runtime models pull NAME`, such as tr_TR-dfki-medium, or name a "
    "service in `tts.provider`",
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


def language_warnings(file: ContentFile, settings: Settings, known: Registry, told: set[Problem]) -> Iterator[Problem]:
    """Stages that do not know the language of a character, with what helps.

    What is on this machine is judged: the models of the settings, or else the default ones, and its voices. Services
    count as knowing every language.

    Args:
        file: A character file.
        settings: What applies to it.
        known: The known models.
        told: Warnings about other characters: the language model is the same for all, and told of once.
    """
    character, source = file.model, file.source
    if not isinstance(character, CharacterFile) or source is None:
        return
    voice = character.voice
    code = voice.name.partition("+")[0].replace("_", "-").lower()
    own = voice.engine == "auto" and _of_espeak(code, settings, known) == code  # such as `de+m3`
    if voice.engine in _OUR_VOICES and voice.name and not (settings.tts.model or voice.name in known or own):
        message = f"the voice `{voice.name}` is not known here"
        hint = "`npc-runtime models list` shows those that are; `tts.model` in the settings takes any file"
        yield source.problem(("voice", "name"), message, hint)
    for kind, configured in _local(settings):
        if fault := _fault(kind, configured, character.language, known):
            if kind != "llm" or all(fault != one.message for one in told):
                yield source.problem(("language",), fault, _HINTS[kind])
        elif missing := _missing(kind, configured, character.language, settings, known):
            yield source.problem(("language",), missing.message, missing.hint)
    if fault := _voice_fault(character, settings, known):
        yield source.problem(("language",), fault, _HINTS["tts"])
    if settings.stt.language and base(settings.stt.language) != base(character.language):
        fault = f"players speak '{settings.stt.language}', but the character's language is '{character.language}'"
        yield source.problem(("language",), fault, "change one of the two, or remove `stt.language` from the settings")
    if not speaks(character.language):
        fault = f"moods, intents and lines of the runtime itself are not there in the language '{character.language}'"
        yield source.problem(("language",), fault, "write its `barks`, and start goals by `keyword` or `event`")


def _local(settings: Settings) -> Iterator[tuple[Kind, str]]:
    """What hears and thinks on this machine, each with the model that the settings name."""
    stt, llm = settings.stt, settings.llm
    if stt.backend != "openai" and not (stt.provider or stt.base_url):
        yield "stt", stt.model
    if llm.backend not in ("openai", "transformers") and not (llm.provider or llm.base_url):
        yield "llm", llm.model


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


def _missing(kind: Kind, configured: str, language: str, settings: Settings, known: Registry) -> ModelError | None:
    """That the default model for a language is not on this machine; None where it is, or somebody named one."""
    if kind != "stt" or configured:
        return None
    entry = known.default(kind, language)
    if package_pieces(entry) or has_files(model_folder(settings.model_cache, entry.id), entry):
        return None
    return MissingModelError(entry)


def _voice_fault(character: CharacterFile, settings: Settings, known: Registry) -> str:
    """Why the voice that would be used does not know the language; empty if it does, or nobody can tell."""
    tts, language = settings.tts, character.language
    engine = speech_engine(tts) if character.voice.engine == "auto" else character.voice.engine
    if engine in SERVICES:
        return ""
    if engine in _OUR_VOICES and tts.model:
        return _fault("tts", tts.model, language, known)
    if engine in _OUR_VOICES and character.voice.name:  # judged by its name
        return ""
    if engine == "piper":
        return _fault("tts", "", language, known)
    if engine == "auto" and not _fault("tts", "", language, known):
        return ""
    if _of_espeak(language, settings, known) is None:
        return f"espeak does not know the language '{language}', or is not installed"
    return ""


def _of_espeak(language: str, settings: Settings, known: Registry) -> str | None:
    """The language of espeak nearest to one; None if it has none, or is not here."""
    return MachineVoices(settings, known).here().espeak_language(language)


def _known_voice(character: CharacterFile, known: Registry) -> ModelEntry | None:
    name = character.voice.name
    return known.get(name) if character.voice.engine in _OUR_VOICES and name and name in known else None
