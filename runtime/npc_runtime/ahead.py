"""Ahead: what is heard and read before it is needed: a line that goes on, and the prompt that it will be part of."""

import logging
import re
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc

from npc_runtime.content.character import CharacterFile
from npc_runtime.session import Session
from npc_runtime.speech import Samples, Transcript

_log = logging.getLogger(__name__)

_PARTIAL = 5
"""Rank of a partial transcript: behind everything that somebody waits for."""
_WAVERING = re.compile(r"\W*\s*\S*$")
"""The end of a partial transcript: more speech may turn the last word into another, and a full stop into none."""


class Ahead:
    """Reads one prompt at a time, the latest that was asked for.

    Args:
        session: What the player and the characters share.
        tasks: Where the work is done.
        meet: Makes a character ready to be talked to, where that takes long.
    """

    def __init__(
        self,
        session: Session,
        tasks: anyio.abc.TaskGroup,
        meet: Callable[[CharacterFile], Awaitable[None]] | None,
    ) -> None:
        self._session = session
        self._tasks = tasks
        self._meet = meet
        self._scope = anyio.CancelScope()

    def read(self, character: str, said: str = "") -> None:
        """Read the prompt of a character.

        Args:
            character: Its id.
            said: What the player has said so far; its last word is not relied on.
        """
        self.stop()
        self._scope = anyio.CancelScope()
        self._tasks.start_soon(self._approach, character, _WAVERING.sub("", said), self._scope)

    async def hear(self, character: CharacterFile, samples: Samples) -> Transcript | None:
        """What has been said of a line so far; None if nothing has been understood."""
        try:
            heard = await self._session.transcribe(character, samples, rank=_PARTIAL)
        except Exception:  # the final transcript will say what is wrong
            return None
        return heard if heard.text else None

    def stop(self) -> None:
        """Leave what is being read: what has been read by now is kept."""
        self._scope.cancel()

    async def _approach(self, character: str, said: str, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                if self._meet is not None and not said:
                    await self._meet(self._session.character(character))
                await self._session.approach(character, said=said)
            except Exception:  # nobody waits for it; the turn itself will say what is wrong
                _log.exception("the prompt of %s could not be read ahead", character)
