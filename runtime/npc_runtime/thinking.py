"""Thinking: from the player's words to what the model means, through prompt, grammar, model and parser."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anyio.streams.memory import MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.options import possible
from npc_runtime.actions.plausible import plausible
from npc_runtime.actions.situation import Situation
from npc_runtime.cast import Cast
from npc_runtime.character.appraisal import appraise
from npc_runtime.clock import Clock
from npc_runtime.content.action import ActionOption
from npc_runtime.llm import reply
from npc_runtime.llm.backend import Completion, Finish, LanguageModel
from npc_runtime.llm.grammar import ACTION_MARK, OPENING, action_grammar, feeling_tag, reply_grammar, speech_grammar
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.prompt import estimated_tokens, messages, relevant_facts
from npc_runtime.trace import Trace

_REPLY_TOKENS = 45
"""Tokens a sentence may take, its tags included."""
_SILENT = frozenset({"no_speech", "empty_reply"})
"""Notices of a reply that has nothing to say."""


class Thinking:
    """One reply as the model writes it.

    Args:
        cast: Who takes part.
        mind: The language model.
        trace: Marks of this turn.
        clock: Time.
        context_tokens: The model's window.
        temperature: How freely the model chooses.
        seed: Makes the reply repeatable; None for a new one each time.
    """

    def __init__(
        self,
        cast: Cast,
        mind: LanguageModel,
        trace: Trace,
        clock: Clock,
        *,
        context_tokens: int,
        temperature: float,
        seed: int | None,
    ) -> None:
        self._cast = cast
        self._mind = mind
        self._trace = trace
        self._clock = clock
        self._context_tokens = context_tokens
        self._temperature = temperature
        self._seed = seed
        self._acted = False
        self.usage: events.Usage | None = None
        """What it has cost so far."""
        self.settled: Mapping[str, Mapping[str, str]] = {}
        """Action → arguments that nobody has to write, as they can only have one value."""

    async def run(self, player_line: str, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means as it comes.

        A model that gives nothing to say or do is asked once more: falling out of the role is mostly bad luck.

        Raises:
            EngineError: The model failed; what was passed on before stays valid.
        """
        cast, character = self._cast, self._cast.character
        sentences = character.style.max_sentences
        reply_tokens = _REPLY_TOKENS * (sentences + 1)
        options = possible(cast.actions, situation_of(cast, self._clock), cast.ledger)
        small = self._mind.small
        if small:
            options = plausible(options, player_line)
        self.settled = {option.name: option.settled for option in options}
        facts = relevant_facts((*cast.character.knowledge.facts, *cast.scene.facts), player_line)
        label, strength = appraise(player_line, character.language, character.persona.traits)
        if small:  # its own choice of a feeling means little, and every token that it has to choose delays the voice
            await self._pass_on([reply.EmotionTag(label, strength)], send)
        request = Completion(
            messages=messages(
                cast.system,
                cast.history,
                player_line,
                player=cast.player,
                scene=None if small else cast.scene,
                options=options,
                facts=facts if small else (),
                context_tokens=self._context_tokens,
                reply_tokens=reply_tokens,
            ),
            grammar=(
                speech_grammar(max_sentences=sentences, may_act=bool(options))
                if small
                else reply_grammar(options, max_sentences=sentences)
            ),
            written=feeling_tag(label, strength, small=True) if small else "",
            opening="" if small else OPENING,
            max_tokens=reply_tokens,
            temperature=self._temperature,
            seed=self._seed,
            conversation=cast.id,
        )
        ending = await self._write(request, options, send)
        if not self._acted and any(map(_silent, ending)):
            await self._pass_on([event for event in ending if not _silent(event)], send)
            seed = None if self._seed is None else self._seed + 1
            ending = await self._write(replace(request, seed=seed), options, send)
        await self._pass_on(ending, send)

    async def _write(
        self, request: Completion, options: Sequence[ActionOption], send: MemoryObjectSendStream[reply.ParserEvent]
    ) -> list[reply.ParserEvent]:
        """Let the model write one reply, in one part or two, and pass on what it means.

        Returns:
            What its end means, which is not passed on yet.
        """
        cast = self._cast
        reader = ReplyParser(
            speaker=cast.character.name,
            aliases=cast.character.aliases,
            others=cast.roster,
            player=cast.player.name,
            max_sentences=cast.character.style.max_sentences,
            language=cast.character.language,
        )
        text, complete = await self._read(request, reader, send)
        # Nobody acts on words that may not be said.
        if self._mind.small and options and reader.spoken and text.endswith(ACTION_MARK):
            certain, grammar = action_grammar(options)
            if grammar:
                act = replace(request, written=request.written + text, opening=certain, grammar=grammar)
                await self._read(act, reader, send, goes_on=True)
            else:
                await self._pass_on(reader.feed(certain), send)
        return reader.close(complete=complete)

    async def _read(
        self,
        request: Completion,
        reader: ReplyParser,
        send: MemoryObjectSendStream[reply.ParserEvent],
        *,
        goes_on: bool = False,
    ) -> tuple[str, bool]:
        """Pass on what the model writes for one request.

        Args:
            request: What is asked.
            reader: Understands it.
            send: Where to.
            goes_on: Whether it continues the last request, whose prompt the engine has kept.

        Returns:
            The text, and whether it is complete: no token limit cut it off.
        """
        text, tokens, complete = "", 0, True
        async with self._mind.stream(request) as items:
            async for item in self._trace.engine_items(items, until="first_clause"):
                if isinstance(item, Finish):
                    complete = item.complete
                    self._count(0 if goes_on else item.prompt_tokens, item.completion_tokens)
                    continue
                self._trace.mark("first_token")
                text += item.text
                tokens += 1
                await self._pass_on(reader.feed(item.text), send)
                if reader.finished:  # the engine is stopped before it could count
                    prompt_tokens = sum(estimated_tokens(message.text) for message in request.messages)
                    self._count(0 if goes_on else prompt_tokens, tokens)
                    break
        return text, complete

    async def _pass_on(
        self, found: Sequence[reply.ParserEvent], send: MemoryObjectSendStream[reply.ParserEvent]
    ) -> None:
        for event in found:
            self._acted = self._acted or isinstance(event, reply.ActionTag)
            await send.send(event)

    def _count(self, prompt_tokens: int, completion_tokens: int) -> None:
        if self.usage is not None:
            completion_tokens += self.usage.completion_tokens
            prompt_tokens += self.usage.prompt_tokens
        self.usage = events.Usage(
            model=self._mind.name, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
        )


def situation_of(cast: Cast, clock: Clock) -> Situation:
    """The moment, as conditions and arguments of actions see it."""
    return Situation(scene=cast.scene, player=cast.player, character=cast.id, relation=cast.relation, now=clock.now())


def _silent(event: reply.ParserEvent) -> bool:
    return isinstance(event, reply.ParserNotice) and event.code in _SILENT
