"""One player: who is there, what was said so far, and one exchange after another."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy

from npc_runtime import events
from npc_runtime.actions.ledger import Ledger
from npc_runtime.cast import Cast, Ears, Mouth
from npc_runtime.clock import Clock, MonotonicClock
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.errors import EngineError, NpcError
from npc_runtime.lane import LIVE
from npc_runtime.llm.backend import Completion, LanguageModel
from npc_runtime.llm.history import History
from npc_runtime.llm.prompt import Exchange, fitting_system_prompt, introduction, messages
from npc_runtime.outbox import Outbox
from npc_runtime.scene import Player, Scene
from npc_runtime.speaking import Pace
from npc_runtime.speech import Samples, Transcript
from npc_runtime.trace import Trace
from npc_runtime.turn import Turn

_SMALL_HISTORY = 480
"""Tokens of what was said that a small model is told: more confuses it, and slows it down."""
_HISTORY_SHARE = 0.5
"""Of the window that what was said may fill for other models."""


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
    ) -> None:
        self.scene = scene or Scene()
        self.seed = seed
        self._library = library
        self._ears = ears
        self._mind = mind
        self._mouth = mouth
        self._emit = emit
        self._player = player or Player()
        self._clock = clock or MonotonicClock()
        self._visemes: events.VisemeSet = visemes
        self._language = language
        self._context_tokens = context_tokens
        self._temperature = temperature
        self.turns = 0
        """How many turns took effect."""
        most = _SMALL_HISTORY if mind.small else int(context_tokens * _HISTORY_SHARE)
        self._history: dict[str, History] = defaultdict(lambda: History(most))
        self._ledgers: dict[str, Ledger] = {}

    async def approach(self, name: str, *, said: str = "") -> None:
        """Let a character's prompt be read before the player has finished, so that the answer comes sooner.

        Args:
            name: Id, name or alias of the character.
            said: What the player has said so far.

        Raises:
            InputError: There is no such character.
        """
        character = self._library.character(name)
        beginning = messages(
            self._system(character),
            (*self._introduction(character), *self._history[character.id]),
            "",
            player=self._player,
            scene=None,
            context_tokens=self._context_tokens,
        )
        with suppress(EngineError):  # the turn itself will say what is wrong
            await self._mind.warm(Completion(messages=beginning[:-1], conversation=character.id), said=said)

    async def hear(self, name: str, samples: Samples) -> None:
        """Take one utterance of the player to a character, and let the character answer if something was said.

        Args:
            name: Id, name or alias of the character.
            samples: The utterance, 16 kHz mono.

        Raises:
            InputError: There is no such character.
        """
        character = self.character(name)
        trace = Trace(self._clock, self._clock.now())
        self._emit(events.State(character=character.id, stage="thinking"))
        try:
            heard = await self.transcribe(character, samples)
        except EngineError as error:
            await self._answer(character, "", trace, failure=error)
            return
        trace.mark("stt")
        self._emit(heard_event(heard, character.id))
        if not heard.text:
            self._emit(events.State(character=character.id, stage="idle"))
            return
        await self._answer(character, heard.text, trace)

    async def say(self, name: str, text: str) -> None:
        """Take the player's typed words to a character, and let the character answer.

        Args:
            name: Id, name or alias of the character.
            text: The words.

        Raises:
            InputError: There is no such character.
        """
        character = self.character(name)
        trace = Trace(self._clock, self._clock.now())
        self._emit(heard_event(self.typed(character, text), character.id))
        self._emit(events.State(character=character.id, stage="thinking"))
        await self._answer(character, text, trace)

    def character(self, name: str) -> CharacterFile:
        """Find a character by id, name or alias.

        Raises:
            InputError: There is no such character.
        """
        return self._library.character(name)

    def typed(self, character: CharacterFile, text: str) -> Transcript:
        """Typed words, as if they had been heard."""
        return Transcript(text, self._language or character.language)

    async def transcribe(self, character: CharacterFile, samples: Samples, *, rank: int = LIVE) -> Transcript:
        """Recognise an utterance that is meant for a character.

        Raises:
            EngineError: Speech-to-text failed.
        """
        language = self._language or character.language
        return await self._ears.hear(samples, language=language, hotwords=self._hotwords(), rank=rank)

    def turn(self, character: CharacterFile, trace: Trace, outbox: Outbox, *, pace: Pace | None = None) -> Turn:
        """A turn of a character, of which nothing has an effect before the outbox is opened."""
        number = self.turns + 1
        ledger = deepcopy(self._ledgers.get(character.id, Ledger()))

        def take_effect() -> None:
            self.turns = number
            self._ledgers[character.id] = ledger

        outbox.then(take_effect)
        return Turn(
            number,
            Cast(
                id=character.id,
                character=character,
                actions=self._library.actions_for(character),
                system=self._system(character),
                player=self._player,
                scene=self.scene,
                ledger=ledger,
                history=(*self._introduction(character), *self._history[character.id]),
                roster=tuple(other.name for other in self._library.characters() if other.id != character.id),
            ),
            mind=self._mind,
            mouth=self._mouth,
            outbox=outbox,
            trace=trace,
            clock=self._clock,
            target=self._visemes,
            context_tokens=self._context_tokens,
            temperature=self._temperature,
            seed=self.seed,
            pace=pace,
        )

    def remember(self, character: CharacterFile, exchange: Exchange | None) -> None:
        """Keep what was said, and heard."""
        if exchange is not None:
            self._history[character.id].add(exchange)

    async def _answer(
        self, character: CharacterFile, text: str, trace: Trace, *, failure: NpcError | None = None
    ) -> None:
        outbox = Outbox(self._emit)
        outbox.commit()
        turn = self.turn(character, trace, outbox)
        await turn.run(text, failure=failure)
        self.remember(character, turn.end())

    def _system(self, character: CharacterFile) -> str:
        return fitting_system_prompt(
            character,
            self._library.actions_for(character),
            small=self._mind.small,
            context_tokens=self._context_tokens,
        )

    def _introduction(self, character: CharacterFile) -> tuple[Exchange, ...]:
        return introduction(character) if self._mind.small else ()

    def _hotwords(self) -> tuple[str, ...]:
        """Names that may come up: recognition favours them."""
        names = [character.name for character in self._library.characters()]
        names += [self.scene.location, *(entity.label for entity in self.scene.entities)]
        return tuple(dict.fromkeys(name for name in names if name))


def heard_event(heard: Transcript, character: str, *, final: bool = True) -> events.Heard:
    """What the game is told about an utterance."""
    return events.Heard(
        text=heard.text, final=final, language=heard.language, to=character, reason=heard.reason or None
    )
