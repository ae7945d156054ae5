"""Plays the conversations that authors check: each one in a fresh session, with the real model and without a voice."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from npc_runtime import events
from npc_runtime.config import Settings
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.conversation import ConversationTest
from npc_runtime.content.library import Library
from npc_runtime.conversations.expect import Miss, misses
from npc_runtime.conversations.outcome import Outcome, outcome
from npc_runtime.interview import Interview
from npc_runtime.lane import LIVE
from npc_runtime.llm.backend import LanguageModel
from npc_runtime.scene import Scene
from npc_runtime.session import Session
from npc_runtime.speech import ClipHead, ClipPiece, Samples, Transcript, VoiceColour

TURN_SECONDS = 15.0
"""How long a turn takes on the clock of a conversation: cooldowns pass and feelings fade as they do in a game."""
_RATE = 16_000


@dataclass(frozen=True, slots=True)
class Played:
    """One turn of a run, and what its author did not get."""

    outcome: Outcome
    misses: tuple[Miss, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A conversation, played once."""

    seed: int
    turns: tuple[Played, ...]

    @property
    def passed(self) -> bool:
        """Whether every turn brought what was expected."""
        return not any(turn.misses for turn in self.turns)


class _Clock:
    """Time that passes from turn to turn only."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


class _Typed:
    """Ears and mouth of a conversation that is read: nothing is heard, nothing sounds."""

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str], rank: int = LIVE) -> Transcript:
        return Transcript("", language, reason="silence")

    @asynccontextmanager
    async def stream(
        self, text: str, character: CharacterFile, *, rank: int = LIVE, colour: VoiceColour | None = None
    ) -> AsyncIterator[AsyncIterator[ClipHead | ClipPiece]]:
        async def parts() -> AsyncIterator[ClipHead | ClipPiece]:
            yield ClipHead((), 0, _RATE, "exact", character.language)

        yield parts()


async def play(
    test: ConversationTest, scene: Scene, library: Library, mind: LanguageModel, settings: Settings, seed: int
) -> Run:
    """Play a conversation once, from its first turn to its last.

    Args:
        test: What the player says, and what must come of it.
        scene: What is around.
        library: The characters.
        mind: The language model, started.
        settings: What the person configured.
        seed: Makes the replies repeatable.

    Raises:
        InputError: There is no such character, or its file has mistakes.
    """
    character = library.character(test.character)
    told: list[events.Event] = []
    typed, clock = _Typed(), _Clock()
    session = Session(
        library,
        ears=typed,
        mind=mind,
        mouth=typed,
        emit=told.append,
        scene=scene,
        clock=clock,
        language=settings.stt.language,
        context_tokens=settings.llm.context,
        temperature=settings.llm.temperature,
        seed=seed,
    )
    relation = events.Relation(**character.relationships.default.model_dump())
    turns = []
    for turn in test.turns:
        told.clear()
        await Interview(session).say(character.id, turn.player)
        found = outcome(turn.player, character.id, told, relation)
        turns.append(Played(found, tuple(misses(turn.expect, found, character.language))))
        relation = found.after
        clock.seconds += TURN_SECONDS
    return Run(seed, tuple(turns))
