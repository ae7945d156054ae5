"""One exchange: the player's words go in, and everything the character does about them comes out, in order."""

import math
from collections.abc import Mapping, Sequence

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.validate import Rejection, validate
from npc_runtime.cast import Cast, Mouth
from npc_runtime.character.barks import failed_lines
from npc_runtime.character.emotion import INTENSITY, emotion_pad, resting_mood
from npc_runtime.clock import Clock
from npc_runtime.errors import NpcError
from npc_runtime.llm import reply
from npc_runtime.llm.backend import LanguageModel
from npc_runtime.llm.grammar import feeling_tag
from npc_runtime.llm.prompt import Exchange
from npc_runtime.outbox import Outbox
from npc_runtime.speaking import Pace, Speaking
from npc_runtime.thinking import Thinking, situation_of
from npc_runtime.trace import Trace
from npc_runtime.tts.clauses import FIRST_MS, ClauseCutter

_EVENTS_AHEAD = 128
"""Words and tags that the mind may be ahead of the mouth: about eight clauses."""


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
        self._speaking = Speaking(number, cast.character, mouth, outbox, trace, target=target, pace=pace)
        self.number = number
        self.line = ""
        """What it answers."""
        self._cast = cast
        self._emit = outbox.put
        self._trace = trace
        self._clock = clock
        self._small = mind.small
        self._feeling = ""
        self._actions = 0
        self._felt = False
        self._failure: NpcError | None = None

    @property
    def audio_ms(self) -> float:
        """How much audio has been made."""
        return self._speaking.audio_ms

    @property
    def usage(self) -> events.Usage | None:
        """What the language model was used for so far."""
        return self._thinking.usage

    @property
    def failed(self) -> bool:
        """Whether there was no real answer."""
        return self._failure is not None

    async def run(self, player_line: str, *, failure: NpcError | None = None) -> None:
        """Answer the player, always with something said.

        Args:
            player_line: What the player said.
            failure: Why there can be no real answer: the character then says so in its own way.
        """
        self._begin(player_line)
        self._failure = failure
        if failure is None:
            await self._answer(player_line)
        if self._failure is None and not self._speaking.answered and not self._actions:
            self._failure = NpcError("The language model gave no words to say.", code="empty_reply")
        if self._failure is not None:
            lines = failed_lines(self._cast.character)
            await self._say(lines[self.number % len(lines)])
        self._trace.mark("total")

    async def recite(self, reply_to: str, line: str) -> None:
        """Say one line that its author wrote, without asking the language model.

        Args:
            reply_to: What it answers; may be empty.
            line: What to say.
        """
        self._begin(reply_to)
        await self._say(line)
        self._trace.mark("total")

    async def fill(self, text: str) -> None:
        """Bridge the wait with a sound, unless the answer has begun to be spoken."""
        if not self._speaking.begun:
            await self._speaking.say(text, filler=True)

    def end(self, *, played_ms: float | None = None) -> Exchange | None:
        """Say that the turn is over.

        Args:
            played_ms: How much of the audio the player heard before the turn was broken off; None when it was not.

        Returns:
            What to remember: what was heard and nothing else; None when there is nothing.
        """
        heard = self._speaking.heard(played_ms)
        text = " ".join(clause.text for clause in heard)
        failure = self._failure
        if failure is not None:
            self._emit(events.Error(code=failure.code, message=failure.message, hint=failure.hint, turn=self.number))
        self._emit(
            events.TurnEnd(
                turn=self.number,
                reason="interrupted" if played_ms is not None else "failed" if failure is not None else "done",
                text=text,
                timings=self._trace.timings(),
                usage=self._thinking.usage,
            )
        )
        self._emit(events.State(character=self._cast.id, stage="idle"))
        kept = [f"{clause.feeling} {clause.text}".strip() for clause in heard if not clause.filler]
        return Exchange(self.line, " ".join(kept)) if kept and self.line and failure is None else None

    def _begin(self, line: str) -> None:
        self.line = line
        self._emit(events.TurnBegin(turn=self.number, character=self._cast.id, reply_to=line))
        self._cast.ledger.begin_turn()

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
        begun, late = 0.0, math.inf
        async with receive:
            while True:
                with anyio.move_on_at(late) as patience:
                    event = await anext(receive, None)
                if patience.cancelled_caught:
                    late = math.inf
                    await self._say_all(cutter.tick((anyio.current_time() - begun) * 1000))
                    continue
                match event:
                    case None:
                        break
                    case reply.Words(text=text):
                        if not begun:
                            begun = anyio.current_time()
                            late = begun + FIRST_MS / 1000
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
                        self._emit(events.Narration(turn=self.number, text=text))
                    case reply.ParserNotice(code=code, message=message):
                        self._emit(events.Notice(code=code, message=message, turn=self.number))
                    case reply.SpeakerChange():
                        pass
        await self._say_all(cutter.close())

    async def _say_all(self, clauses: Sequence[str]) -> None:
        for clause in clauses:
            await self._say(clause)

    async def _say(self, text: str) -> None:
        if not self._felt:
            self._feel("neutral", "normal")
        feeling, self._feeling = self._feeling, ""
        await self._speaking.say(text, feeling=feeling)

    def _feel(self, label: events.EmotionLabel, strength: events.Strength) -> None:
        self._felt = True
        self._feeling = feeling_tag(label, strength, small=self._small)
        character = self._cast.character
        self._emit(
            events.Emotion(
                turn=self.number,
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
            self._emit(events.Notice(code=f"action_{judged.code}", message=judged.message, turn=self.number))
            return
        for warning in judged.warnings:
            self._emit(events.Notice(code="action_argument", message=warning, turn=self.number))
        self._actions += 1
        cast.ledger.record(judged.name, judged.args, judged.target, situation)
        self._emit(
            events.Action(
                turn=self.number,
                id=f"{self.number}.{self._actions}",
                name=judged.name,
                args=judged.args,
                target=judged.target,
                needs_result=judged.needs_result,
                needs_confirm=judged.needs_confirm,
            )
        )
