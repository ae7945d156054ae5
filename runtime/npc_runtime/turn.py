"""One exchange: the player's words go in, and everything the character does about them comes out, in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from npc_runtime import events
from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.options import possible
from npc_runtime.actions.plausible import plausible
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import Rejection, validate
from npc_runtime.character.emotion import INTENSITY, emotion_pad, resting_mood
from npc_runtime.clock import Clock
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.character import CharacterFile
from npc_runtime.errors import NpcError
from npc_runtime.lipsync.visemes import visemes
from npc_runtime.llm import reply
from npc_runtime.llm.backend import Completion, Finish, LanguageModel
from npc_runtime.llm.grammar import ACTION_MARK, OPENING, action_grammar, reply_grammar, speech_grammar
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.prompt import Exchange, estimated_tokens, messages, relevant_facts
from npc_runtime.scene import Player, Scene
from npc_runtime.speech import Clip, Samples, Transcript
from npc_runtime.trace import Trace
from npc_runtime.tts.clauses import ClauseCutter
from npc_runtime.tts.wav import pcm16

_REPLY_TOKENS = 45
"""Tokens a sentence may take, its tags included."""
_EVENTS_AHEAD = 128
"""Words and tags that the mind may be ahead of the mouth: about eight clauses."""

_LOST = {
    "en": "Hm. I lost my thread.",
    "de": "Hm. Jetzt habe ich den Faden verloren.",
    "tr": "Hm. Ne diyeceğimi unuttum.",
}
"""What a character says when a turn fails and its author wrote no line for that."""

Emit = Callable[[events.Event], None]


class Ears(Protocol):
    """Speech-to-text that a turn can await."""

    async def hear(self, samples: Samples, *, language: str, hotwords: Sequence[str]) -> Transcript:
        """Recognise one utterance."""
        ...


class Mouth(Protocol):
    """Text-to-speech that a turn can await."""

    async def speak(self, text: str, character: CharacterFile) -> Clip:
        """Synthesise one clause in the character's voice; an empty clip when there is nothing to say aloud."""
        ...


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
    scene: Scene
    ledger: Ledger
    """What the character has done, for cooldowns and once-per-turn."""
    history: tuple[Exchange, ...] = ()
    roster: tuple[str, ...] = ()
    """Names of the other characters, into whose mouths no words may be put."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of a turn once it is over."""

    exchange: Exchange | None
    """What to remember; None when nothing was said aloud."""
    failure: NpcError | None


class Turn:
    """One reply, from words to sound.

    Args:
        number: Of the turn within its session, from 1.
        cast: Who takes part.
        mind: The language model.
        mouth: The voice.
        emit: Receives every event, in order.
        trace: Marks of this turn; its origin is when the player stopped talking.
        clock: Time.
        target: The viseme set that the game wants.
        context_tokens: The model's window.
        temperature: How freely the model chooses, unless the character has its own.
        seed: Makes the reply repeatable; None for a new one each time.
    """

    def __init__(
        self,
        number: int,
        cast: Cast,
        *,
        mind: LanguageModel,
        mouth: Mouth,
        emit: Emit,
        trace: Trace,
        clock: Clock,
        target: events.VisemeSet = "oculus",
        context_tokens: int = 2048,
        temperature: float = 0.5,
        seed: int | None = None,
    ) -> None:
        own = cast.character.model.temperature
        self._temperature = temperature if own is None else own
        self._number = number
        self._cast = cast
        self._mind = mind
        self._mouth = mouth
        self._emit = emit
        self._trace = trace
        self._clock = clock
        self._target: events.VisemeSet = target
        self._context_tokens = context_tokens
        self._seed = seed
        self._spoken: list[str] = []
        self._remembered: list[str] = []
        self._clauses = 0
        self._actions = 0
        self._audio_ms = 0.0
        self._settled: Mapping[str, Mapping[str, str]] = {}
        self._felt = False
        self._usage: events.Usage | None = None
        self._failure: NpcError | None = None

    async def run(self, player_line: str, *, failure: NpcError | None = None) -> Outcome:
        """Answer the player. Always ends with `turn.end`, and always with something said.

        Args:
            player_line: What the player said.
            failure: Why there can be no real answer: the character then says so in its own way.
        """
        cast, barks = self._cast, self._cast.character.barks
        self._emit(events.TurnBegin(turn=self._number, character=cast.id, reply_to=player_line))
        cast.ledger.begin_turn()
        self._failure = failure
        if failure is None:
            await self._answer(player_line)
        if self._failure is None and not self._spoken and not self._actions:
            self._failure = NpcError("The language model gave no words to say.", code="empty_reply")
        if self._failure is not None:
            lines = barks.failed or (_LOST.get(cast.character.language, _LOST["en"]),)
            await self._say(lines[self._number % len(lines)])
        return self._end(player_line)

    async def _answer(self, player_line: str) -> None:
        send, receive = anyio.create_memory_object_stream[reply.ParserEvent](_EVENTS_AHEAD)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._think, player_line, send)
                await self._act(receive)
        except* Exception as errors:  # a bug of ours ends the turn, never the session
            self._failure = NpcError(f"The turn failed unexpectedly: {errors.exceptions[0]!r}", code="internal")

    def _end(self, player_line: str) -> Outcome:
        self._trace.mark("total")
        text = " ".join(self._spoken)
        failure = self._failure
        if failure is not None:
            self._emit(events.Error(code=failure.code, message=failure.message, hint=failure.hint, turn=self._number))
        self._emit(
            events.TurnEnd(
                turn=self._number,
                reason="failed" if failure is not None else "done",
                text=text,
                timings=self._trace.timings(),
                usage=self._usage,
            )
        )
        self._emit(events.State(character=self._cast.id, stage="idle"))
        exchange = Exchange(player_line, " ".join(self._remembered)) if self._spoken else None
        return Outcome(exchange, failure)

    async def _think(self, player_line: str, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        """Let the model write, and pass on what it means."""
        async with send:
            try:
                await self._write(player_line, send)
            except NpcError as error:
                self._failure = error
            except Exception as error:  # a bug in an engine adapter must not take the session with it
                self._failure = NpcError(f"The language model failed unexpectedly: {error!r}", code="internal")

    async def _write(self, player_line: str, send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
        cast = self._cast
        sentences = cast.character.style.max_sentences
        reply_tokens = _REPLY_TOKENS * (sentences + 1)
        options = possible(cast.actions, self._situation(), cast.ledger)
        small = self._mind.small
        if small:
            options = plausible(options, player_line)
        self._settled = {option.name: option.settled for option in options}
        facts = relevant_facts((*cast.character.knowledge.facts, *cast.scene.facts), player_line)
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
            opening=OPENING,
            max_tokens=reply_tokens,
            temperature=self._temperature,
            seed=self._seed,
            conversation=cast.id,
        )
        reader = ReplyParser(
            speaker=cast.character.name,
            aliases=cast.character.aliases,
            others=cast.roster,
            player=cast.player.name,
            max_sentences=sentences,
            language=cast.character.language,
        )
        text, complete = await self._read(request, reader, send)
        if small and options and text.endswith(ACTION_MARK):
            certain, grammar = action_grammar(options)
            if grammar:
                await self._read(replace(request, written=text, opening=certain, grammar=grammar), reader, send)
            else:
                await _pass_on(reader.feed(certain), send)
        await _pass_on(reader.close(complete=complete), send)

    async def _read(
        self, request: Completion, reader: ReplyParser, send: MemoryObjectSendStream[reply.ParserEvent]
    ) -> tuple[str, bool]:
        """Pass on what the model writes for one request.

        Returns:
            The text, and whether it is complete: no token limit cut it off.
        """
        text, tokens, complete = "", 0, True
        async with self._mind.stream(request) as items:
            async for item in items:
                if isinstance(item, Finish):
                    complete = item.complete
                    self._count(item.prompt_tokens, item.completion_tokens)
                    continue
                self._trace.mark("first_token")
                text += item.text
                tokens += 1
                await _pass_on(reader.feed(item.text), send)
                if reader.finished:  # the engine is stopped before it could count
                    self._count(sum(estimated_tokens(message.text) for message in request.messages), tokens)
                    break
        return text, complete

    def _count(self, prompt_tokens: int, completion_tokens: int) -> None:
        before = self._usage.completion_tokens if self._usage else 0
        self._usage = events.Usage(
            model=self._mind.name, prompt_tokens=prompt_tokens, completion_tokens=before + completion_tokens
        )

    async def _act(self, receive: MemoryObjectReceiveStream[reply.ParserEvent]) -> None:
        """Say and do what the model meant, in the order it was written."""
        cutter = ClauseCutter(language=self._cast.character.language)
        async with receive:
            async for event in receive:
                match event:
                    case reply.Words(text=text):
                        await self._say_all(cutter.add(text))
                    case reply.SentenceEnd():
                        await self._say_all(cutter.sentence_end())
                    case reply.EmotionTag(label=label, strength=strength):
                        await self._say_all(cutter.close())
                        self._feel(label, strength)
                    case reply.ActionTag(name=name, args=args):
                        await self._say_all(cutter.close())
                        self._do(name, args)
                    case reply.NarrationText(text=text):
                        self._emit(events.Narration(turn=self._number, text=text))
                    case reply.ParserNotice(code=code, message=message):
                        self._emit(events.Notice(code=code, message=message, turn=self._number))
                    case reply.SpeakerChange():
                        pass
        await self._say_all(cutter.close())

    async def _say_all(self, clauses: Sequence[str]) -> None:
        for clause in clauses:
            await self._say(clause)

    async def _say(self, text: str) -> None:
        """Speak one clause: subtitle, mouth track and sound, in this order."""
        if not self._felt:
            self._feel("neutral", "normal")
        self._trace.mark("first_clause")
        clip: Clip | None = None
        try:
            clip = await self._mouth.speak(text, self._cast.character)
        except Exception as error:  # whatever is wrong with the voice, the words are still shown
            known = error if isinstance(error, NpcError) else NpcError(f"The voice failed unexpectedly: {error!r}")
            self._emit(events.Notice(code="voice_failed", message=known.message, hint=known.hint, turn=self._number))
        start, number = self._audio_ms, self._clauses
        self._clauses += 1
        self._spoken.append(text)
        self._remembered.append(text)
        if clip is None or not len(clip.audio):
            self._emit(events.Say(turn=self._number, clause=number, text=text, start_ms=round(start, 3)))
            return
        end = start + clip.duration_ms
        self._audio_ms = end
        if "first_audio" not in self._trace.marks:
            self._trace.mark("first_audio")
            self._emit(events.State(character=self._cast.id, stage="speaking"))
        self._emit(
            events.Say(turn=self._number, clause=number, text=text, start_ms=round(start, 3), end_ms=round(end, 3))
        )
        self._emit(
            events.Visemes(
                turn=self._number,
                clause=number,
                set=self._target,
                timing=clip.timing,
                frames=visemes(clip, self._target, start_ms=start),
            )
        )
        self._emit(
            events.SpeechAudio(
                turn=self._number,
                clause=number,
                rate=clip.rate,
                start_ms=round(start, 3),
                last=True,
                pcm=pcm16(clip.audio),
            )
        )

    def _feel(self, label: events.EmotionLabel, strength: events.Strength) -> None:
        self._felt = True
        character = self._cast.character
        self._remembered.append(f"[emotion {label} {strength}]")
        self._emit(
            events.Emotion(
                turn=self._number,
                character=self._cast.id,
                label=label,
                strength=strength,
                intensity=INTENSITY[strength],
                pad=emotion_pad(label, strength),
                mood=resting_mood(character.persona.traits),
                relation=_relation(character),
            )
        )

    def _do(self, name: str, args: Mapping[str, str]) -> None:
        cast = self._cast
        situation = self._situation()
        filled = {**self._settled.get(name, {}), **args}
        judged = validate(name, filled, cast.actions, situation, cast.ledger)
        if isinstance(judged, Rejection):
            self._emit(events.Notice(code=f"action_{judged.code}", message=judged.message, turn=self._number))
            return
        for warning in judged.warnings:
            self._emit(events.Notice(code="action_argument", message=warning, turn=self._number))
        self._actions += 1
        cast.ledger.record(judged.name, judged.args, judged.target, situation)
        self._emit(
            events.Action(
                turn=self._number,
                id=f"{self._number}.{self._actions}",
                name=judged.name,
                args=judged.args,
                target=judged.target,
                needs_result=judged.needs_result,
                needs_confirm=judged.needs_confirm,
            )
        )

    def _situation(self) -> Situation:
        cast = self._cast
        return Situation(
            scene=cast.scene,
            player=cast.player,
            character=cast.id,
            relation=_relation(cast.character),
            now=self._clock.now(),
        )


async def _pass_on(found: Sequence[reply.ParserEvent], send: MemoryObjectSendStream[reply.ParserEvent]) -> None:
    for event in found:
        await send.send(event)


def _relation(character: CharacterFile) -> events.Relation:
    return events.Relation(**character.relationships.default.model_dump())
