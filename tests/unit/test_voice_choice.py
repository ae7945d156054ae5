"""Which voice speaks for whom: the order, the one warning, and never a wrong language where the right one is spoken."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from npc_runtime.config import Settings, TtsSettings
from npc_runtime.content.character import CharacterFile, Persona, VoiceSpec
from npc_runtime.models.registry import Registry
from npc_runtime.tts.voice_choice import VARIANTS, VoiceChain, VoicesHere, choose
from npc_runtime.tts.voices_here import MachineVoices

PIPER = {"en_US-joe-medium": "en", "en_us-joe-medium": "en", "de_DE-thorsten-medium": "de", "my/odd.onnx": ""}
ESPEAK = frozenset(["en", "en-gb", "de", "tr", "pt-br"])


def here(
    piper: Mapping[str, str] = PIPER, espeak: frozenset[str] = ESPEAK, services: Mapping[str, str] | None = None
) -> VoicesHere:
    def nearest(code: str) -> str | None:
        code = code.lower()
        return code if code in espeak else code[:2] if code[:2] in espeak else None

    return VoicesHere(
        piper_language=piper.get,
        piper_for=lambda language: next((name for name, spoken in piper.items() if spoken == language), None),
        espeak_language=nearest,
        espeak_variant=lambda variant: bool(espeak) and variant.lower() in {*VARIANTS, "m3"},
        services=services or {},
    )


def chain(
    name: str = "", engine: Any = "auto", language: str = "en", tts: Mapping[str, Any] | None = None, **there: Any
) -> VoiceChain:
    voice = VoiceSpec(engine=engine, name=name) if name else VoiceSpec(engine=engine)
    who = CharacterFile(name="Otto", language=language, persona=Persona(summary="A."), voice=voice).with_id("otto")
    return choose(who, TtsSettings(**(tts or {})), here(**there))


def spoken(found: VoiceChain) -> list[str]:
    """The voices, espeak's without the variant that a character is given."""
    return [f"{voice.engine}:{voice.name.partition('+')[0]}" for voice in found.voices]


JOE, THORSTEN, ESPK = "piper:en_US-joe-medium", "piper:de_DE-thorsten-medium", "espeak:en"
ELEVEN, GEORGE = {"elevenlabs": "George"}, "elevenlabs:George"


@pytest.mark.parametrize(
    ("asked", "voices"),
    [
        ({}, [JOE, "espeak:en"]),
        ({"language": "de-AT"}, [THORSTEN, "espeak:de"]),
        ({"language": "tr"}, ["espeak:tr"]),
        ({"language": "xx"}, []),
        ({"name": "de_DE-thorsten-medium", "language": "de"}, [THORSTEN, "espeak:de"]),
        ({"name": "de_DE-thorsten-medium#2", "language": "de"}, [THORSTEN + "#2", THORSTEN, "espeak:de"]),
        ({"name": "en_us-JOE-medium", "piper": PIPER | {"en_us-JOE-medium": "en"}},
         ["piper:en_us-JOE-medium", "espeak:en"]),
        ({"name": "en-gb+m3"}, ["espeak:en-gb", JOE]),
        ({"name": "en-gb+m3", "engine": "espeak"}, ["espeak:en-gb", JOE]),
        ({"name": "espeak:en"}, ["espeak:en", JOE]),
        ({"engine": "espeak"}, ["espeak:en", JOE]),
        ({"engine": "espeak", "espeak": frozenset()}, [JOE]),
        ({"tts": {"engine": "espeak"}}, ["espeak:en", JOE]),
        ({"tts": {"engine": "espeak"}, "engine": "piper"}, [JOE, "espeak:en"]),
        ({"engine": "openai", "services": {"openai": "alloy"}}, ["openai:alloy", JOE, "espeak:en"]),
        (
            {"name": "nova", "engine": "openai", "services": {"openai": "alloy"}},
            ["openai:nova", "openai:alloy", JOE, "espeak:en"],
        ),
        ({"name": "onyx", "tts": {"engine": "elevenlabs"}, "services": ELEVEN}, ["elevenlabs:onyx", GEORGE, JOE, ESPK]),
        (
            {"name": "de_DE-thorsten-medium", "language": "de", "services": ELEVEN}
            | {"tts": {"engine": "elevenlabs", "voices": {"de_DE-thorsten-medium": "elevenlabs:Otto"}}},
            ["elevenlabs:Otto", GEORGE, THORSTEN, "espeak:de"],
        ),
        (
            {"name": "old-man", "tts": {"engine": "elevenlabs", "voices": {"old-man": "onyx"}}, "services": ELEVEN},
            ["elevenlabs:onyx", GEORGE, JOE, ESPK],
        ),
        (
            {"name": "elevenlabs:de_DE-thorsten-medium", "tts": {"engine": "elevenlabs"}, "services": ELEVEN},
            ["elevenlabs:de_DE-thorsten-medium", GEORGE, JOE, ESPK],
        ),
        (
            {"name": "piper:en_US-joe-medium", "tts": {"engine": "elevenlabs"}, "services": ELEVEN},
            [JOE, GEORGE, ESPK],
        ),
        ({"tts": {"model": "my/odd.onnx"}, "name": "en_US-joe-medium"}, ["piper:my/odd.onnx", JOE, "espeak:en"]),
        ({"tts": {"engine": "openai", "model": "tts-1"}, "engine": "piper"}, [JOE, "espeak:en"]),
        ({"name": "old-man", "tts": {"voices": {"old-man": "espeak:en+m3"}}}, ["espeak:en", JOE]),
        ({"name": "old-man", "tts": {"voices": {"old-man": "en_US-joe-medium"}}}, [JOE, "espeak:en"]),
    ],
)  # fmt: skip
def test_the_order_of_voices(asked: dict[str, Any], voices: list[str]) -> None:
    found = chain(**asked)
    assert spoken(found) == voices
    assert not found.reasons


@pytest.mark.parametrize(
    ("asked", "voices", "code", "message", "hint"),
    [
        (
            {"name": "en_GB-alan-low"}, [JOE, "espeak:en"], "voice_missing",
            "Otto has the voice en_GB-alan-low, which is not on this machine: piper:en_US-joe-medium speaks instead.",
            "models pull en_GB-alan-low",
        ),
        (
            {"name": "old", "tts": {"voices": {"old": "piper:no-such"}}}, [JOE, "espeak:en"], "voice_missing",
            "which the settings give for old", "put another in its place under tts.voices",
        ),
        ({"tts": {"model": "gone"}}, [JOE, ESPK], "voice_missing", "the voice gone of the settings", "correct tts"),
        (
            {"tts": {"model": "de_DE-eva_k-x_low"}}, [JOE, ESPK], "voice_missing", "of the settings",
            "run `npc-runtime models pull de_DE-eva_k-x_low`, or correct tts.model",
        ),
        (
            {"name": "piper:en_GB-alan-low#2"}, [JOE, ESPK], "voice_missing", "the voice piper:en_GB-alan-low#2,",
            "run `npc-runtime models pull en_GB-alan-low`, or put",
        ),
        *(
            (
                {"name": name, "tts": {"engine": "elevenlabs"}, "services": ELEVEN}, [GEORGE, JOE, ESPK],
                "voice_missing", f"Otto has the voice {name}, which is none of elevenlabs: elevenlabs:George speaks",
                "name one of its voices under tts.voices, such as `elevenlabs:NAME`",
            )
            for name in ("de_DE-gone-medium#3", "en_us-joe-medium", "de+m3", "en")
        ),
        (
            {"name": "en_US-joe-medium", "language": "tr"}, ["espeak:tr"], "voice_language",
            "Otto speaks 'tr', and the voice en_US-joe-medium speaks 'en': espeak:tr", "voice of its language",
        ),
        (
            {"name": "en_US-joe-medium", "language": "xx"}, [JOE], "voice_language", "speaks all the same",
            "voice of its language",
        ),
        ({"name": "de+m3", "engine": "espeak"}, ["espeak:en", JOE], "voice_language", "Otto speaks 'en'", "voice"),
        ({"engine": "elevenlabs"}, [JOE, "espeak:en"], "voice_engine", "elevenlabs, which is not set up", "API_KEY"),
        ({"engine": "piper", "language": "tr"}, ["espeak:tr"], "voice_engine", "no voice for 'tr'", "models pull"),
        ({"name": "en+nobody", "engine": "espeak"}, ["espeak:en", JOE], "voice_missing", "en+nobody", "tts.voices"),
        ({"name": "gone", "piper": {}, "espeak": frozenset()}, [], "voice_missing", "nothing else here speaks", "put"),
    ],
)  # fmt: skip
def test_a_voice_that_is_not_the_wanted_one_is_told_once(
    asked: dict[str, Any], voices: list[str], code: str, message: str, hint: str
) -> None:
    found = chain(**asked)
    assert spoken(found) == voices
    assert [reason.code for reason in found.reasons] == [code]
    assert message in found.reasons[0].message
    assert hint in found.reasons[0].hint
    assert ("models pull" in found.reasons[0].hint) == ("models pull" in hint)


def test_characters_without_voices_sound_different_and_always_the_same() -> None:
    def voice(number: int) -> tuple[str, int]:
        who = CharacterFile(name="Villager", language="tr", persona=Persona(summary="A.")).with_id(f"villager_{number}")
        found = choose(who, TtsSettings(), here()).voices[0]
        return found.name, found.pitch

    voices = [voice(number) for number in range(40)]
    assert voices == [voice(number) for number in range(40)]
    assert len(set(voices)) >= 25
    assert max(Counter(voices).values()) <= 4


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("zero.onnx", b"", ""),  # it is there: whoever loads it says what is wrong with it
        ("page.onnx", b"<html>Not found</html>", ""),
        ("./nowhere.onnx", None, ""),
        ("no-such-voice", None, None),
        ("de_DE-thorsten-medium", None, None),
    ],
)
def test_a_file_that_is_no_voice_is_not_taken_for_a_missing_one(
    tmp_path: Path, name: str, content: bytes | None, found: str | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    settings = Settings(content=tmp_path, state=tmp_path / "state")
    assert MachineVoices(settings, Registry.load(), environ={}).here().piper_language(name) == found
