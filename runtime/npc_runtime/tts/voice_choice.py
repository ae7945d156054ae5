"""Which voice speaks: an ordered chain of voices for a character, and why it may not be the one that was wanted.

The character's own voice comes first, then what the settings put in its place, then the engine's voice for the
language, then Piper's, then espeak's. A voice of another language is taken only when nothing here speaks the right one.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from npc_runtime.config import TtsSettings
from npc_runtime.content.character import CharacterFile
from npc_runtime.models.piper_voices import is_voice_name

Engine = Literal["piper", "espeak", "openai", "elevenlabs"]
SERVICES: frozenset[str] = frozenset({"openai", "elevenlabs"})
"""Engines elsewhere; they cost money, and take any name of a voice."""

VARIANTS = ("", "m1", "m4", "m5", "m6", "m7", "m8", "f2", "f4", "steph2", "steph3", "belinda", "gene", "hugo", "victor")
"""Variants of espeak that Whisper understands nearly as well as the plain voice, told apart by ear at once."""
_PITCHES = (40, 45, 50, 55, 60)


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """One voice of one engine."""

    engine: Engine
    name: str
    """As the engine calls it, for Piper with `#SPEAKER` after it if wanted; empty for a service's own default."""
    language: str
    """ISO 639 code of what it is to speak."""
    pitch: int = 50
    """For espeak, 0..100."""

    def __str__(self) -> str:
        return f"{self.engine}:{self.name}" if self.name else self.engine


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a character does not speak as it was meant to; told once."""

    code: Literal["voice_missing", "voice_language", "voice_engine"]
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class VoiceChain:
    """What may speak for one character."""

    voices: tuple[VoiceChoice, ...]
    """The best first; empty when nothing here speaks at all."""
    reasons: tuple[Reason, ...] = ()
    """At most one of each code."""


@dataclass(frozen=True, slots=True)
class VoicesHere:
    """What this machine can speak with."""

    piper_language: Callable[[str], str | None]
    """Language of a Piper voice, by id or path without `#SPEAKER`; empty if it does not say, None if it is not here."""
    piper_for: Callable[[str], str | None]
    """The Piper voice that is here for a language; None if there is none."""
    espeak_language: Callable[[str], str | None]
    """The language of espeak nearest to a code; None if it has none, or is not installed."""
    espeak_variant: Callable[[str], bool]
    """Whether espeak has a variant."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Online engines that are set up, and the voice each has for those who name none."""


def choose(character: CharacterFile, tts: TtsSettings, here: VoicesHere) -> VoiceChain:
    """The voices that may speak for a character, in order.

    Args:
        character: Who speaks.
        tts: The person's settings.
        here: What there is.
    """
    chooser = _Chooser(character, tts, here)
    chooser.own()
    chooser.others()
    return chooser.chain()


class _Chooser:
    def __init__(self, character: CharacterFile, tts: TtsSettings, here: VoicesHere) -> None:
        self._who = character
        self._tts = tts
        self._here = here
        self._code = character.language
        self._language = _primary(character.language)
        self._engine = character.voice.engine if character.voice.engine != "auto" else tts.engine
        self._found: dict[VoiceChoice, str | None] = {}
        """In order, with the language of each; None where it speaks any."""
        self._reasons: dict[str, Reason] = {}

    def own(self) -> None:
        """What the person puts in the place of every voice, or what the author named."""
        name, replaced = self._who.voice.name, self._tts.model
        if replaced and self._tts.engine in ("auto", "piper") and self._engine in ("auto", "piper"):
            if not self._piper(replaced):
                self._missing(f"the voice {replaced} of the settings", replaced, "correct tts.model")
        elif name:
            instead = self._tts.voices.get(name, "")
            # A service takes any name, so that nothing would ever be put in the place of one.
            if (instead and self._engine in SERVICES) or not self._named(name, self._engine):
                self._replaced(name, instead)

    def others(self) -> None:
        """The engine's voice for the language, then Piper's, then espeak's."""
        engine = self._engine
        if engine in SERVICES:
            if engine in self._here.services:
                self._add(VoiceChoice(cast(Engine, engine), self._here.services[engine], self._language), None)
            else:
                self._because(
                    "voice_engine",
                    f"{self._who.name} is to speak with {engine}, which is not set up",
                    "set tts.base_url, or the key in NPC_RUNTIME_TTS__API_KEY",
                )
        if engine == "espeak":
            self._espeak()
        voice = self._here.piper_for(self._language)
        if voice is not None:
            # A voice has an id and a name that differ in case; it is not to be tried twice.
            if all(voice.lower() != choice.name.lower() for choice in self._found):
                self._add(VoiceChoice("piper", voice, self._language), self._language)
        elif engine == "piper" and not self._found:
            self._because(
                "voice_engine",
                f"{self._who.name} is to speak with Piper, which has no voice for {self._code!r} here",
                "fetch one: `npc-runtime models pull NAME`, such as de_DE-thorsten-medium",
            )
        self._espeak()

    def chain(self) -> VoiceChain:
        """What was found, without wrong languages as long as there is a right one."""
        right = [choice for choice, spoken in self._found.items() if spoken in (None, self._language)]
        wrong = [choice for choice, spoken in self._found.items() if spoken not in (None, self._language)]
        voices = tuple(right or wrong)
        for choice in wrong:
            self._because(
                "voice_language",
                f"{self._who.name} speaks {self._code!r}, and the voice {choice.name} speaks {self._found[choice]!r}",
                "give the character a voice of its language",
            )
        how = "instead" if right else "all the same"
        ending = f": {voices[0]} speaks {how}." if voices else ", and nothing else here speaks."
        reasons = self._reasons.values()
        return VoiceChain(voices, tuple(Reason(why.code, why.message + ending, why.hint) for why in reasons))

    def _replaced(self, name: str, instead: str) -> None:
        """Add what the settings put in the place of a voice, or say what is missing."""
        if instead:
            if not self._named(instead, "auto"):
                self._missing(f"the voice {instead}, which the settings give for {name}", instead)
        elif self._engine in self._here.services:
            self._because(
                "voice_missing",
                f"{self._who.name} has the voice {name}, which is none of {self._engine}",
                f"name one of its voices under tts.voices, such as `{self._engine}:NAME`",
            )
        else:
            self._missing(f"the voice {name}", name)

    def _named(self, name: str, engine: str) -> bool:
        """Add the voice of a name; whether there is one."""
        prefix, colon, rest = name.partition(":")
        meant = bool(colon) and prefix in get_args(Engine)
        if meant:
            engine, name = prefix, rest
        if engine in ("auto", "piper") and self._piper(name):
            return True
        if engine in ("auto", "espeak") and self._espeak_named(name):
            return True
        if engine == "auto":
            engine = self._tts.engine
        return (meant or not self._is_ours(name)) and self._service(engine, name)

    def _is_ours(self, name: str) -> bool:
        """Whether a name is that of a voice of Piper or espeak, here or not: no service is asked for it by mistake."""
        voice = name.partition("#")[0]
        return is_voice_name(voice) or bool(self._here.piper_language(voice)) or self._is_espeak(name.partition("+")[0])

    def _piper(self, name: str) -> bool:
        language = self._here.piper_language(name.partition("#")[0])
        if language is not None:
            self._add(VoiceChoice("piper", name, self._language), _primary(language) or None)
        return language is not None

    def _espeak_named(self, name: str) -> bool:
        code, _, variant = name.partition("+")
        if not self._is_espeak(code):
            return False
        if variant and not self._here.espeak_variant(variant):
            return False
        self._add(VoiceChoice("espeak", name, _primary(code)), _primary(code))
        return True

    def _is_espeak(self, code: str) -> bool:
        # Nothing less than the whole code: `en_GB-alan-low` is no voice of espeak because `en-gb` is.
        return self._here.espeak_language(code) == code.replace("_", "-").lower()

    def _service(self, engine: str, name: str) -> bool:
        if engine not in self._here.services:
            return False
        self._add(VoiceChoice(cast(Engine, engine), name, self._language), None)
        return True

    def _espeak(self) -> None:
        code = self._here.espeak_language(self._code)
        if code is None or any(c.engine == "espeak" and spoken == self._language for c, spoken in self._found.items()):
            return
        variant, pitch = _of_its_own(self._who)
        if variant and not self._here.espeak_variant(variant):
            variant = ""
        name = f"{code}+{variant}" if variant else code
        self._add(VoiceChoice("espeak", name, self._language, pitch), self._language)

    def _add(self, choice: VoiceChoice, language: str | None) -> None:
        self._found.setdefault(choice, language)

    def _missing(self, what: str, name: str, hint: str = "put another in its place under tts.voices") -> None:
        voice = name.removeprefix("piper:").partition("#")[0]
        if is_voice_name(voice):
            hint = f"run `npc-runtime models pull {voice}`, or {hint}"
        self._because("voice_missing", f"{self._who.name} has {what}, which is not on this machine", hint)

    def _because(
        self, code: Literal["voice_missing", "voice_language", "voice_engine"], message: str, hint: str
    ) -> None:
        self._reasons.setdefault(code, Reason(code, message, hint))


def _of_its_own(character: CharacterFile) -> tuple[str, int]:
    """Variant and pitch of a character that has no voice: always the same, and another for most others."""
    digest = hashlib.blake2s((character.id or character.name).encode("utf-8"), digest_size=4).digest()
    number = int.from_bytes(digest, "big")
    return VARIANTS[number % len(VARIANTS)], _PITCHES[number // len(VARIANTS) % len(_PITCHES)]


def _primary(code: str) -> str:
    return code.replace("_", "-").partition("-")[0].lower()
