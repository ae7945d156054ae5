"""One exchange: what is said or happens goes in, and everything the character does about it comes out, in order."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

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
from npc_runtime.improvising import Improvisation
from npc_runtime.lives import Lived
from npc_runtime.llm.backend import LanguageModel, knows
from npc_runtime.llm.prompt import Exchange
from npc_runtime.outbox import Outbox
from npc_runtime.reciting import Reciting
from npc_runtime.speaking import Pace, Speaking
from npc_runtime.thinking import Mindset, Thinking, occasion_of, opening_of
from npc_runtime.trace import Trace
from npc_runtime.wishes import Wishes


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
        answers: Who hears from the game how actions went; None where there is no game.
        hold: Entered while nothing is done but waiting for the game.
        told: Languages of which the game has been told that the model does not know them.
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
        hold: Callable[[], AbstractContextManager[None]] = nullcontext,
        told: set[str] | None = None,
    ) -> None:
        self._thinking = Thinking(
            cast, mind, trace, clock, context_tokens=context_tokens, temperature=temperature, seed=seed
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
        speechless = not knows(mind, cast.character.language)
        self._small = mind.small or speechless  # who cannot use it is asked as little as who can make little of it
        self._bearing = Bearing(number, cast, outbox, clock, face=face, small=mind.small)
        self._delivery = Delivery(number, cast, self._speaking, self._bearing, outbox.put)
        self._aftermath = Aftermath(number, cast, answers, small=self._small)
        self._improvisation: Improvisation | Reciting = Improvisation(
            number,
            cast.character.language,
            self._thinking,
            self._delivery,
            self._bearing,
            act=lambda name, args: self._do(name, args, planned=False),
            emit=outbox.put,
            fail=self._fail,
        )
        if speechless:
            self._improvisation = Reciting(number, cast, self._delivery, outbox, set() if told is None else told)
        self.wishes = Wishes(number, cast, clock, small=self._small)
        """What the player wants done."""
        self.tidings: tuple[str, ...] = ()
        """What the character is to be told when it next speaks."""
        self.heard: tuple[str, ...] = ()
        """What it was told of its earlier actions."""
        self._hold = hold
        self._held = False
        """Whether something waits for what the game says of an action."""
        self._happened: Lived | None = None
        self._opening = ""
        """What the character was told instead of words that it answers."""
        self._unexplained: list[Consequence] = []
        """What the model has yet to speak about."""
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
    def acted(self) -> bool:
        """Whether anything was done besides speaking."""
        return self._bearing.actions > 0

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
        instruction = opening_of(self.cast, topic)
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
        with self._trace.engine():
            vector = await self.cast.vector(player_line)
        inner = self.cast.life.inner
        occasion = occasion_of(self.cast, inner, self._clock, number=self.number, small=self._small)
        impulse = respond(self.cast.nature, inner, player_line, occasion, vector)
        await self._follow(self.wishes.take_up(impulse, player_line, inner), player_line)

    async def _follow(self, impulse: Impulse, about: str) -> None:
        """Do what the character's author and the engine are certain of, and ask the model where it comes to that."""
        for reason in impulse.reasons:
            self._emit(events.Notice(code=reason.code, message=reason.message, turn=self.number))
        self._bearing.take_up(impulse)
        self._deeds = deque(impulse.deeds)
        while self._deeds:
            deed = self._deeds.popleft()
            if deed.kind == "say":
                await self._delivery.recite(deed.text)
            elif deed.kind == "ask":
                await self._ask(about, impulse)
            elif deed.kind == "action":
                await self._do(deed.text, {}, planned=True)
                if not any(one.kind == "ask" for one in self._deeds):
                    await self._explain(about)
            else:
                self._bearing.carry_out(deed)

    def _settle(self) -> None:
        """Do what the author planned for after words that were broken off: a goal that has started is certain.

        What was to follow an action of which nobody knows yet how it went is not.
        """
        while self._deeds and not self._held and self.cast.life.goes_on:
            deed = self._deeds.popleft()
            if deed.kind == "action":
                acted, consequence = self._attempt(deed.text, {}, planned=True)
                self._keep(consequence.tiding)
                if not consequence.goes_on or (acted is not None and self._aftermath.waits(acted)):
                    self._deeds.clear()
            elif deed.kind not in ("say", "ask"):
                self._bearing.carry_out(deed)

    def _attempt(
        self, name: str, args: Mapping[str, str], *, planned: bool
    ) -> tuple[events.Action | None, Consequence]:
        """Do an action if it may be done now.

        Returns:
            The action, and what follows from it if it may not be done.
        """
        inner, settled = self._bearing.inner, self._thinking.settled.get(name, {})
        wanted = {**self.wishes.values(name, self.line, inner), **settled, **args}
        acted = self._bearing.act(name, wanted)
        if isinstance(acted, Rejection):
            question = self.wishes.ask(acted, wanted, name, self._deeds, inner) if planned else None
            return None, question or self._aftermath.of_rejection(acted, name, wanted, planned=planned)
        self._outbox.then(lambda: self._aftermath.leave(acted, self._emit))
        return acted, AS_PLANNED

    async def _do(self, name: str, args: Mapping[str, str], *, planned: bool) -> Consequence:
        """Do an action, and say what its author wants to be said about how it went."""
        acted, consequence = self._attempt(name, args, planned=planned)
        if acted is not None and self._aftermath.waits(acted):
            self._trace.mark("game")
            self._held = True
            with self._hold(), self._trace.engine():
                consequence = await self._aftermath.of(acted)
            self._held = False
        if planned and not consequence.goes_on:  # what follows would be about something that has not happened
            self._deeds.clear()
        self._keep(consequence.tiding)
        if consequence.line:
            await self._delivery.recite(consequence.line)
            self._drop(consequence.tiding)
        elif consequence.instruction:
            self._unexplained.append(consequence)
        return consequence

    async def _explain(self, about: str) -> None:
        """Let the model speak about how actions went, where their author has not put it into words."""
        unexplained, self._unexplained = self._unexplained, []
        if not unexplained:
            return
        said, clauses, failure = self._speaking.words, len(self._speaking.clauses), self._failure
        told = (f'You have just said: "{said}"',) if said else ()
        instructions = (*told, *(one.instruction for one in unexplained))
        await self._improvisation.run(about, replace(self._mindset(), instructions=instructions))
        if len(self._speaking.clauses) == clauses:  # whatever happened to the model, this has to be said
            for line in dict.fromkeys(one.fallback for one in unexplained):
                await self._delivery.recite(line)
            if self._failure is not None and self._failure is not failure:
                known = self._failure
                self._emit(events.Notice(code=known.code, message=known.message, hint=known.hint, turn=self.number))
                self._failure = failure
        if self._failure is failure:
            self._drop(*(one.tiding for one in unexplained))

    def _keep(self, tiding: str) -> None:
        """Have the character told of something when it next speaks."""
        if tiding:
            self.tidings = (*self.tidings, tiding)

    def _drop(self, *tidings: str) -> None:
        """The character knows of something."""
        self.tidings = tuple(one for one in self.tidings if one not in tidings)

    def _mindset(self) -> Mindset:
        """What the character has in mind when nothing comes to it, and it has nothing to decide."""
        inner = self._bearing.inner
        label = self._bearing.shown or inner.person.affect.dominant.label
        return Mindset(inner=inner, label=label, may_act=False)

    async def _ask(self, about: str, impulse: Impulse) -> None:
        """Let the model speak."""
        remembered = await self._thinking.recall(about, self._bearing.inner, impulse.facts)
        self.recalled = remembered.ids
        unexplained, self._unexplained = self._unexplained, []
        explained, told = [one.tiding for one in unexplained], self.tidings
        mindset = replace(
            self._mindset(),
            facts=impulse.facts,
            memories=remembered.lines,
            instructions=(
                *self.cast.tidings,
                *(one for one in told if one not in explained),
                *(one.instruction for one in unexplained),
                *impulse.instructions,
            ),
            may_act=not impulse.acts,
        )
        await self._improvisation.run(about, mindset)
        if self._failure is None and self._speaking.answered:
            self.heard = self.cast.tidings
            self._drop(*told)
        await self._explain(about)

    def _fail(self, error: NpcError) -> None:
        self._failure = error
