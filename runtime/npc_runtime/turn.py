"""One exchange: the player's words go in, and everything the character does about them comes out, in order."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.validate import Rejection, validate
from npc_runtime.cast import Cast, Mouth
from npc_runtime.character.emotion import INTENSITY, emotion_pad, resting_mood
from npc_runtime.clock import Clock
from npc_runtime.errors import NpcError
from npc_runtime.lipsync.sets import frames
from npc_runtime.lipsync.track import track
from npc_runtime.llm import reply
from npc_runtime.llm.backend import LanguageModel
from npc_runtime.llm.prompt import Exchange
from npc_runtime.outbox import Outbox
from npc_runtime.speech import ClipHead, ClipPiece
from npc_runtime.thinking import Thinking, situation_of
from npc_runtime.trace import Trace
from npc_runtime.tts.clauses import ClauseCutter
from npc_runtime.tts.wav import pcm16

_EVENTS_AHEAD = 128
"""Words and tags that the mind may be ahead of the mouth: about eight clauses."""

_LOST = {
    "en": "Hm. I lost my thread.",
    "de": "Hm. Jetzt habe ich den Faden verloren.",
    "tr": "Hm. Ne diyeceğimi unuttum.",
}
"""What a character says when a turn fails and its author wrote no line for that."""


@dataclass(frozen=True, slots=True)
class SpokenClause:
    """A clause that was put into the outbox."""

    text: str
    start_ms: float
    """From the start of the turn's audio."""
    end_ms: float
    """The same as `start_ms` when it has no sound."""
    feeling: str
    """The emotion tag that holds for it, as the model writes it; empty when it is the same as before."""


Pace = Callable[[float], Awaitable[None]]
"""Waits until audio that starts this many milliseconds into the turn may be made."""


class Turn:
    """One reply, from words to sound. `run` makes it, `end` closes it once it was played or broken off.

    Args:
        number: Of the turn within its session, from 1.
        cast: Who takes part.
        mind: The language model.
        mouth: The voice.
        outbox: Receives every event, in order; what it holds back may yet be taken back.
        trace: Marks of this turn; its origin is when the player stopped talking.
        clock: Time.
        target: The viseme set that the game wants.
        context_tokens: The model's window.
        temperature: How freely the model chooses, unless the character has its own.
        seed: Makes the reply repeatable; None for a new one each time.
        pace: Keeps the voice from being too far ahead of what the player hears.
    """

    def __init__(
        self,
        number: int,
        cast: Cast,
        *,
        mind: LanguageModel,
        mouth: Mouth,
        outbox: Outbox,
        trace: Trace,
        clock: Clock,
        target: events.VisemeSet = "oculus",
        context_tokens: int = 2048,
        temperature: float = 0.5,
        seed: int | None = None,
        pace: Pace | None = None,
    ) -> None:
        own = cast.character.model.temperature
        self._thinking = Thinking(
            cast,
            mind,
            trace,
            clock,
            context_tokens=context_tokens,
            temperature=temperature if own is None else own,
            seed=seed,
        )
        self._number = number
        self._cast = cast
        self._mouth = mouth
        self._outbox = outbox
        self._emit = outbox.put
        self._pace = pace
        self._trace = trace
        self._clock = clock
        self._target: events.VisemeSet = target
        self._spoken: list[SpokenClause] = []
        self._feeling = ""
        self._clauses = 0
        self._actions = 0
        self._audio_ms = 0.0
        self._felt = False
        self._speaking = False
        self._line = ""
        self._failure: NpcError | None = None

    @property
    def audio_ms(self) -> float:
        """How much audio has been made."""
        return self._audio_ms

    async def run(self, player_line: str, *, failure: NpcError | None = None) -> None:
        """Answer the player, always with something said.

        Args:
            player_line: What the player said.
            failure: Why there can be no real answer: the character then says so in its own way.
        """
        cast, barks = self._cast, self._cast.character.barks
        self._line = player_line
        self._emit(events.TurnBegin(turn=self._number, character=cast.id, reply_to=player_line))
        cast.ledger.begin_turn()
        self._failure = failure
        if failure is None:
            await self._answer(player_line)
        if self._failure is None and not self._spoken and not self._actions:
            self._failure = NpcError("The language model gave no words to say.", code="empty_reply")
        if self._failure is not None:
            lines = barks.failed or (_LOST.get(cast.character.language, _LOST["en"]),)
            await self._say(lines[self._number % len(lines)])
        self._trace.mark("total")

    def end(self, *, played_ms: float | None = None) -> Exchange | None:
        """Say that the turn is over.

        Args:
            played_ms: How much of the audio the player heard before the turn was broken off; None when it was not.

        Returns:
            What to remember: what was heard and nothing else; None when there is nothing.
        """
        heard = self._spoken if played_ms is None else _heard(self._spoken, played_ms)
        text = " ".join(clause.text for clause in heard)
        failure = self._failure
        if failure is not None:
            self._emit(events.Error(code=failure.code, message=failure.message, hint=failure.hint, turn=self._number))
        self._emit(
            events.TurnEnd(
                turn=self._number,
                reason="interrupted" if played_ms is not None else "failed" if failure is not None else "done",
                text=text,
                timings=self._trace.timings(),
                usage=self._thinking.usage,
            )
        )
        self._emit(events.State(character=self._cast.id, stage="idle"))
        if failure is not None or not heard:
            return None
        return Exchange(self._line, " ".join(filter(None, (f"{c.feeling} {c.text}".strip() for c in heard))))

    async def _answer(self, player_line: str) -> None:
        send, receive = anyio.create_memory_object_stream[reply.ParserEvent](_EVENTS_AHEAD)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._think, player_line, send)
                await self._act(receive)
        except* Exception as errors:  # a bug of ours ends the turn, never the session
            self._failure = NpcError(f"The turn failed unexpectedly: {errors.exceptions[0]!r}", code="internal")

    async def _think(self, player_line: str, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means."""
        async with send:
            try:
                await self._thinking.run(player_line, send)
            except NpcError as error:
                self._failure = error
            except Exception as error:  # a bug in an engine adapter must not take the session with it
                self._failure = NpcError(f"The language model failed unexpectedly: {error!r}", code="internal")

    async def _act(self, receive: MemoryObjectReceiveStream[reply.ParserEvent]) -> None:
        """Say and do what the model meant, in the order it was written."""
        cutter = ClauseCutter(language=self._cast.character.language)
        async with receive:
            async for event in receive:
                match event:
                    case reply.Words(text=text):
                        await self._say_all(cutter.add(text))
                    case reply.SentenceEnd():
                        await self._say_all(cutter.sentence_end())
                    case reply.EmotionTag(label=label, strength=strength):
                        await self._say_all(cutter.close())
                        self._feel(label, strength)
                    case reply.ActionTag(name=name, args=args):
                        await self._say_all(cutter.close())
                        self._do(name, args)
                    case reply.NarrationText(text=text):
                        self._emit(events.Narration(turn=self._number, text=text))
                    case reply.ParserNotice(code=code, message=message):
                        self._emit(events.Notice(code=code, message=message, turn=self._number))
                    case reply.SpeakerChange():
                        pass
        await self._say_all(cutter.close())

    async def _say_all(self, clauses: Sequence[str]) -> None:
        for clause in clauses:
            await self._say(clause)

    async def _say(self, text: str) -> None:
        """Speak one clause: subtitle, mouth track, then the sound in pieces as it is made."""
        if not self._felt:
            self._feel("neutral", "normal")
        self._trace.mark("first_clause")
        if self._pace is not None:
            await self._pace(self._audio_ms)
        number, start = self._clauses, self._audio_ms
        self._clauses += 1
        feeling, self._feeling = self._feeling, ""
        announced = False
        try:
            async with self._mouth.stream(text, self._cast.character) as parts:
                async for part in parts:
                    if isinstance(part, ClipHead):
                        announced = bool(part.samples)
                        if announced:
                            self._announce(part, number, text, feeling)
                    else:
                        self._sound(part, number)
        except Exception as error:  # whatever is wrong with the voice, the words are still shown
            known = error if isinstance(error, NpcError) else NpcError(f"The voice failed unexpectedly: {error!r}")
            self._emit(events.Notice(code="voice_failed", message=known.message, hint=known.hint, turn=self._number))
        if not announced:
            self._spoken.append(SpokenClause(text, start, start, feeling))
            self._emit(events.Say(turn=self._number, clause=number, text=text, start_ms=round(start, 3)))

    def _announce(self, head: ClipHead, number: int, text: str, feeling: str) -> None:
        """Everything about a clause that is known before its first sample."""
        start = self._audio_ms
        end = start + head.samples * 1000 / head.rate
        if not self._speaking:
            self._speaking = True
            self._emit(events.State(character=self._cast.id, stage="speaking"))
        self._spoken.append(SpokenClause(text, start, end, feeling))
        self._emit(
            events.Say(turn=self._number, clause=number, text=text, start_ms=round(start, 3), end_ms=round(end, 3))
        )
        mouth = frames(track(head.phones, head.rate, head.language), self._target, offset_ms=start)
        self._emit(events.Visemes(turn=self._number, clause=number, set=self._target, timing=head.timing, frames=mouth))

    def _sound(self, piece: ClipPiece, number: int) -> None:
        start = self._audio_ms
        self._audio_ms += len(piece.audio) * 1000 / piece.rate
        self._outbox.then(lambda: self._trace.mark("first_audio"))
        self._emit(
            events.SpeechAudio(
                turn=self._number,
                clause=number,
                rate=piece.rate,
                start_ms=round(start, 3),
                last=piece.last,
                pcm=pcm16(piece.audio),
            )
        )

    def _feel(self, label: events.EmotionLabel, strength: events.Strength) -> None:
        self._felt = True
        self._feeling = f"[emotion {label} {strength}]"
        character = self._cast.character
        self._emit(
            events.Emotion(
                turn=self._number,
                character=self._cast.id,
                label=label,
                strength=strength,
                intensity=INTENSITY[strength],
                pad=emotion_pad(label, strength),
                mood=resting_mood(character.persona.traits),
                relation=self._cast.relation,
            )
        )

    def _do(self, name: str, args: Mapping[str, str]) -> None:
        cast = self._cast
        situation = situation_of(cast, self._clock)
        filled = {**self._thinking.settled.get(name, {}), **args}
        judged = validate(name, filled, cast.actions, situation, cast.ledger)
        if isinstance(judged, Rejection):
            self._emit(events.Notice(code=f"action_{judged.code}", message=judged.message, turn=self._number))
            return
        for warning in judged.warnings:
            self._emit(events.Notice(code="action_argument", message=warning, turn=self._number))
        self._actions += 1
        cast.ledger.record(judged.name, judged.args, judged.target, situation)
        self._emit(
            events.Action(
                turn=self._number,
                id=f"{self._number}.{self._actions}",
                name=judged.name,
                args=judged.args,
                target=judged.target,
                needs_result=judged.needs_result,
                needs_confirm=judged.needs_confirm,
            )
        )


def _heard(clauses: Sequence[SpokenClause], played_ms: float) -> list[SpokenClause]:
    """The clauses that were played, the last one cut to the words that were."""
    heard = []
    for clause in clauses:
        if clause.end_ms <= played_ms:
            heard.append(clause)
        elif clause.start_ms < played_ms:
            share = (played_ms - clause.start_ms) / (clause.end_ms - clause.start_ms)
            words = clause.text[: int(len(clause.text) * share)].rsplit(" ", 1)[0]
            if words and share > 0:
                heard.append(replace(clause, text=f"{words} …"))
    return heard
