"""Improvising: the model is asked, and what it means is said and done as it comes."""

import math
from collections.abc import Awaitable, Callable, Mapping

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.aftermath import Consequence
from npc_runtime.bearing import Bearing
from npc_runtime.delivery import Delivery
from npc_runtime.errors import NpcError
from npc_runtime.llm import reply
from npc_runtime.thinking import Mindset, Thinking
from npc_runtime.tts.clauses import FIRST_MS, ClauseCutter

_EVENTS_AHEAD = 128
"""Words and tags that the mind may be ahead of the mouth: about eight clauses."""


class Improvisation:
    """What the model says and does in one turn.

    Args:
        number: Of the turn.
        language: ISO 639-1 code of the character.
        thinking: From words to what the model means.
        delivery: Says its words.
        bearing: Shows its feelings.
        act: Does its actions, and says what follows from them.
        emit: Receives events.
        fail: Told why the model could not answer.
    """

    def __init__(
        self,
        number: int,
        language: str,
        thinking: Thinking,
        delivery: Delivery,
        bearing: Bearing,
        *,
        act: Callable[[str, Mapping[str, str]], Awaitable[Consequence]],
        emit: Callable[[events.Event], None],
        fail: Callable[[NpcError], None],
    ) -> None:
        self._number = number
        self._language = language
        self._thinking = thinking
        self._delivery = delivery
        self._bearing = bearing
        self._act = act
        self._emit = emit
        self._fail = fail

    async def run(self, about: str, mindset: Mindset) -> None:
        """Ask the model once, and say and do what it means, as long as its actions go as it thought.

        Args:
            about: What it answers.
            mindset: What the character has in mind.
        """
        send, receive = anyio.create_memory_object_stream[reply.ParserEvent](_EVENTS_AHEAD)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._think, about, mindset, send)
            await self._follow(receive)
            tasks.cancel_scope.cancel()  # what may not be said is not thought to its end

    async def _think(self, about: str, mindset: Mindset, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means."""
        async with send:
            try:
                await self._thinking.run(about, mindset, send)
            except NpcError as error:
                self._fail(error)
            except Exception as error:  # a bug in an engine adapter must not take the session with it
                self._fail(NpcError(f"The language model failed unexpectedly: {error!r}", code="internal"))

    async def _follow(self, receive: MemoryObjectReceiveStream[reply.ParserEvent]) -> None:
        """Say and do what the model meant, in the order it was written."""
        delivery = self._delivery
        cutter = ClauseCutter(language=self._language)
        begun, late = 0.0, math.inf
        goes_on, words_hold = True, True
        async with receive:
            while goes_on and not delivery.broken_off:
                with anyio.move_on_at(late) as patience:
                    event = await anext(receive, None)
                if patience.cancelled_caught:
                    late = math.inf
                    await delivery.pass_on(cutter.tick((anyio.current_time() - begun) * 1000))
                    continue
                match event:
                    case None:
                        break
                    case reply.ActionTag(name=name, args=args):
                        await delivery.pass_on(cutter.close())
                        if not delivery.broken_off:
                            consequence = await self._act(name, args)
                            goes_on = consequence.goes_on
                            words_hold = words_hold and consequence.words_hold
                    case reply.ParserNotice(code=code, message=message):
                        self._emit(events.Notice(code=code, message=message, turn=self._number))
                    case _ if not words_hold:  # it was written without knowing what the game has found out
                        continue
                    case reply.Words(text=text):
                        if not begun:
                            begun = anyio.current_time()
                            late = begun + FIRST_MS / 1000
                        await delivery.pass_on(cutter.add(text))
                    case reply.SentenceEnd():
                        await delivery.pass_on(cutter.sentence_end())
                    case reply.EmotionTag(label=label, strength=strength):
                        await delivery.pass_on(cutter.close())
                        self._bearing.feel(label, strength)
                    case reply.NarrationText(text=text):
                        if shown := delivery.checked(text).text:
                            self._emit(events.Narration(turn=self._number, text=shown))
                    case reply.SpeakerChange():
                        pass
        await delivery.pass_on(cutter.close())
