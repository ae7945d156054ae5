"""One player: who is there, what was said so far, and what a turn is made from."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress

from npc_runtime import events
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.reducing import reduced
from npc_runtime.aftermath import Answers
from npc_runtime.bearing import seen
from npc_runtime.cast import Cast, Ears, Mouth
from npc_runtime.character.impulse import Impulse, Incident, react, respond
from npc_runtime.character.nature import Natures
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.deeds import Deeds
from npc_runtime.dialogue import RESTORED, Dialogue
from npc_runtime.errors import EngineError, InputError
from npc_runtime.lane import LIVE
from npc_runtime.lives import Lived, Lives
from npc_runtime.llm.backend import Completion, LanguageModel, at_present, knows
from npc_runtime.llm.prompt import Exchange, fitting_system_prompt, introduction, messages
from npc_runtime.outbox import Outbox
from npc_runtime.routing import Attention, overhearing, route
from npc_runtime.scene import Player, Scene
from npc_runtime.speaking import Pace
from npc_runtime.speech import Samples, Transcript
from npc_runtime.thinking import occasion_of, small_thoughts
from npc_runtime.trace import Trace
from npc_runtime.turn import Turn
from npc_runtime.vocabulary import expected_words

_MOST_HEARERS = 16
"""Characters who overhear a turn, at most."""
_OVERHEARD = 0.5
"""How much less matters what was not said to oneself."""


class Session:
    """A player among the characters of a library.

    Args:
        library: The characters and what they may do.
        ears: Speech-to-text.
        mind: The language model.
        mouth: Text-to-speech.
        emit: Receives every event, in order.
        player: Who plays.
        scene: What is around; replaced by assigning to `scene`.
        clock: Time.
        visemes: The viseme set the game wants.
        language: What the player speaks; empty: the character's language.
        context_tokens: The model's window.
        temperature: How freely the model chooses, for characters without a setting of their own.
        seed: Makes replies repeatable; None for new ones each time; may be assigned.
        face: The face the game wants.
        lives: What the characters feel and remember, shared by the sessions of one world; their own unless given.
        natures: The characters made ready, shared by all sessions; those of the library unless given.
    """

    def __init__(
        self,
        library: Library,
        *,
        ears: Ears,
        mind: LanguageModel,
        mouth: Mouth,
        emit: Callable[[events.Event], None],
        player: Player | None = None,
        scene: Scene | None = None,
        clock: Clock | None = None,
        visemes: events.VisemeSet = "oculus",
        language: str = "",
        context_tokens: int = 2048,
        temperature: float = 0.5,
        seed: int | None = None,
        face: events.FaceSet = "none",
        lives: Lives | None = None,
        natures: Natures | None = None,
    ) -> None:
        self.scene = scene or Scene()
        self.seed = seed
        self._ears = ears
        self._mind = mind
        self._mouth = mouth
        self.emit = emit
        """Receives every event, in order."""
        self.player = player or Player()
        """Who plays."""
        self.clock = clock or MonotonicClock()
        """Time."""
        self._visemes: events.VisemeSet = visemes
        self._language = language
        self._context_tokens = context_tokens
        self._temperature = temperature
        self.turns = 0
        """How many turns took effect."""
        self._face: events.FaceSet = face
        self._lives = lives or Lives(self.clock)
        self._natures = natures or Natures(library, reduce=reduced)
        self._epoch = self._lives.epoch
        self._dialogue = Dialogue(context_tokens, small=mind.small)
        self._mute: set[str] = set()
        self.deeds = Deeds()
        """What the characters have done."""
        self.answers: Answers | None = None
        """Who hears from the game how actions went; None where there is no game."""

    @property
    def library(self) -> Library:
        """The characters and what they may do, as they are now."""
        return self._natures.library

    async def approach(self, name: str, *, said: str = "") -> None:
        """Let a character's prompt be read before the player has finished, so that the answer comes sooner.

        Args:
            name: Id, name or alias of the character.
            said: What the player has said so far.

        Raises:
            InputError: There is no such character.
        """
        character = self.library.character(name)
        await self.ready(character)
        if not said:
            self._natures.warm(character)
            await self._lives.of(character, self.player).warm()
        mind = at_present(self._mind, character.language)
        if not knows(mind, character.language):
            return
        thoughts: tuple[str, ...] = ()
        if said and mind.small:  # what comes to mind is told before the words that it is about
            cast = self._cast(character, self.player, Ledger(), mind)
            occasion = occasion_of(cast, cast.life.inner, self.clock, number=self.turns + 1, small=True)
            impulse = respond(cast.nature, cast.life.inner, said, occasion, await cast.vector(said))
            thoughts = small_thoughts(cast, impulse.facts, (), said, (*cast.tidings, *impulse.instructions))
        *beginning, last = messages(
            self._system(character, mind),
            (*introduction(character, small=mind.small), *self._dialogue.of(character.id, self.player.id)),
            said,
            player=self.player,
            scene=None,
            thoughts=thoughts,
            language=character.language,
            context_tokens=self._context_tokens,
        )
        request = Completion(
            messages=tuple(beginning),
            conversation=character.id,
            player=self.player.name,
            character=character.name,
            language=character.language,
        )
        with suppress(EngineError):  # the turn itself will say what is wrong
            await mind.warm(request, said=last.text)

    async def ready(self, character: CharacterFile, partner: Player | None = None) -> None:
        """Have what a character feels and remembers at hand; quick when it is."""
        partner = partner or self.player
        self._keep_up()
        await self._lives.wake(character, partner)
        chronicle = self._lives.chronicle
        while chronicle is not None and not self._dialogue.known(character.id, partner.id):
            epoch = self._lives.epoch
            lines = await chronicle.recent(character.id, partner.id, limit=RESTORED)
            if epoch == self._lives.epoch:
                self._dialogue.restore(character.id, partner.id, lines)
            else:  # a save game was loaded meanwhile: what was read belongs to another story
                self._keep_up()
                await self._lives.wake(character, partner)

    def character(self, name: str) -> CharacterFile:
        """Find a character by id, name or alias.

        Raises:
            InputError: There is no such character.
        """
        return self.library.character(name)

    def typed(self, character: CharacterFile, text: str) -> Transcript:
        """Typed words, as if they had been heard."""
        return Transcript(text, self._language or character.language)

    async def transcribe(self, character: CharacterFile, samples: Samples, *, rank: int = LIVE) -> Transcript:
        """Recognise an utterance that is meant for a character.

        Raises:
            EngineError: Speech-to-text failed.
        """
        language = self._language or character.language
        words = expected_words(character, self.library, self.scene)
        return await self._ears.hear(samples, language=language, hotwords=words, rank=rank)

    def turn(
        self,
        character: CharacterFile,
        trace: Trace,
        outbox: Outbox,
        *,
        pace: Pace | None = None,
        hold: Callable[[], AbstractContextManager[None]] = nullcontext,
        partner: Player | None = None,
    ) -> Turn:
        """A turn of a character, of which nothing has an effect before the outbox is opened.

        Args:
            character: Who speaks; `ready`.
            trace: Receives its marks.
            outbox: Receives its events.
            pace: Keeps the voice from being too far ahead of what the player hears.
            hold: Entered while nothing is done but waiting for the game.
            partner: To whom; the player unless given.
        """
        number = self.turns + 1
        ledger = self.deeds.ledger(character.id)
        mind = at_present(self._mind, character.language)
        cast = self._cast(character, partner or self.player, ledger, mind)

        def take_effect() -> None:
            self.turns = number
            self.deeds.keep(character.id, ledger)

        outbox.then(take_effect)
        return Turn(
            number,
            cast,
            mind=mind,
            mouth=self._mouth,
            outbox=outbox,
            trace=trace,
            clock=self.clock,
            target=self._visemes,
            face=self._face,
            context_tokens=self._context_tokens,
            temperature=self._temperature,
            seed=self.seed,
            pace=pace,
            answers=self.answers,
            hold=hold,
            told=self._mute,
        )

    def perceive(self, character: CharacterFile, incident: Incident) -> Impulse:
        """What a character does about an event of the game; nothing of it has an effect yet.

        Args:
            character: Who perceives it; `ready`.
            incident: The event.
        """
        mind = at_present(self._mind, character.language)
        cast = self._cast(character, self.player, self.deeds.ledger(character.id), mind)
        inner = cast.life.inner
        occasion = occasion_of(cast, inner, self.clock, number=self.turns + 1, small=mind.small)
        return react(cast.nature, inner, incident, occasion)

    async def witness(self, character: CharacterFile, impulse: Impulse, incident: Incident) -> None:
        """Let an event of the game about which a character does nothing be known to it."""
        life = self._lives.of(character, self.player)
        life.keep(impulse.inner)
        if incident.news is not None:
            self.emit(seen(character.id, impulse.inner, face=self._face))
        await life.record([Lived(incident.words, "game", "event", "event")], self.scene)

    def addressed(self, text: str, turned_to: CharacterFile | None, last: str | None) -> CharacterFile | None:
        """Whom the player means.

        Args:
            text: What the player says.
            turned_to: To whom the player has turned.
            last: Id of who spoke with the player last.
        """
        attention = Attention(turned_to.id if turned_to is not None else None, last)
        language = self._language or (turned_to.language if turned_to is not None else "en")
        found = route(text, self.library.characters(), self.scene, attention, language=language)
        return self.library.character(found.id) if found is not None else None

    def remember(self, turn: Turn, exchange: Exchange | None) -> None:
        """Keep in mind what was said, and heard."""
        cast = turn.cast
        if not cast.life.goes_on:
            return
        self.deeds.heard(cast.id, turn.heard)
        self.deeds.inform(cast.id, turn.tidings)
        if not cast.among_themselves:
            self.deeds.wait_for(cast.id, turn.wishes.kept)
        if exchange is not None:
            self._dialogue.add(cast.id, cast.player.id, exchange)

    async def record(self, turn: Turn) -> None:
        """Remember a turn that has ended, for good; whoever overheard it does, too.

        Raises:
            NpcError: It could not be written.
        """
        cast = turn.cast
        await cast.life.record(turn.lived, self.scene, recalled=turn.recalled)
        if not cast.life.goes_on:
            return
        overheard = _overheard(turn)
        if self._lives.chronicle is None or not overheard:
            return
        for id in overhearing(self.scene, None, (cast.id, cast.player.id))[:_MOST_HEARERS]:
            with suppress(InputError):  # somebody whom only the game knows
                other = self.library.character(id)
                await self._lives.wake(other, self.player)
                await self._lives.of(other, self.player).record(overheard, self.scene, share=_OVERHEARD)

    def conclude(self, character: CharacterFile) -> None:
        """The player has turned away from a character: what their talk came to can be summed up."""
        self._lives.of(character, self.player).conclude()

    async def save(self, slot: str) -> None:
        """Keep everything with a save of the game.

        Raises:
            InputError: There is no memory to keep it in.
        """
        await self._lives.save(slot)

    def join(self) -> None:
        """The player begins to play in the world of the characters."""
        self._lives.players[self.player.id] += 1

    def leave(self) -> None:
        """The player plays no more."""
        self._lives.players[self.player.id] -= 1

    @property
    def alone(self) -> bool:
        """Whether nobody else plays in the world of the characters."""
        players = self._lives.players
        return players[self.player.id] == players.total()

    async def load(self, slot: str) -> None:
        """Go back to what was kept.

        Raises:
            InputError: There is no such save, or no memory; nothing was changed.
        """
        await self._lives.load(slot)
        self._keep_up()

    async def begin(self) -> None:
        """Begin a new game."""
        await self._lives.begin()
        self._keep_up()

    def _keep_up(self) -> None:
        """Forget what was said in a story that is not told any more."""
        if self._epoch != self._lives.epoch:
            self._epoch = self._lives.epoch
            self._dialogue.clear()
            self.deeds.forget()

    def _cast(self, character: CharacterFile, partner: Player, ledger: Ledger, mind: LanguageModel) -> Cast:
        return Cast(
            id=character.id,
            character=character,
            actions=self.library.actions_for(character),
            system=self._system(character, mind),
            player=partner,
            scene=self.scene,
            now=lambda: self.scene,
            nature=self._natures.of(character),
            life=self._lives.of(character, partner),
            ledger=ledger,
            tidings=self.deeds.tidings(character.id),
            wish=self.deeds.wish(character.id) if partner is self.player else None,
            history=(*introduction(character, small=mind.small), *self._dialogue.of(character.id, partner.id)),
            among_themselves=partner is not self.player,
            roster=tuple(other.name for other in self.library.characters() if other.id != character.id),
        )

    def _system(self, character: CharacterFile, mind: LanguageModel) -> str:
        return fitting_system_prompt(
            character,
            self.library.actions_for(character),
            small=mind.small,
            context_tokens=self._context_tokens,
            reply_format=mind.reply_format,
        )


def _overheard(turn: Turn) -> tuple[Lived, ...]:
    """What those who hear a turn will remember of it."""
    cast = turn.cast
    speakers = {"said": cast.character.name}
    if not cast.among_themselves:  # what another character says was overheard when it was said
        speakers["heard"] = f"{cast.player.name} → {cast.character.name}"
    return tuple(Lived(f"{speakers[one.source]}: {one.text}", "seen") for one in turn.lived if one.source in speakers)


def heard_event(heard: Transcript, character: str, *, final: bool = True) -> events.Heard:
    """What the game is told about an utterance."""
    return events.Heard(
        text=heard.text, final=final, language=heard.language, to=character, reason=heard.reason or None
    )
