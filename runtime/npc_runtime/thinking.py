"""Thinking: from the player's words to what the model means, through prompt, grammar, model and parser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from anyio.streams.memory import MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.filling import fill
from npc_runtime.actions.options import possible
from npc_runtime.actions.plausible import narrowed, plausible
from npc_runtime.actions.situation import Situation
from npc_runtime.cast import Cast
from npc_runtime.character.asking import asks
from npc_runtime.character.colour import phrase
from npc_runtime.character.goal_state import Moment
from npc_runtime.character.impulse import Occasion
from npc_runtime.character.inner import Inner
from npc_runtime.character.words import content_words
from npc_runtime.chronicle import Remembered
from npc_runtime.clock import Clock
from npc_runtime.content.action import ActionOption
from npc_runtime.content.told import told
from npc_runtime.llm import reply
from npc_runtime.llm.backend import Completion, Finish, LanguageModel, Metered, knows
from npc_runtime.llm.grammar import ACTION_MARK, OPENING, action_grammar, feeling_tag, reply_grammar, speech_grammar
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.prompt import estimated_tokens, introduction, messages, relevant_facts
from npc_runtime.spending import Spent
from npc_runtime.trace import Trace

_REPLY_TOKENS = 45
"""Tokens a sentence may take, its tags included."""
_RECENT = 3
"""Lines before this one that say what "it" and "there" are."""
_SILENT = frozenset({"no_speech", "empty_reply"})
"""Notices of a reply that has nothing to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mindset:
    """What a character has in mind when it is about to speak."""

    inner: Inner
    label: events.EmotionLabel
    """What it feels most."""
    facts: tuple[str, ...] = ()
    """What it knows about what is being said, the most relevant first."""
    memories: tuple[str, ...] = ()
    """What it remembers of it, oldest first."""
    instructions: tuple[str, ...] = ()
    """What its author wants it to do now."""
    may_act: bool = True
    """Whether the model may choose actions."""


class Thinking:
    """One reply as the model writes it.

    Args:
        cast: Who takes part.
        mind: The language model.
        trace: Marks of this turn.
        clock: Time.
        context_tokens: The model's window.
        temperature: How freely the model chooses, unless the character has its own.
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
        own = cast.character.model.temperature
        self._temperature = temperature if own is None else own
        self._seed = seed
        self._acted = False
        self.usage: events.Usage | None = None
        """What it has cost so far."""
        self.settled: Mapping[str, Mapping[str, str]] = {}
        """Action → arguments that nobody has to write, as they can only have one value."""

    async def recall(self, about: str, inner: Inner, facts: Sequence[str]) -> Remembered:
        """What comes to the character's mind, as far as there is room for it in the prompt.

        A small model makes little of it, and its player waits for every token: it remembers when it is asked something
        that it does not know.

        Args:
            about: What is being talked about.
            inner: The character's state.
            facts: What it knows about that.
        """
        cast, small = self._cast, self._mind.small
        if not knows(self._mind, cast.character.language) or (small and not self._wondered(about, facts)):
            return Remembered((), ())
        recent = len(cast.history) - len(introduction(cast.character, small=small))
        return await cast.life.recall(about, inner, cast.scene, small=small, count=self._mind.count, recent=recent)

    def _wondered(self, about: str, facts: Sequence[str]) -> bool:
        """Whether somebody asks what only memory can tell."""
        cast, language = self._cast, self._cast.character.language
        if facts or relevant_facts(cast.scene.facts, about):
            return False
        return bool(asks(about, language, cast.nature.names) and content_words(about, language))

    async def run(self, player_line: str, mindset: Mindset, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means as it comes.

        A model that gives nothing to say or do is asked once more: falling out of the role is mostly bad luck.

        Raises:
            EngineError: The model failed; what was passed on before stays valid.
        """
        cast, character = self._cast, self._cast.character
        sentences = character.style.max_sentences
        reply_tokens = _REPLY_TOKENS * (sentences + 1)
        situation = situation_of(cast, mindset.inner, self._clock)
        options = possible(cast.actions, situation, cast.ledger) if mindset.may_act else ()
        small = self._mind.small
        if small:
            options = plausible(options, player_line)
        self._settle(options)
        request = Completion(
            messages=messages(
                cast.system,
                cast.history,
                player_line,
                player=cast.player,
                scene=None if small else cast.scene,
                options=options,
                thoughts=small_thoughts(cast, mindset.facts, mindset.memories, player_line, mindset.instructions)
                if small
                else self._thoughts(mindset),
                language=cast.character.language,
                context_tokens=self._context_tokens,
                reply_tokens=reply_tokens,
            ),
            grammar=(
                speech_grammar(max_sentences=sentences, may_act=bool(options))
                if small
                else reply_grammar(options, max_sentences=sentences)
            ),
            # A small model's own choice of a feeling means little, and every token it has to choose delays the voice.
            written=feeling_tag(mindset.label, "normal", small=True) if small else "",
            opening="" if small else OPENING,
            max_tokens=reply_tokens,
            temperature=self._temperature,
            seed=self._seed,
            conversation=cast.id,
            player=cast.player.name,
            character=character.name,
            options=tuple(options),
            max_sentences=sentences,
            language=character.language,
        )
        write = partial(self._write, options=options, line=player_line, situation=situation, send=send)
        ending = await write(request)
        if not self._acted and any(map(_silent, ending)):
            await self._pass_on([event for event in ending if not _silent(event)], send)
            seed = None if self._seed is None else self._seed + 1
            ending = await write(replace(request, seed=seed))
        await self._pass_on(ending, send)

    def _thoughts(self, mindset: Mindset) -> tuple[str, ...]:
        """What a model that can use it is told of the character's mind, what matters most last."""
        cast, language = self._cast, self._cast.character.language
        affect = mindset.inner.person.affect
        felt = affect.dominant
        known = [fact for fact in mindset.facts if fact not in cast.character.knowledge.facts]
        feeling = phrase(felt.label, felt.strength, affect.named_mood, language)
        return (
            *((told("facts", language, facts=" ".join(known)),) if known else ()),
            *((told("memories", language, memories=" ".join(mindset.memories)),) if mindset.memories else ()),
            mindset.inner.bond.relationship.told(cast.player.name, language),
            *((told("feeling", language, feeling=feeling),) if feeling else ()),
            *mindset.instructions,
        )

    def _settle(self, options: Sequence[ActionOption]) -> None:
        self.settled = {option.name: option.settled for option in options}

    async def _write(
        self,
        request: Completion,
        *,
        options: Sequence[ActionOption],
        line: str,
        situation: Situation,
        send: MemoryObjectSendStream[reply.ParserEvent],
    ) -> list[reply.ParserEvent]:
        """Let the model write one reply, in one part or two, and pass on what it means.

        Args:
            request: What is asked.
            options: What the character may do.
            line: The player's words.
            situation: The moment.
            send: Where to.

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
            options = [self._narrowed(option, line, situation) for option in options]
            self._settle(options)
            certain, grammar = action_grammar(options)
            if grammar:
                act = replace(request, written=request.written + text, opening=certain, grammar=grammar)
                await self._read(act, reader, send, goes_on=True)
            else:
                await self._pass_on(reader.feed(certain), send)
        return reader.close(complete=complete)

    def _narrowed(self, option: ActionOption, line: str, situation: Situation) -> ActionOption:
        """What is left for the model to say of an action: what the player has said is certain."""
        definition = next(one for one in self._cast.actions if one.name == option.name)
        return narrowed(option, fill(definition, line, self._cast.character.language, situation))

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
        text, tokens, finish = "", 0, None
        async with self._mind.stream(request) as items:
            async for item in self._trace.engine_items(items, until="first_clause"):
                if isinstance(item, Finish):
                    finish = item
                    continue
                self._trace.mark("first_token")
                text += item.text
                tokens += 1
                await self._pass_on(reader.feed(item.text), send)
                if reader.finished:
                    break
        if isinstance(items, Metered):
            self._count(items.spent, goes_on=goes_on)
        elif finish is not None:
            model = finish.model or self._mind.name
            tokens, prompt_tokens = finish.completion_tokens, finish.prompt_tokens
            self._count(Spent(model=model, prompt_tokens=prompt_tokens, completion_tokens=tokens), goes_on=goes_on)
        else:  # the engine was stopped before it could count
            prompt_tokens = sum(estimated_tokens(message.text) for message in request.messages)
            spent = Spent(model=self._mind.name, prompt_tokens=prompt_tokens, completion_tokens=tokens)
            self._count(spent, goes_on=goes_on)
        return text, finish is None or finish.complete

    async def _pass_on(
        self, found: Sequence[reply.ParserEvent], send: MemoryObjectSendStream[reply.ParserEvent]
    ) -> None:
        for event in found:
            self._acted = self._acted or isinstance(event, reply.ActionTag)
            await send.send(event)

    def _count(self, spent: Spent, *, goes_on: bool) -> None:
        """Add what an answer has taken; its prompt is no new one where it goes on behind the last."""
        before = self.usage or events.Usage(model=spent.model, prompt_tokens=0, completion_tokens=0)
        costs = [cost for cost in (before.cost, spent.cost) if cost is not None]
        self.usage = events.Usage(
            model=spent.model,
            prompt_tokens=before.prompt_tokens + (0 if goes_on else spent.prompt_tokens),
            completion_tokens=before.completion_tokens + spent.completion_tokens,
            cost=sum(costs) if costs else None,
        )


def small_thoughts(
    cast: Cast, facts: Sequence[str], memories: Sequence[str], line: str, instructions: Sequence[str] = ()
) -> tuple[str, ...]:
    """What a small model is told besides the player's words: what its author wants, and one thing that bears on them.

    Args:
        cast: Who takes part.
        facts: What the character knows, the most relevant first.
        memories: What it remembers, oldest first.
        line: The player's words.
        instructions: What its author wants.
    """
    known = facts or relevant_facts(cast.scene.facts, line) or memories
    return (*((told("facts", cast.character.language, facts=known[0]),) if known else ()), *instructions)


def situation_of(cast: Cast, inner: Inner, clock: Clock) -> Situation:
    """The moment, as conditions and arguments of actions see it."""
    return Situation(
        scene=cast.scene,
        player=cast.player,
        character=cast.id,
        relation=inner.bond.relationship.axes,
        done=inner.bond.goals.done | cast.ledger.done,
        moods=inner.person.affect.mood,
        known=cast.nature.known_tags(inner.person.awareness),
        met=inner.bond.has_met,
        now=clock.now(),
    )


def occasion_of(cast: Cast, inner: Inner, clock: Clock, *, number: int, small: bool) -> Occasion:
    """The moment, as what the character does about something sees it.

    Args:
        cast: Who takes part.
        inner: The character's state.
        clock: Time.
        number: Of the turn.
        small: Whether the model is small.
    """
    scene = cast.scene
    return Occasion(
        facts=situation_of(cast, inner, clock),
        moment=Moment(clock.now(), scene.time),
        scene=tuple(
            text
            for text in (
                scene.location,
                *scene.facts,
                *(entity.label for entity in scene.entities),
                *(presence.name for presence in scene.characters),
            )
            if text
        ),
        recent=tuple(exchange.player for exchange in cast.history[-_RECENT:]),
        player=cast.player.id,
        number=number,
        among_themselves=cast.among_themselves,
        small=small,
    )


def opening_of(cast: Cast, topic: str) -> str:
    """What a character is told that shall begin to talk with another one.

    Args:
        cast: Who takes part.
        topic: What about; empty for anything.
    """
    language = cast.character.language
    return told("open_talk", language, player=cast.player.name, about=topic or told("anything", language))


def _silent(event: reply.ParserEvent) -> bool:
    return isinstance(event, reply.ParserNotice) and event.code in _SILENT
