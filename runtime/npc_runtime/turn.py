"""One exchange: what is said or happens goes in, and everything the character does about it comes out, in order."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.validate import Rejection, validate
from npc_runtime.cast import Cast, Mouth
from npc_runtime.character.affect import Affect, Stimulus
from npc_runtime.character.barks import failed_lines
from npc_runtime.character.colour import voice_colour
from npc_runtime.character.emotion import INTENSITY, rounded
from npc_runtime.character.faces import face as face_of
from npc_runtime.character.impulse import ASK, Impulse, respond
from npc_runtime.character.inner import Inner
from npc_runtime.character.refusals import refusals
from npc_runtime.character.safety import check_clause
from npc_runtime.clock import Clock
from npc_runtime.errors import NpcError
from npc_runtime.lives import Lived
from npc_runtime.llm import reply
from npc_runtime.llm.backend import LanguageModel
from npc_runtime.llm.grammar import feeling_tag
from npc_runtime.llm.prompt import Exchange
from npc_runtime.outbox import Outbox
from npc_runtime.speaking import Pace, Speaking
from npc_runtime.thinking import Mindset, Thinking, occasion_of, situation_of
from npc_runtime.trace import Trace
from npc_runtime.tts.clauses import FIRST_MS, ClauseCutter

_EVENTS_AHEAD = 128
"""Words and tags that the mind may be ahead of the mouth: about eight clauses."""


_ATTENTIVE = ("neutral", "interest")
"""What everyone feels who listens: it need not be shown before the model has said what is felt."""


class Turn:
    """One reply, from words to sound. `run` makes it, `end` closes it once it was played or broken off.

    Args:
        number: Of the turn within its session, from 1.
        cast: Who takes part.
        mind: The language model.
        mouth: The voice.
        outbox: Receives every event and every change of the character's state, in order; what it holds back may yet be
            taken back.
        trace: Marks of this turn; its origin is when the player stopped talking.
        clock: Time.
        target: The viseme set that the game wants.
        face: The face that the game wants.
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
        face: events.FaceSet = "none",
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
        self.lived: tuple[Lived, ...] = ()
        """What the character will remember of it; known when it has ended."""
        self.recalled: tuple[int, ...] = ()
        """Ids of the memories that came to its mind."""
        self.cast = cast
        """Who takes part."""
        self._outbox = outbox
        self._emit = outbox.put
        self._trace = trace
        self._clock = clock
        self._small = mind.small
        self._face: events.FaceSet = face
        self._inner: Inner = cast.life.inner
        self._happened: Lived | None = None
        self._feeling = ""
        self._actions = 0
        self._shown: events.EmotionLabel | None = None
        self._broken_off = False
        """Whether the rest of the reply is not said, as the character may not say it."""
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
            await self._guarded(lambda: self._answer(player_line))
        if self._failure is None and not self._speaking.answered and not self._actions:
            self._failure = NpcError("The language model gave no words to say.", code="empty_reply")
        if self._failure is not None:
            lines = failed_lines(self.cast.character)
            await self._say(lines[self.number % len(lines)])
        self._trace.mark("total")

    async def happen(self, name: str, told: str, impulse: Impulse) -> None:
        """Do what the character's author planned for an event of the game.

        Args:
            name: Of the event.
            told: What happened, in words; may be empty.
            impulse: From `react`.
        """
        self._begin(name)
        self.line = ""
        self._happened = Lived(told or name, "game", "event", "event")
        await self._guarded(lambda: self._follow(impulse, told or name))
        self._trace.mark("total")

    async def begin_talk(self, topic: str) -> None:
        """Begin to talk with another character.

        Args:
            topic: What about; empty for anything.
        """
        self._begin("")
        about = topic or "what is on your mind"
        instruction = f"You turn to {self.cast.player.name} and begin to talk about {about}."
        await self._guarded(lambda: self._follow(Impulse(self._inner, (ASK,), (instruction,)), topic))
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
        self._emit(events.State(character=self.cast.id, stage="idle"))
        kept = [clause for clause in heard if not clause.filler]
        said = " ".join(clause.text for clause in kept)
        if failure is None:
            self.lived = tuple(
                one
                for one in (
                    self._happened,
                    Lived(self.line, "heard") if self.line else None,
                    Lived(said, "said") if said else None,
                )
                if one is not None
            )
        if not kept or not self.line or failure is not None:
            return None
        return Exchange(self.line, " ".join(f"{clause.feeling} {clause.text}".strip() for clause in kept))

    def _begin(self, line: str) -> None:
        self.line = line
        self._emit(events.TurnBegin(turn=self.number, character=self.cast.id, reply_to=line))
        self.cast.ledger.begin_turn()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except* Exception as errors:  # a bug of ours ends the turn, never the session
            self._failure = NpcError(f"The turn failed unexpectedly: {errors.exceptions[0]!r}", code="internal")

    async def _answer(self, player_line: str) -> None:
        self._inner = self.cast.life.inner
        occasion = occasion_of(self.cast, self._inner, self._clock, number=self.number, small=self._small)
        await self._follow(respond(self.cast.nature, self._inner, player_line, occasion), player_line)

    async def _follow(self, impulse: Impulse, about: str) -> None:
        """Do what the character's author and the engine are certain of, and ask the model where it comes to that."""
        before = self._inner.person.affect.dominant.label
        self._become(impulse.inner)
        for reason in impulse.reasons:
            self._emit(events.Notice(code=reason.code, message=reason.message, turn=self.number))
        felt = impulse.inner.person.affect.dominant
        if self._small or felt.label not in (*_ATTENTIVE, before):  # a larger model says it soon, but faces cannot wait
            self._show(felt.label, felt.strength, felt.intensity, felt.cause)
        for deed in impulse.deeds:
            if deed.kind == "say":
                await self._recite(deed.text)
            elif deed.kind == "action":
                self._do(deed.text, {})
            elif deed.kind == "event" and deed.event is not None:
                self._emit(
                    events.GoalEvent(
                        turn=self.number, character=self.cast.id, name=deed.event.name, params=deed.event.params
                    )
                )
            elif deed.kind == "ask":
                await self._ask(about, impulse)

    async def _ask(self, about: str, impulse: Impulse) -> None:
        """Let the model speak."""
        affect = self._inner.person.affect
        remembered = await self._thinking.recall(about, self._inner)
        self.recalled = remembered.ids
        mindset = Mindset(
            inner=self._inner,
            label=affect.dominant.label,
            facts=impulse.facts,
            memories=remembered.lines,
            instructions=impulse.instructions,
            may_act=not impulse.acts,
        )
        send, receive = anyio.create_memory_object_stream[reply.ParserEvent](_EVENTS_AHEAD)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._think, about, mindset, send)
            await self._act(receive)
            tasks.cancel_scope.cancel()  # what may not be said is not thought to its end

    async def _think(self, player_line: str, mindset: Mindset, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means."""
        async with send:
            try:
                await self._thinking.run(player_line, mindset, send)
            except NpcError as error:
                self._failure = error
            except Exception as error:  # a bug in an engine adapter must not take the session with it
                self._failure = NpcError(f"The language model failed unexpectedly: {error!r}", code="internal")

    async def _act(self, receive: MemoryObjectReceiveStream[reply.ParserEvent]) -> None:
        """Say and do what the model meant, in the order it was written."""
        cutter = ClauseCutter(language=self.cast.character.language)
        begun, late = 0.0, math.inf
        async with receive:
            while not self._broken_off:
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
                        if not self._broken_off:
                            self._do(name, args)
                    case reply.NarrationText(text=text):
                        self._emit(events.Narration(turn=self.number, text=text))
                    case reply.ParserNotice(code=code, message=message):
                        self._emit(events.Notice(code=code, message=message, turn=self.number))
                    case reply.SpeakerChange():
                        pass
        await self._say_all(cutter.close())

    async def _say_all(self, clauses: Sequence[str]) -> None:
        """Say what the model wrote, as far as the character may."""
        character = self.cast.character
        for text in clauses:
            if self._broken_off:
                return
            clause = check_clause(text, self.cast.nature.levels, character.language)
            if clause.concern is not None:
                message = f"{character.name} does not say {clause.concern.term!r}."
                self._emit(events.Notice(code=clause.concern.notice, message=message, turn=self.number))
            if clause.text:
                await self._say(clause.text)
            elif clause.concern is not None:
                self._broken_off = True
                lines = refusals(clause.concern.kind, character)
                await self._say(lines[self.number % len(lines)])

    async def _recite(self, line: str) -> None:
        """Say what an author wrote, piece by piece, so that a long line begins as soon as a short one."""
        cutter = ClauseCutter(language=self.cast.character.language)
        for clause in (*cutter.add(line), *cutter.close()):
            await self._say(clause)

    async def _say(self, text: str) -> None:
        affect = self._inner.person.affect
        if self._shown is None:
            felt = affect.dominant
            self._show(felt.label, felt.strength, felt.intensity, felt.cause)
        feeling, self._feeling = self._feeling, ""
        await self._speaking.say(text, feeling=feeling, colour=voice_colour(affect.tone))

    def _feel(self, label: events.EmotionLabel, strength: events.Strength) -> None:
        """What the model says that the character feels; saying it again does not make it feel more."""
        if label != self._shown:
            felt = Stimulus(label, INTENSITY[strength], cause="reply", target=self.cast.player.id)
            self._become(Inner(self._inner.person.felt([felt]), self._inner.bond))
        self._show(label, strength, INTENSITY[strength], "reply")

    def _become(self, inner: Inner) -> None:
        """The character's state from now on, once the turn takes effect."""
        self._inner = inner
        self._outbox.then(lambda: self.cast.life.keep(inner))

    def _show(self, label: events.EmotionLabel, strength: events.Strength, intensity: float, cause: str) -> None:
        affect: Affect = self._inner.person.affect
        self._shown = label
        self._feeling = feeling_tag(label, strength, small=self._small)
        self._emit(
            events.Emotion(
                turn=self.number,
                character=self.cast.id,
                label=label,
                strength=strength,
                intensity=round(intensity, 3),
                pad=rounded(affect.pad),
                mood=affect.named_mood,
                relation=self._inner.bond.relationship.axes,
                cause=cause or None,
                face=face_of(self._face, label, intensity),
            )
        )

    def _do(self, name: str, args: Mapping[str, str]) -> None:
        cast = self.cast
        situation = situation_of(cast, self._inner, self._clock)
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
