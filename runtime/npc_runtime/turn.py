"""One exchange: what is said or happens goes in, and everything the character does about it comes out, in order."""

import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.validate import Rejection
from npc_runtime.aftermath import AS_PLANNED, Aftermath, Answers, Consequence
from npc_runtime.bearing import Bearing
from npc_runtime.cast import Cast, Mouth
from npc_runtime.character.barks import failed_lines
from npc_runtime.character.impulse import ASK, Deed, Impulse, Incident, respond
from npc_runtime.clock import Clock
from npc_runtime.delivery import Delivery
from npc_runtime.errors import NpcError
from npc_runtime.lives import Lived
from npc_runtime.llm import reply
from npc_runtime.llm.backend import LanguageModel
from npc_runtime.llm.prompt import Exchange
from npc_runtime.outbox import Outbox
from npc_runtime.speaking import Pace, Speaking
from npc_runtime.thinking import Mindset, Thinking, occasion_of
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
        answers: Who hears from the game how actions went; None where no game answers.
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
        answers: Answers | None = None,
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
        self._bearing = Bearing(number, cast, outbox, clock, face=face, small=mind.small)
        self._delivery = Delivery(number, cast, self._speaking, self._bearing, outbox.put)
        self._aftermath = Aftermath(number, cast, answers, small=mind.small)
        self._held = False
        """Whether something waits for what the game says of an action."""
        self._happened: Lived | None = None
        self._opening = ""
        """What the character was told instead of words that it answers."""
        self._deeds: deque[Deed] = deque()
        """What the author planned, and is not done yet."""
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

    @property
    def tidings(self) -> tuple[str, ...]:
        """What the character is to be told when it next speaks."""
        return tuple(self._aftermath.tidings)

    @property
    def overheard(self) -> tuple[Lived, ...]:
        """What those who hear it will remember of it; known when it has ended."""
        cast = self.cast
        speakers = {"said": cast.character.name}
        if not cast.among_themselves:  # what another character says was overheard when it was said
            speakers["heard"] = f"{cast.player.name} → {cast.character.name}"
        return tuple(
            Lived(f"{speakers[one.source]}: {one.text}", "seen") for one in self.lived if one.source in speakers
        )

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
        await self._make_up()

    async def happen(self, incident: Incident, impulse: Impulse) -> None:
        """Do what the character's author planned for an event of the game.

        Args:
            incident: The event.
            impulse: From `react`.
        """
        self._begin(incident.name)
        self.line = ""
        self._happened = Lived(incident.words, "game", "event", "event")
        await self._guarded(lambda: self._follow(impulse, incident.words))
        await self._make_up()

    async def begin_talk(self, topic: str) -> None:
        """Begin to talk with another character.

        Args:
            topic: What about; empty for anything.
        """
        self._begin("")
        about = topic or "what is on your mind"
        instruction = f"You turn to {self.cast.player.name} and begin to talk about {about}."
        self._opening = f"({instruction})"
        await self._guarded(lambda: self._follow(Impulse(self._bearing.inner, (ASK,), (instruction,)), topic))
        await self._make_up()

    async def recite(self, reply_to: str, line: str) -> None:
        """Say one line that its author wrote, without asking the language model.

        Args:
            reply_to: What it answers; may be empty.
            line: What to say.
        """
        self._begin(reply_to)
        await self._delivery.say(line)
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
        self._settle()
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
        answered = self.line or self._opening
        if not kept or not answered or failure is not None:
            return None
        return Exchange(answered, " ".join(f"{clause.feeling} {clause.text}".strip() for clause in kept))

    def _begin(self, line: str) -> None:
        self.line = line
        self._emit(events.TurnBegin(turn=self.number, character=self.cast.id, reply_to=line))
        self.cast.ledger.begin_turn()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except* Exception as errors:  # a bug of ours ends the turn, never the session
            self._failure = NpcError(f"The turn failed unexpectedly: {errors.exceptions[0]!r}", code="internal")

    async def _make_up(self) -> None:
        """Say something, whatever went wrong."""
        if self._failure is None and not self._speaking.answered and not self._bearing.actions:
            self._failure = NpcError("The language model gave no words to say.", code="empty_reply")
        if self._failure is not None:
            lines = failed_lines(self.cast.character)
            await self._delivery.say(lines[self.number % len(lines)])
        self._trace.mark("total")

    async def _answer(self, player_line: str) -> None:
        inner = self.cast.life.inner
        occasion = occasion_of(self.cast, inner, self._clock, number=self.number, small=self._small)
        await self._follow(respond(self.cast.nature, inner, player_line, occasion), player_line)

    async def _follow(self, impulse: Impulse, about: str) -> None:
        """Do what the character's author and the engine are certain of, and ask the model where it comes to that."""
        bearing = self._bearing
        before = bearing.inner.person.affect.dominant.label
        bearing.become(impulse.inner)
        for reason in impulse.reasons:
            self._emit(events.Notice(code=reason.code, message=reason.message, turn=self.number))
        felt = impulse.inner.person.affect.dominant.label
        if impulse.feeling is not None:
            bearing.show_wanted(impulse.feeling, impulse.goals[-1])
        elif self._small or felt not in (*_ATTENTIVE, before):  # a larger model says it soon, but faces cannot wait
            bearing.show_most()
        self._deeds = deque(impulse.deeds)
        while self._deeds:
            deed = self._deeds.popleft()
            if deed.kind == "say":
                await self._delivery.recite(deed.text)
            elif deed.kind == "ask":
                await self._ask(about, impulse)
            elif deed.kind == "action":
                consequence = await self._do(deed.text, {}, planned=True)
                if not consequence.goes_on:  # what follows would be about something that has not happened
                    self._deeds.clear()
                await self._tell(consequence, about)
            else:
                bearing.carry_out(deed)

    def _settle(self) -> None:
        """Do what the author planned for after words that were broken off: a goal that has started is certain.

        What was to follow an action of which nobody knows yet how it went is not.
        """
        while self._deeds and not self._held:
            deed = self._deeds.popleft()
            if not self.cast.life.goes_on or deed.kind in ("say", "ask"):
                continue
            if deed.kind == "action":
                self._bearing.act(deed.text, self._thinking.settled.get(deed.text, {}))
            else:
                self._bearing.carry_out(deed)

    async def _do(self, name: str, args: Mapping[str, str], *, planned: bool) -> Consequence:
        """Do an action; whoever speaks about it has to know how it went."""
        wanted = {**self._thinking.settled.get(name, {}), **args}
        acted = self._bearing.act(name, wanted)
        if isinstance(acted, Rejection):
            return self._aftermath.of_rejection(acted, name, wanted, planned=planned)
        self._held = True
        consequence = await self._aftermath.of(acted)
        self._held = False
        return consequence

    async def _tell(self, consequence: Consequence, about: str) -> None:
        """Speak about how an action went, where that is not what was planned."""
        if consequence.line:
            await self._delivery.recite(consequence.line)
        elif consequence.instruction:
            said = self._speaking.words
            told = (f'You have just said: "{said}"',) if said else ()
            await self._consult(about, replace(self._mindset(), instructions=(*told, consequence.instruction)))

    def _mindset(self) -> Mindset:
        """What the character has in mind when nothing comes to it, and it has nothing to decide."""
        inner = self._bearing.inner
        label = self._bearing.shown or inner.person.affect.dominant.label
        return Mindset(inner=inner, label=label, may_act=False)

    async def _ask(self, about: str, impulse: Impulse) -> None:
        """Let the model speak."""
        bearing = self._bearing
        remembered = await self._thinking.recall(about, bearing.inner, impulse.facts)
        self.recalled = remembered.ids
        mindset = replace(
            self._mindset(),
            facts=impulse.facts,
            memories=remembered.lines,
            instructions=(*self.cast.tidings, *self.tidings, *impulse.instructions),
            may_act=not impulse.acts,
        )
        await self._tell(await self._consult(about, mindset), about)

    async def _consult(self, about: str, mindset: Mindset) -> Consequence:
        """Ask the model once, and say and do what it means.

        Returns:
            What follows from its action, if it did one.
        """
        send, receive = anyio.create_memory_object_stream[reply.ParserEvent](_EVENTS_AHEAD)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._think, about, mindset, send)
            consequence = await self._act(receive)
            tasks.cancel_scope.cancel()  # what may not be said is not thought to its end
        return consequence

    async def _think(self, player_line: str, mindset: Mindset, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means."""
        async with send:
            try:
                await self._thinking.run(player_line, mindset, send)
            except NpcError as error:
                self._failure = error
            except Exception as error:  # a bug in an engine adapter must not take the session with it
                self._failure = NpcError(f"The language model failed unexpectedly: {error!r}", code="internal")

    async def _act(self, receive: MemoryObjectReceiveStream[reply.ParserEvent]) -> Consequence:
        """Say and do what the model meant, in the order it was written, as long as its actions go as it thought.

        Returns:
            What follows from its last action.
        """
        consequence = AS_PLANNED
        cutter = ClauseCutter(language=self.cast.character.language)
        begun, late = 0.0, math.inf
        async with receive:
            while not self._delivery.broken_off and consequence.goes_on:
                with anyio.move_on_at(late) as patience:
                    event = await anext(receive, None)
                if patience.cancelled_caught:
                    late = math.inf
                    await self._delivery.pass_on(cutter.tick((anyio.current_time() - begun) * 1000))
                    continue
                match event:
                    case None:
                        break
                    case reply.Words(text=text):
                        if not begun:
                            begun = anyio.current_time()
                            late = begun + FIRST_MS / 1000
                        await self._delivery.pass_on(cutter.add(text))
                    case reply.SentenceEnd():
                        await self._delivery.pass_on(cutter.sentence_end())
                    case reply.EmotionTag(label=label, strength=strength):
                        await self._delivery.pass_on(cutter.close())
                        self._bearing.feel(label, strength)
                    case reply.ActionTag(name=name, args=args):
                        await self._delivery.pass_on(cutter.close())
                        if not self._delivery.broken_off:
                            consequence = await self._do(name, args, planned=False)
                    case reply.NarrationText(text=text):
                        if shown := self._delivery.checked(text).text:
                            self._emit(events.Narration(turn=self.number, text=shown))
                    case reply.ParserNotice(code=code, message=message):
                        self._emit(events.Notice(code=code, message=message, turn=self.number))
                    case reply.SpeakerChange():
                        pass
        await self._delivery.pass_on(cutter.close())
        return consequence
