"""Prospects: how likely it is that what a character wants comes true, and what news about it makes it feel.

A game says with an event what it means for a goal, and the rules of Gamygdala say the rest: hope and fear, joy and
distress, relief and disappointment, gratitude to whoever helped and anger at whoever did harm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from npc_runtime.character.affect import Stimulus
from npc_runtime.character.emotion import clamped
from npc_runtime.character.gamygdala import Belief, Goal, appraise
from npc_runtime.character.relationship import Change
from npc_runtime.events import Relation, Scalar

MOST_PROSPECTS = 64
"""Goals whose likelihood a character keeps in mind; the oldest give way."""
_MOST_NAME = 80
_TRUST, _AFFECTION = 0.15, 0.25
"""How far a deed that brings about, or ruins, everything that somebody wanted moves what they think of the doer."""


@dataclass(frozen=True, slots=True)
class News:
    """What an event means for something that a character wants."""

    goal: str
    """What is wanted, by any name; the same name is the same goal."""
    helps: float
    """How much the event helps it, -1 (prevents it) .. 1 (brings it about)."""
    likelihood: float = 1.0
    """How sure that is, 0..1."""
    by: str = ""
    """Id of who did it; empty when nobody did."""

    @classmethod
    def of(cls, event: str, params: Mapping[str, Scalar]) -> "News | None":
        """What a game's event says; None if it says nothing about a goal.

        Args:
            event: Its name, which stands for the goal unless the game names one.
            params: `helps`, and optionally `goal`, `likelihood` and `by`.
        """
        helps = _number(params.get("helps"))
        if helps is None:
            return None
        likelihood = _number(params.get("likelihood"))
        goal, by = params.get("goal"), params.get("by")
        return cls(
            (goal if isinstance(goal, str) and goal.strip() else event)[:_MOST_NAME],
            clamped(helps),
            1.0 if likelihood is None else clamped(likelihood, 0.0),
            by[:_MOST_NAME] if isinstance(by, str) else "",
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """What news do to a character."""

    prospects: Mapping[str, float]
    """Goal → how likely it is now, 0..1."""
    stimuli: tuple[Stimulus, ...]
    changes: tuple[Change, ...]
    """What they do to the relationship with the player, if the player is behind them."""


def take_in(news: News, prospects: Mapping[str, float], *, character: str, player: str) -> Effect:
    """Take news in.

    Args:
        news: What has happened.
        prospects: How likely the character's goals were; a goal that is new to it was as likely as not.
        character: Its id.
        player: Id of the player.
    """
    goal = Goal(news.goal, character, 1.0, prospects.get(news.goal, 0.5), maintenance=True)
    outcome = appraise([goal], Belief(news.likelihood, {news.goal: news.helps}, news.by))
    after = outcome.goals[0].likelihood
    kept = {name: value for name, value in prospects.items() if name != news.goal} | {news.goal: after}
    gain = 2 * (after - goal.likelihood)
    changes: tuple[Change, ...] = ()
    if news.by == player and gain:
        changes = (Change("rules", Relation(trust=_TRUST * gain, affection=_AFFECTION * gain)),)
    latest = dict(list(kept.items())[-MOST_PROSPECTS:])
    return Effect(MappingProxyType(latest), outcome.felt_by(character), changes)


def _number(value: Scalar | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
