"""Spending: what a model was used for, and what that costs."""

from dataclasses import dataclass
from typing import Protocol

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a service takes for a model, in US dollars per million tokens."""

    input: float
    cached: float
    """For tokens of the prompt that the service still knew."""
    output: float


class Tokens(Protocol):
    """What a reply took, as a `Finish` says it."""

    @property
    def prompt_tokens(self) -> int:
        """Of the whole prompt."""
        ...

    @property
    def cached_tokens(self) -> int:
        """Those of the prompt that the service still knew."""
        ...

    @property
    def completion_tokens(self) -> int:
        """Of the reply."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one answer of one model took, whether or not anybody heard all of it."""

    model: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    """In US dollars; None where nothing is paid, or nobody knows how much."""
    local: bool = False
    """Whether the model runs on this machine, which costs nothing."""


def cost_of(tokens: Tokens, price: Price) -> float:
    """What a reply costs.

    Args:
        tokens: What it took; figures below zero count as none, and no more are cached than were sent.
        price: Of the model.

    Returns:
        US dollars.
    """
    prompt = max(tokens.prompt_tokens, 0)
    cached = min(max(tokens.cached_tokens, 0), prompt)
    written = max(tokens.completion_tokens, 0)
    return ((prompt - cached) * price.input + cached * price.cached + written * price.output) / _MILLION
