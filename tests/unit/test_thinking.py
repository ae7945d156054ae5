"""Thinking with a scripted model: what is asked of it, and what becomes of a reply that has nothing to say."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from npc_runtime import events
from npc_runtime.actions.ledger import Ledger
from npc_runtime.breaker import Breaker
from npc_runtime.cast import Cast
from npc_runtime.character.nature import Natures
from npc_runtime.clock import MonotonicClock
from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.library import Library
from npc_runtime.errors import ServiceError
from npc_runtime.lives import Lives
from npc_runtime.llm.backend import Completion, Delta, Finish, LanguageModel, ReplyFormat, at_present
from npc_runtime.llm.chain import ModelChain
from npc_runtime.llm.grammar import speech_grammar
from npc_runtime.llm.member import Member
from npc_runtime.llm.reply import ActionTag, EmotionTag, ParserEvent, ParserNotice, SentenceEnd, Words
from npc_runtime.scene import Player, Scene
from npc_runtime.spending import Price
from npc_runtime.thinking import Mindset, Thinking
from npc_runtime.trace import Trace

pytestmark = pytest.mark.anyio

OUT_OF_ROLE = "[emotion neutral] I'm sorry, but I am an AI assistant."
LEAVE = ActionDefinition.model_validate({"name": "leave", "description": "Go away when the player says goodbye."})
WAVE = ActionDefinition.model_validate({"name": "wave", "description": "Wave when the player says goodbye."})
SMITH = CharacterFile.model_validate({"name": "Brynja Ironhand", "persona": {"summary": "Blacksmith."}})


class Mind:
    """Writes one text after another, each in one piece."""

    name = "script"
    reply_format: ReplyFormat = "tags"
    busy = False

    def __init__(self, *texts: str | Exception, small: bool = False) -> None:
        self.small = small
        self.texts = list(texts)
        self.requests: list[Completion] = []

    async def start(self) -> None:
        """Always ready."""

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Nothing to warm."""

    async def aclose(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def stream(self, request: Completion) -> AsyncIterator[AsyncIterator[Delta | Finish]]:
        self.requests.append(request)
        text = self.texts[len(self.requests) - 1]

        async def items() -> AsyncIterator[Delta | Finish]:
            if isinstance(text, Exception):
                raise text
            yield Delta(text)
            yield Finish(complete=True, prompt_tokens=100, completion_tokens=len(text.split()))

        yield items()


async def think(
    mind: LanguageModel, *actions: ActionDefinition, seed: int | None = 7
) -> tuple[list[ParserEvent], events.Usage | None]:
    """All that a turn would be told of a reply to a goodbye, and what it cost."""
    clock = MonotonicClock()
    life = Lives(clock).of(SMITH, Player())
    cast = Cast(
        now=Scene,
        id="brynja",
        character=SMITH,
        actions=actions,
        system="You are Brynja.",
        player=Player(),
        scene=Scene(),
        nature=Natures(Library()).of(SMITH),
        life=life,
        ledger=Ledger(),
    )
    thinking = Thinking(cast, mind, Trace(clock, 0), clock, context_tokens=2048, temperature=0.5, seed=seed)
    send, receive = anyio.create_memory_object_stream[ParserEvent](100)
    async with send:
        await thinking.run("Goodbye, I will leave now.", Mindset(inner=life.inner, label="neutral"), send)
    async with receive:
        return [event async for event in receive], thinking.usage


def told(found: Sequence[ParserEvent]) -> list[str]:
    """The events in short."""
    return [short(event) for event in found]


def short(event: ParserEvent) -> str:
    match event:
        case Words(text=text):
            return text
        case SentenceEnd():
            return "end"
        case EmotionTag(label=label):
            return label
        case ActionTag(name=name):
            return f"do {name}"
        case ParserNotice(code=code):
            return f"notice {code}"
        case _:
            return type(event).__name__


async def test_a_model_that_falls_out_of_its_role_is_asked_once_more() -> None:
    mind = Mind(OUT_OF_ROLE, "[emotion joy] Aye.")
    found, usage = await think(mind)
    assert told(found) == ["neutral", "notice role_break", "joy", "Aye.", "end"]
    first, second = mind.requests
    assert (first.seed, second.seed) == (7, 8)
    assert first.messages == second.messages
    assert usage == events.Usage(model="script", prompt_tokens=200, completion_tokens=13)


async def test_a_model_without_a_seed_is_asked_once_more_without_one() -> None:
    mind = Mind("", "Aye.")
    found, _ = await think(mind, seed=None)
    assert told(found) == ["Aye.", "end"]
    assert [request.seed for request in mind.requests] == [None, None]


async def test_a_model_is_not_asked_a_third_time() -> None:
    mind = Mind(OUT_OF_ROLE, "", "Aye.")
    found, _ = await think(mind)
    assert told(found) == ["neutral", "notice role_break", "notice empty_reply"]
    assert len(mind.requests) == 2


@pytest.mark.parametrize("text", ["Look here, I am a language model.", "[action leave]"])
async def test_a_model_that_said_or_did_anything_is_not_asked_again(text: str) -> None:
    mind = Mind(text)
    await think(mind, LEAVE)
    assert len(mind.requests) == 1


async def test_nobody_acts_on_words_that_may_not_be_said() -> None:
    mind = Mind(f"{OUT_OF_ROLE} [", " Farewell. [", small=True)
    found, _ = await think(mind, LEAVE)
    assert told(found) == ["neutral", "notice role_break", "Farewell.", "end", "do leave"]


async def test_the_prompt_of_a_reply_in_two_parts_counts_once() -> None:
    mind = Mind(" Farewell. [", "action wave]", small=True)
    found, usage = await think(mind, LEAVE, WAVE)
    assert told(found) == ["Farewell.", "end", "do wave"]
    assert usage == events.Usage(model="script", prompt_tokens=100, completion_tokens=4)


async def test_what_a_reply_costs_is_known_even_if_nobody_hears_its_end() -> None:
    def chain(*texts: str) -> ModelChain:
        return ModelChain([Member(Mind(*texts), Breaker(MonotonicClock()), price=Price(1.0, 1.0, 10.0))])

    _, usage = await think(chain(OUT_OF_ROLE, "[emotion joy] Aye."))
    assert usage is not None and (usage.prompt_tokens, usage.completion_tokens) == (200, 13)
    assert usage.cost == pytest.approx(330e-6)
    _, usage = await think(chain("Aye. " * 40))
    assert usage is not None and usage.cost is not None and usage.cost > 10e-6
    _, usage = await think(Mind("[emotion joy] Aye."))
    assert usage is not None and usage.cost is None


async def test_a_small_model_that_stands_in_is_asked_as_suits_it_and_acts() -> None:
    clock = MonotonicClock()
    service = Mind(ServiceError("The key is refused.", failing="key"))
    small = Mind("Farewell.", " Farewell. [", "action wave]", small=True)
    chain = ModelChain([Member(service, Breaker(clock)), Member(small, Breaker(clock), local=True)])
    assert at_present(chain, "en") is chain and not chain.small
    await think(at_present(chain, "en"), LEAVE)
    assert not small.requests[0].options, "it goes on with what was asked of the other one"
    now = at_present(chain, "en")
    assert now.small
    found, _ = await think(now, LEAVE, WAVE)
    assert told(found) == ["Farewell.", "end", "do wave"]
    assert len(service.requests) == 1
    assert small.requests[1].grammar == speech_grammar(max_sentences=2, may_act=True)
