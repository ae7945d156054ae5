"""Speaking with feeling: the colour of a clause reaches the voice, and the mouth keeps to the coloured sound."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from npc_runtime import events
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.character import CharacterFile, Persona
from npc_runtime.lane import LIVE
from npc_runtime.outbox import Outbox
from npc_runtime.speaking import Speaking
from npc_runtime.speech import ClipHead, ClipPiece, TimedPhone, VoiceColour
from npc_runtime.trace import Trace

pytestmark = pytest.mark.anyio

RATE = 1000
SMITH = CharacterFile(name="Brynja", persona=Persona(summary="Blacksmith."))
SAD = VoiceColour(rate=0.8, variability=0.9, volume=0.5)


class Voice:
    """A tenth of a second for each clause, coloured as it is asked to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, VoiceColour | None]] = []

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        self.asked.append((text, colour))
        length = round(100 / (colour.rate if colour else 1))

        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            yield ClipHead((TimedPhone("a", length),), length, RATE, "exact", "en")
            yield ClipPiece(np.full(length, 0.5 * (colour.volume if colour else 1), np.float32), RATE, last=True)

        yield parts()


async def test_each_clause_is_spoken_in_its_colour_and_the_mouth_keeps_to_its_sound() -> None:
    voice, told = Voice(), list[events.Event]()
    outbox = Outbox(told.append)
    outbox.commit()
    speaking = Speaking(1, SMITH, voice, outbox, Trace(MonotonicClock(), 0), target="oculus", pace=None)
    await speaking.say("Hmm.", filler=True)
    await speaking.say("My brother is gone.", feeling="sadness strong", colour=SAD)
    await speaking.say("Leave.")
    assert voice.asked == [("Hmm.", None), ("My brother is gone.", SAD), ("Leave.", None)]
    spans = [(event.start_ms, event.end_ms) for event in told if isinstance(event, events.Say)]
    mouths = [(event.frames[0][0], event.frames[-1][1]) for event in told if isinstance(event, events.Visemes)]
    sounds = [event for event in told if isinstance(event, events.SpeechAudio)]
    assert spans == mouths == [(0, 100), (100, 225), (225, 325)]
    levels = [np.abs(np.frombuffer(event.pcm, "<i2")).max() / 32767 for event in sounds]
    assert levels == pytest.approx([0.5, 0.25, 0.5], abs=1e-4)
