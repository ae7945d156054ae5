"""Interview: one exchange after another, as one call each: for the command line and tests, where there is no game."""

from npc_runtime import events
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import EngineError, NpcError
from npc_runtime.outbox import Outbox
from npc_runtime.session import Session, heard_event
from npc_runtime.speech import Samples
from npc_runtime.trace import Trace


class Interview:
    """Takes what the player says to a character, and lets the character answer.

    Args:
        session: What the player and the characters share; it emits what comes of it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def hear(self, name: str, samples: Samples) -> None:
        """Take one utterance of the player to a character, and let the character answer if something was said.

        Args:
            name: Id, name or alias of the character.
            samples: The utterance, 16 kHz mono.

        Raises:
            InputError: There is no such character.
        """
        session = self._session
        character = session.character(name)
        trace = Trace(session.clock, session.clock.now())
        session.emit(events.State(character=character.id, stage="thinking"))
        try:
            heard = await session.transcribe(character, samples)
        except EngineError as error:
            await self._answer(character, "", trace, failure=error)
            return
        trace.mark("stt")
        session.emit(heard_event(heard, character.id))
        if not heard.text:
            session.emit(events.State(character=character.id, stage="idle"))
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
        session = self._session
        character = session.character(name)
        trace = Trace(session.clock, session.clock.now())
        session.emit(heard_event(session.typed(character, text), character.id))
        session.emit(events.State(character=character.id, stage="thinking"))
        await self._answer(character, text, trace)

    async def _answer(
        self, character: CharacterFile, text: str, trace: Trace, *, failure: NpcError | None = None
    ) -> None:
        session = self._session
        await session.ready(character)
        outbox = Outbox(session.emit)
        outbox.commit()
        turn = session.turn(character, trace, outbox)
        await turn.run(text, failure=failure)
        session.remember(turn, turn.end())
        if turn.lived:
            await session.record(turn)
