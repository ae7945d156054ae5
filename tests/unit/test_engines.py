"""The mouth of this machine: a voice is loaded and warmed once, whoever speaks with it, and spoken with in colour."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile, Persona, VoiceSpec
from npc_runtime.engines import Engines
from npc_runtime.errors import ModelError, NpcError
from npc_runtime.llm.backend import Completion, Delta, Finish, ReplyFormat
from npc_runtime.models.locate import LocatedModel
from npc_runtime.models.registry import Registry
from npc_runtime.speech import ClipHead, ClipPiece, VoiceColour

pytestmark = pytest.mark.anyio

ANGRY = VoiceColour(rate=1.1, variability=1.05, volume=1.15)


class Voice:
    """Notes how it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warmed = 0
        self.asked: list[dict[str, Any]] = []

    def warm_up(self) -> None:
        self.warmed += 1

    def stream(self, text: str, **manner: Any) -> Iterator[ClipHead | ClipPiece]:
        self.asked.append({"text": text, **{key: value for key, value in manner.items() if key != "ticket"}})
        yield ClipHead((), 1, 1000, "exact", "en")
        yield ClipPiece(np.zeros(1, np.float32), 1000, last=True)


class Mind:
    """A language model that is not there."""

    name = "nobody"
    small = True
    reply_format: ReplyFormat = "tags"
    busy = False

    async def start(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def stream(self, request: Completion) -> AbstractAsyncContextManager[AsyncIterator[Delta | Finish]]:
        raise NotImplementedError

    async def warm(self, request: Completion, *, said: str = "") -> None:
        raise NotImplementedError

    async def count(self, texts: Sequence[str]) -> list[int]:
        raise NotImplementedError


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Voice]:
    """Every Piper voice that was loaded. There is no other engine."""
    monkeypatch.setattr("npc_runtime.tts.voices_here.espeak_installed", lambda: False)
    voices: list[Voice] = []

    def load(path: Path, **_: Any) -> Voice:
        if path.name == "broken":
            raise ModelError("The voice is damaged.", hint="fetch it again")
        voices.append(Voice(path))
        return voices[-1]

    monkeypatch.setattr("npc_runtime.tts.voices_here.PiperVoice.load", load)
    return voices


@pytest.fixture
def located(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every voice that was looked for to be loaded; the one of no name is `joe`. There is no language model."""
    wanted: list[str] = []
    entry = Registry.load().default("tts", "en")

    def locate(name: str, *, kind: Any, verify: bool = True, **_: Any) -> LocatedModel:
        if kind == "tts" and verify:
            wanted.append(name)
        return LocatedModel(name, kind, Path("joe" if name == entry.id else name), (), entry, "config")

    monkeypatch.setattr("npc_runtime.engines.locate", locate)
    monkeypatch.setattr("npc_runtime.tts.voices_here.locate", locate)
    return wanted


def someone(number: int = 0, **voice: Any) -> CharacterFile:
    return CharacterFile(name=f"Villager {number}", persona=Persona(summary="Someone."), voice=VoiceSpec(**voice))


async def start(characters: list[CharacterFile]) -> None:
    running = Engines(Settings(), Mind(), Registry.load())
    try:
        await running.start(characters, ears=False)
    finally:
        await running.aclose()


async def test_a_thousand_characters_load_and_warm_each_voice_once(loaded: list[Voice], located: list[str]) -> None:
    rates = [0.8 + number / 2500 for number in range(1000)]
    names: tuple[dict[str, str], ...] = ({}, {"name": "joe"}, {"name": "amy"})
    await start([someone(number, rate=rate, **names[number % 3]) for number, rate in enumerate(rates)])
    assert sorted(voice.path.name for voice in loaded) == ["amy", "joe"]
    assert [voice.warmed for voice in loaded] == [1, 1]
    assert len(located) == 3


async def test_one_voice_that_is_broken_is_told_once_and_another_speaks(
    loaded: list[Voice], located: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "npc_runtime"):
        await start([someone(number, name="broken" if number else "amy") for number in range(20)])
    assert caplog.messages == ["The voice piper:broken of Villager 1 failed: The voice is damaged. (fetch it again)"]
    assert sorted(voice.path.name for voice in loaded) == ["amy", "joe"]


async def test_a_start_fails_when_nobody_has_a_voice(
    loaded: list[Voice], located: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, **_: Any) -> Voice:
        raise ModelError("The voice is damaged.", hint="fetch it again")

    monkeypatch.setattr("npc_runtime.tts.voices_here.PiperVoice.load", broken)
    with pytest.raises(NpcError, match="damaged"):
        await start([someone(number, name="broken", rate=1 + number / 10) for number in range(3)])
    with pytest.raises(NpcError, match="damaged"):
        await start([someone(number, engine="espeak") for number in range(3)])
    await start([])
    assert loaded == []


async def test_a_voice_is_given_the_colour_beside_what_the_author_set(loaded: list[Voice], located: list[str]) -> None:
    smith = someone(rate=1.2, volume=0.9)
    engines = Engines(Settings(), Mind(), Registry.load())
    try:
        for colour in (None, ANGRY):
            async with engines.mouth.stream("Leave.", smith, colour=colour) as parts:
                assert len([part async for part in parts]) == 2
    finally:
        await engines.aclose()
    manner = {"text": "Leave.", "pace": 1.2, "volume": 0.9}
    assert loaded[0].asked == [{**manner, "colour": None}, {**manner, "colour": ANGRY}]
