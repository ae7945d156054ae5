"""What every language model looks like from here: messages in, a stream of text out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from npc_runtime.content.action import ActionOption
from npc_runtime.spending import Spent

Role = Literal["system", "user", "assistant"]
ReplyFormat = Literal["tags", "json", "tools"]
"""How a model is asked to say what a character feels and does."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A request for one reply."""

    messages: tuple[Message, ...]
    """System first; the last one is what the reply answers."""
    grammar: str | None = None
    """GBNF; backends without grammars ignore it."""
    written: str = ""
    """What the model has written of the reply already; the stream goes on behind it."""
    opening: str = ""
    """How the reply begins. A backend that can, puts it into the model's mouth, and the grammar goes on from there. The
    stream has it either way."""
    max_tokens: int = 160
    temperature: float = 0.6
    seed: int | None = None
    conversation: str = ""
    """Whose prompt prefix this shares: requests with the same name keep it warm for one another."""
    player: str = ""
    """The player's name, for models that go on with a script."""
    character: str = ""
    """The name of who answers, for the same."""
    options: tuple[ActionOption, ...] = ()
    """What the character may do now, for backends that say it in another form than the prompt and the grammar."""
    max_sentences: int = 0
    """How long the reply may be, for the same; 0 where `grammar` alone says it."""
    language: str = ""
    """What the reply is to be in, as ISO 639 code; empty: whatever the model writes."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The end of the reply."""

    complete: bool
    """False when the token limit cut the reply off."""
    model: str = ""
    """Who wrote it, where that may be another than `LanguageModel.name`."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@runtime_checkable
class Metered(Protocol):
    """A stream that knows at any time what it has taken so far."""

    @property
    def spent(self) -> Spent:
        """All of it, by whoever wrote."""
        ...


@runtime_checkable
class Versed(Protocol):
    """A language model that says which languages it knows."""

    def knows(self, language: str) -> bool:
        """Whether it may be asked for replies in a language.

        Args:
            language: As ISO 639 code, with or without a region.
        """
        ...


class LanguageModel(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """What `usage` calls it."""
        ...

    @property
    def small(self) -> bool:
        """Whether long prompts and many choices are too much for it."""
        ...

    @property
    def reply_format(self) -> ReplyFormat:
        """For which form of reply prompts must have the rules; the stream is always in tags (CONTRACT 3.5)."""
        ...

    async def start(self) -> None:
        """Make ready to answer; does nothing if ready.

        Raises:
            ModelError: The model file cannot be used.
            MissingPackageError: The engine is not installed.
            EngineError: The engine does not start.
        """
        ...

    def stream(self, request: Completion) -> AbstractAsyncContextManager[AsyncIterator[Delta | Finish]]:
        """Answer; the stream ends with one `Finish`. Leaving the context stops the model.

        Raises:
            EngineError: The engine failed; those `Delta`s that arrived stay valid.
        """
        ...

    async def warm(self, request: Completion, *, said: str = "") -> None:
        """Read the prompt of a request that will come, so that its first token comes sooner.

        Args:
            request: Its messages but for the last one.
            said: How the last one begins, as far as is known.
        """
        ...

    async def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has; what control marks are in it count as plain text.

        An engine that cannot be asked, or not in time, is not waited for: the figures are then estimates, too high
        for most texts.
        """
        ...

    async def aclose(self) -> None:
        """Stop the engine and free what it holds."""
        ...


@runtime_checkable
class Substituted(Protocol):
    """A language model for which others stand in."""

    def at_present(self, language: str) -> LanguageModel:
        """The same, with whoever would answer now in a language as the one that requests are made for.

        Args:
            language: As ISO 639 code, with or without a region.
        """
        ...


def at_present(model: LanguageModel, language: str) -> LanguageModel:
    """A language model as it is to be used for one turn: what suits it does not change within that."""
    return model.at_present(language) if isinstance(model, Substituted) else model


def knows(model: LanguageModel, language: str) -> bool:
    """Whether a model may be asked for replies in a language: any where it does not say which it knows."""
    return model.knows(language) if isinstance(model, Versed) else True
