"""Who and what takes part in an exchange: the character, what holds around it, and the engines as a turn sees them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.wanting import Begun
from npc_runtime.character.impulse import Deed
from npc_runtime.character.memory.embedder import Vectors
from npc_runtime.character.nature import Nature
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.character import CharacterFile
from npc_runtime.lane import LIVE
from npc_runtime.lives import Life
from npc_runtime.llm.prompt import Exchange
from npc_runtime.scene import Player, Scene
from npc_runtime.speech import ClipHead, ClipPiece, Samples, Transcript, VoiceColour


class Ears(Protocol):
    """Speech-to-text that a turn can await."""

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        """Recognise one utterance; lower ranks go first."""
        ...


class Mouth(Protocol):
    """Text-to-speech that a turn can await."""

    def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[ClipHead | ClipPiece]]:
        """Synthesise one clause in the character's voice: its head, then its sound in pieces.

        A head without samples means that there is nothing to say aloud. Leaving the context stops the voice. Lower
        ranks go first; above `LIVE` the pieces may all come at the end. What the character feels colours its voice;
        without a colour it sounds as the author set it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """An action that the player wants and has not said everything for yet."""

    begun: Begun
    deeds: tuple[Deed, ...]
    """What was planned for after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who takes part in an exchange, and what holds around them."""

    id: str
    """Id of the character."""
    character: CharacterFile
    actions: tuple[ActionDefinition, ...]
    """What the character may ever do."""
    system: str
    """The unchanging part of the character's prompt."""
    player: Player
    """To whom the character speaks."""
    scene: Scene
    """What is around when the exchange begins."""
    now: Callable[[], Scene]
    """What is around at the moment: the game goes on while somebody speaks."""
    nature: Nature
    life: Life
    ledger: Ledger
    """What the character has done, for cooldowns and once-per-turn."""
    tidings: tuple[str, ...] = ()
    """What came of its actions since it last spoke, as sentences to it."""
    wish: Wish | None = None
    """What the player still wants."""
    among_themselves: bool = False
    """Whether `player` is another character."""
    history: tuple[Exchange, ...] = ()
    roster: tuple[str, ...] = ()
    """Names of the other characters, into whose mouths no words may be put."""

    async def vector(self, text: str) -> Vectors | None:
        """What is said as the embedder's query, shape (dimensions,); None, at once, where the words alone count."""
        return await self.life.vector(text) if self.nature.by_meaning else None
