"""Delivery: words on their way to the voice, as far as the character may say them."""

from collections.abc import Callable, Sequence

from npc_runtime import events
from npc_runtime.bearing import Bearing
from npc_runtime.cast import Cast
from npc_runtime.character.refusals import refusals
from npc_runtime.character.safety import Clause, check_clause
from npc_runtime.speaking import Speaking
from npc_runtime.tts.clauses import ClauseCutter


class Delivery:
    """Says the words of one turn.

    Args:
        number: Of the turn.
        cast: Who takes part.
        speaking: The voice.
        bearing: What the character feels: it shows before the first word, and in the voice.
        emit: Receives events.
    """

    def __init__(
        self, number: int, cast: Cast, speaking: Speaking, bearing: Bearing, emit: Callable[[events.Event], None]
    ) -> None:
        self.broken_off = False
        """Whether the rest of the reply is not said, as the character may not say it."""
        self._number = number
        self._cast = cast
        self._speaking = speaking
        self._bearing = bearing
        self._emit = emit

    async def recite(self, line: str) -> None:
        """Say what an author wrote, piece by piece, so that a long line begins as soon as a short one."""
        cutter = ClauseCutter(language=self._cast.character.language)
        for clause in (*cutter.add(line), *cutter.close()):
            await self.say(clause)

    async def pass_on(self, clauses: Sequence[str]) -> None:
        """Say what the model wrote, as far as the character may."""
        for text in clauses:
            if self.broken_off:
                return
            clause = self.checked(text)
            if clause.text:
                await self.say(clause.text)
            elif clause.concern is not None:
                self.broken_off = True
                lines = refusals(clause.concern.kind, self._cast.character)
                await self.say(lines[self._number % len(lines)])

    def checked(self, text: str) -> Clause:
        """What of the model's words the character may say."""
        character = self._cast.character
        clause = check_clause(text, self._cast.nature.levels, character.language)
        if clause.concern is not None:
            message = f"{character.name} does not say {clause.concern.term!r}."
            self._emit(events.Notice(code=clause.concern.notice, message=message, turn=self._number))
        return clause

    async def say(self, text: str) -> None:
        """Say one clause."""
        bearing = self._bearing
        if bearing.shown is None:
            bearing.show_most()
        await self._speaking.say(text, feeling=bearing.take_tag(), colour=bearing.voice)
