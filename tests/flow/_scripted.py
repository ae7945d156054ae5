"""Engines that follow a script, and what is at the other end: a microphone and speakers."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.abc
import anyio.lowlevel
import numpy as np
from tests.flow.test_turn import short

from npc_runtime import events
from npc_runtime.content.character import CharacterFile
from npc_runtime.lane import LIVE
from npc_runtime.llm.backend import Completion, Delta, Finish, ReplyFormat
from npc_runtime.speech import ClipHead, ClipPiece, Samples, TimedPhone, Transcript, VoiceColour

Step = str | float | Exception
"""What an engine does next: say something, wait for seconds, fail."""
Script = Sequence[Step]

HANG = math.inf
VOICE, QUIET = 0.3, 0.001
"""Amplitudes at the microphone: -10 and -60 decibels."""
LOUD = 0.05
"""Amplitude of a character's voice: -26 decibels."""
WORD_MS = 250
"""How long a scripted voice takes for a word."""
RATE = 1000
CHUNK = 0.02
"""Seconds of microphone audio that a game sends at a time."""
SOUND = ("visemes", "piece", "audio")
REPLY = "[emotion joy weak] Good day to you."
"""A second of speech."""
SAID = ["begin", "joy weak", "speaking", "say Good day to you.", "end done", "idle"]
"""What a game is told of `REPLY`, without the sound."""


class LoopClock:
    """The time of the event loop."""

    def now(self) -> float:
        return anyio.current_time()


class Loudness:
    """A voice detector for which all that is loud is a voice."""

    def __call__(self, frame: Samples) -> float:
        return 0.9 if float(np.abs(frame).mean()) > 0.01 else 0.02

    def reset(self) -> None:
        """Remembers nothing."""


@dataclass(slots=True, eq=False)
class Job:
    """One thing that an engine was asked for."""

    rank: int
    started: float
    ended: float | None = None
    how: str = "running"
    """Or `done`, `failed`, `cancelled`."""


class Engine:
    """What the scripted engines have in common; left in the middle of a job, they need a moment to stop."""

    def __init__(self, unwinding: float) -> None:
        self.jobs: list[Job] = []
        self._unwinding = unwinding

    @property
    def busy(self) -> bool:
        return any(job.ended is None for job in self.jobs)

    @property
    def live(self) -> list[Job]:
        """The jobs that a player waited for."""
        return [job for job in self.jobs if job.rank == LIVE]

    @asynccontextmanager
    async def _working(self, rank: int = LIVE) -> AsyncIterator[None]:
        job = Job(rank, anyio.current_time())
        self.jobs.append(job)
        try:
            yield
            job.how = "done"
        except anyio.get_cancelled_exc_class():
            job.how = "cancelled"
            with anyio.CancelScope(shield=True):
                await anyio.sleep(self._unwinding)
            raise
        except BaseException:
            job.how = "failed"
            raise
        finally:
            job.ended = anyio.current_time()


class Ears(Engine):
    """Hears what the scripts say, one after another, the last one again and again; `""` is silence."""

    def __init__(self, *scripts: Script, partial: Script = ("",), unwinding: float = 0.03) -> None:
        super().__init__(unwinding)
        self.heard: list[Samples] = []
        """Every utterance that was decoded to be answered."""
        self.on_partial: Callable[[], object] = bool
        """Called when a partial transcript is asked for."""
        self._scripts = scripts or ((0.1, "Mend my sword."),)
        self._partial = partial

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        script = self._partial
        if rank != LIVE:
            self.on_partial()
        else:
            script = _turn_of(self._scripts, len(self.heard))
            self.heard.append(samples)
        async with self._working(rank):
            text = "".join([piece async for piece in _follow(script)])
        return Transcript(text, language, reason="" if text else "silence")


class Mind(Engine):
    """Writes what the scripts say, one after another, the last one again and again."""

    name = "script"
    small = False
    reply_format: ReplyFormat = "tags"

    def __init__(self, *scripts: Script, warm: Script = (0.2,), unwinding: float = 0.03) -> None:
        super().__init__(unwinding)
        self.requests: list[Completion] = []
        self.warmed: list[tuple[str, str]] = []
        """Whose prompts were read ahead of time, and what was known of the player's words."""
        self._scripts = scripts or ((0.1, REPLY),)
        self._warm = warm

    async def start(self) -> None:
        """Always ready."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def warm(self, request: Completion, *, said: str = "") -> None:
        self.warmed.append((request.conversation, said))
        async with self._working(LIVE + 1):
            [_ async for _ in _follow(self._warm)]

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        script = self.script(request)
        self.requests.append(request)

        async def items() -> AsyncIterator[Delta | Finish]:
            async for piece in _follow(script):
                yield Delta(piece)
            yield Finish(complete=True, prompt_tokens=10, completion_tokens=5)

        async with self._working():
            yield items()

    def script(self, request: Completion) -> Script:
        """What comes next."""
        return _turn_of(self._scripts, len(self.requests))

    def remembers(self) -> list[str]:
        """What the latest prompt knew of earlier turns."""
        return [message.text for message in self.requests[-1].messages[1:-1]]


class Mouth(Engine):
    """A quarter of a second for each word, in pieces of one word.

    Args:
        first: Seconds until the first piece of a clause.
        each: Seconds for every other one.
        trouble: What happens once before a word is spoken; an empty string: the clause has no sound.
    """

    def __init__(self, first: float = 0.05, each: float = 0.02, unwinding: float = 0.03, **trouble: Step) -> None:
        super().__init__(unwinding)
        self._first = first
        self._each = each
        self._trouble = trouble
        self.colours: list[VoiceColour | None] = []
        """What every clause was coloured by."""

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        words = [word.strip(".,!?…").lower() for word in text.split()]
        length = WORD_MS * RATE // 1000
        self.colours.append(colour)

        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            for number, word in enumerate(words):
                trouble = self._trouble.pop(word, 0.0)
                if trouble == "":
                    yield ClipHead((), 0, RATE, "exact", "en")
                    return
                await anyio.sleep(self._each if number else self._first)
                [_ async for _ in _follow([trouble])]
                if number == 0:
                    samples = length * len(words)
                    yield ClipHead((TimedPhone("a", samples),), samples, RATE, "exact", "en")
                yield ClipPiece(np.full(length, LOUD, np.float32), RATE, last=number == len(words) - 1)

        async with self._working(rank):
            yield parts()


class Speakers:
    """Plays what the game receives, and knows how much of it the player has heard."""

    def __init__(self) -> None:
        self.turn = 0
        self.received_ms = 0.0
        self.most_ahead_ms = 0.0
        """The most that was ever received and not yet heard."""
        self._at_ms = 0.0
        self._since = 0.0
        self._stalled = False

    @property
    def heard_ms(self) -> float:
        passed = 0.0 if self._stalled else (anyio.current_time() - self._since) * 1000
        return min(self.received_ms, self._at_ms + passed)

    def take(self, event: events.Event) -> None:
        if isinstance(event, events.SpeechAudio):
            if event.turn != self.turn:
                self.turn, self.received_ms = event.turn, 0.0
            self._set()
            self.received_ms = event.start_ms + len(event.pcm) / 2 * 1000 / event.rate
            self.most_ahead_ms = max(self.most_ahead_ms, self.received_ms - self._at_ms)
        elif isinstance(event, events.SpeechStop):
            self.received_ms = self.heard_ms

    def stall(self, stalled: bool) -> None:
        """Stop playing, as a paused game does, or go on."""
        self._set()
        self._stalled = stalled

    def _set(self) -> None:
        self._at_ms, self._since = self.heard_ms, anyio.current_time()


def line(event: events.Event) -> str:
    """An event in short."""
    match event:
        case events.Heard(final=False):
            return f"hearing {event.text}"
        case events.Say(filler=True):
            return f"filler {event.text}"
        case _:
            return short(event)


def pcm(level: float, seconds: float) -> bytes:
    """Microphone audio of one level."""
    samples = np.full(round(seconds * 16_000), round(level * 32767), "<i2")
    samples[1::2] *= -1
    return samples.tobytes()


def _turn_of(scripts: Sequence[Script], number: int) -> Script:
    return scripts[min(number, len(scripts) - 1)]


async def _follow(script: Script) -> AsyncIterator[str]:
    for step in script:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, str):
            yield step
        else:
            await (anyio.sleep_forever() if step == HANG else anyio.sleep(step))
