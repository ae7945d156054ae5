"""The conversation: says the lines of a plan to the server as a player would, and notes what comes back when."""

import random
from dataclasses import dataclass

import anyio

from npc_runtime.bench.game import Game
from npc_runtime.bench.line import Interruption, Line
from npc_runtime.bench.lookups import Lookups
from npc_runtime.bench.microphone import Microphone
from npc_runtime.bench.plan import SpokenStep, TypedStep
from npc_runtime.bench.reply import Reply
from npc_runtime.stt.audio_file import RATE

_POINT = (0.05, 0.5)
"""Seconds of a reply after which the game interrupts it: early, while the engines still work for it."""
_STOP = 2.0
"""Seconds after which an interruption counts as ignored."""
_IDLE = 5.0
"""Seconds after which engines count as never idle."""
_POLL = 0.01
_LONGEST = 90.0
"""Seconds that a reply may take to be spoken."""
_VOICE_LEAD_MS = 100
"""Silence in front of a voice that talks over a reply."""
_WORTH = 0.6
"""Seconds of a reply that must be left for a voice to interrupt it: it takes a quarter of a second to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long a player takes; in seconds."""

    greeting: float = 2.0
    """In which someone who is met for the first time begins to greet."""
    settle: float = 0.5
    """Between turning to someone again and talking."""
    between: tuple[float, float] = (0.3, 0.8)
    """After a reply, and before talking over one; something in between."""


class Conversation:
    """Talks to the characters of one server.

    Args:
        game: The connection.
        lookups: Asks the server about its engines.
        pauses: How long the player takes.
        seed: Of the pauses.
        patience: Seconds after which a line that was not answered is lost.
    """

    def __init__(
        self,
        game: Game,
        lookups: Lookups,
        *,
        pauses: Pauses | None = None,
        seed: int = 0,
        patience: float = 15.0,
    ) -> None:
        self._game = game
        self._lookups = lookups
        self._microphone: Microphone | None = None
        self._pauses = pauses or Pauses()
        self._random = random.Random(seed)
        self._patience = patience
        self._with = ""
        self._met: set[str] = set()
        self._over: tuple[Line, Reply] | None = None
        """The reply that the next line talks over, and what it answers."""

    @property
    def to_interrupt(self) -> bool:
        """Whether a reply is being spoken, for the next line to talk over."""
        return self._over is not None

    async def listen(self, microphone: Microphone) -> None:
        """Let the server listen to a microphone from now on; somebody must be talked to."""
        self._microphone = microphone
        await self._game.send("listen.start", mode="open_mic", rate=RATE)

    async def speak(self, step: SpokenStep) -> Line:
        """Say a line aloud into the microphone that is listened to, and hear the answer."""
        assert self._microphone is not None
        over, self._over = self._over, None
        self._game.forget()
        if over is None:
            await self.turn_to(step.character)
        spoken = self._microphone.say(step.clip, lead_ms=_VOICE_LEAD_MS if over else None)
        line = Line(step.clip.name, step.character)
        reply = await self._answer(line, since=spoken.last, onset=spoken.onset)
        if over is not None:
            _talked_over(*over, spoken.onset, self._microphone)
        if reply is None:
            await self._quiet(self._pauses.settle)
        elif step.after == "voice":
            await self._sleep(self._pauses.between)
            if reply.ended is None:
                self._over = line, reply
                return line
        elif step.after == "message":
            line.interruption = await self._interrupt(reply)
        await self._hear_out(line, reply)
        return line

    async def type(self, step: TypedStep) -> Line:
        """Write a line, and hear the answer."""
        self._game.forget()
        await self.turn_to(step.character)
        line = Line(step.text, step.character)
        sent = self._game.clock.now()
        await self._game.send("player.text", text=step.text, to=step.character)
        await self._hear_out(line, await self._answer(line, since=sent, onset=sent))
        return line

    async def turn_to(self, character: str) -> None:
        """Face somebody, and let them greet."""
        if character == self._with:
            return
        self._with = character
        await self._game.send("talk.start", character=character)
        await self._quiet(self._pauses.settle if character in self._met else self._pauses.greeting)
        self._met.add(character)

    async def _quiet(self, seconds: float) -> None:
        """Wait until nothing has been going on for a while."""
        clock = self._game.clock
        since = clock.now()
        give_up = since + _LONGEST
        while (now := clock.now()) < min(since + seconds, give_up):
            if any(_open(reply, now) for reply in self._game.replies.values()):
                since = now
            await anyio.sleep(0.05)

    async def _answer(self, line: Line, *, since: float, onset: float) -> Reply | None:
        """Wait for the answer to what was said until `since`, and note how long it took."""
        replies = self._game.replies

        def answers() -> list[Reply]:
            return [r for r in replies.values() if r.begun > since and (r.reply_to or r.reason == "failed")]

        def settled() -> list[Reply]:
            return [r for r in answers() if r.audible is not None or r.reason == "failed"]

        await self._game.until(settled, since + self._patience)
        early = [r for r in replies.values() if onset < r.begun <= since and r.reply_to]
        line.false_ends = len(early)
        if not (found := settled()):
            began = answers()
            if not began and any(r.audible is not None for r in early):
                line.outcome = "early"
            else:
                line.why = f"{'no sound' if began else 'no answer'} within {self._patience:g} s"
            return None
        reply = found[0]
        if reply.audible is not None:
            line.outcome = "answered"
            line.latency_ms = (reply.audible - since) * 1000
        return reply

    async def _hear_out(self, line: Line, reply: Reply | None) -> None:
        """Wait for the end of a reply and a little longer."""
        if reply is not None:
            clock = self._game.clock
            await self._game.until(lambda: reply.ended is not None, clock.now() + _LONGEST)
            _note(line, reply)
            if reply.ended is None:
                line.outcome, line.why = "lost", f"the turn did not end within {_LONGEST:g} s"
            elif reply.reason == "failed":
                line.outcome = "failed"
                line.why = self._game.errors[-1] if self._game.errors else "the server does not say why"
        await self._sleep(self._pauses.between)

    async def _interrupt(self, reply: Reply) -> Interruption | None:
        """Tell the server to be silent; None if the reply was over before."""
        await self._sleep(_POINT)
        if reply.ended is not None:
            return None
        clock = self._game.clock
        interruption = Interruption("message", busy=await self._lookups.busy())
        sent = clock.now()
        await self._game.send("interrupt", turn=reply.turn)
        while clock.now() < sent + _IDLE:
            busy = await self._lookups.busy()
            if not busy:
                interruption.idle_ms = None if busy is None else (clock.now() - sent) * 1000
                break
            await anyio.sleep(_POLL)
        await self._game.until(lambda: reply.stopped or reply.ended, sent + _STOP)
        if reply.stopped is None and reply.reason == "done":
            return None  # it had just been played to its end
        interruption.stop_ms = None if reply.stopped is None else (reply.stopped - sent) * 1000
        return interruption

    async def _sleep(self, between: tuple[float, float]) -> None:
        await anyio.sleep(self._random.uniform(*between))


def _open(reply: Reply, now: float) -> bool:
    return reply.ended is None or now < reply.plays_until


def _note(line: Line, reply: Reply) -> None:
    line.turn = reply.turn
    line.filler = bool(reply.fillers)
    line.dry_ms = reply.dry_ms
    line.audio_ms = reply.audio_ms
    line.timings = reply.timings


def _talked_over(line: Line, reply: Reply, onset: float, microphone: Microphone) -> None:
    """Note what became of a reply that the player talked over."""
    _note(line, reply)
    if reply.stopped is not None and reply.stopped > onset:
        line.interruption = Interruption("voice", stop_ms=(reply.stopped - onset) * 1000)
        sent = None if reply.heard_ms is None else microphone.left(reply.heard_ms)
        line.interruption.decided_ms = None if sent is None else (reply.stopped - sent) * 1000
    elif reply.stopped is None and reply.plays_until > onset + _WORTH:
        line.interruption = Interruption("voice")
