"""Inner: the inner state of one character, and of it and one player: all that a saved game brings back but memories.

What a character feels, and what it has come to know, is its own; how it stands to somebody, and how far its goals are
with them, belongs to both. Every change gives a new state, so that a turn which is taken back has changed nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self, TypeVar

from npc_runtime.character.affect import Affect, Stimulus, Temperament
from npc_runtime.character.emotion import clamped
from npc_runtime.character.goal_state import GoalState
from npc_runtime.character.knowledge import Awareness
from npc_runtime.character.relationship import Change, Relationship
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.conditions import Axis, MoodAxis
from npc_runtime.errors import InputError
from npc_runtime.events import Relation

T = TypeVar("T")

_MOST_TIME = 1e15
_MET = 0.1
"""Familiarity from which on somebody counts as met, though no talk with them is remembered."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is a character's own."""

    affect: Affect
    at: float
    """Clock time, in seconds, at which it feels so."""
    awareness: Awareness = field(default_factory=Awareness)
    game_time: float = 0.0
    """Game time, in seconds, of what it lived through last."""
    prospects: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """What it wants, as far as events spoke of it → how likely that is, 0..1."""

    @classmethod
    def new(cls, character: CharacterFile, now: float) -> Self:
        """The character as its author made it.

        Args:
            character: Who it is.
            now: Clock time in seconds.
        """
        return cls(Affect.resting(_temperament(character)), now)

    @classmethod
    def read(cls, saved: Mapping[str, Any], character: CharacterFile, now: float) -> Self:
        """The character as it was saved.

        Args:
            saved: From `documents`; what is missing is as the author made it.
            character: Who it is; temperament comes from there.
            now: Clock time in seconds: no time passes for feelings while a game is not played.

        Raises:
            InputError: A document cannot be read.
        """
        new = cls.new(character, now)
        return cls(
            _part(saved, "affect", lambda value: Affect.from_json(value, new.affect.temperament), new.affect),
            now,
            _part(saved, "awareness", Awareness.from_json, new.awareness),
            _part(saved, "game_time", _time, 0.0),
            _part(saved, "prospects", _likelihoods, new.prospects),
        )

    def documents(self) -> dict[str, Any]:
        """Name → JSON value; `read` gives the same character back."""
        return {
            "affect": self.affect.as_json(),
            "awareness": self.awareness.as_json(),
            "game_time": self.game_time,
            "prospects": dict(self.prospects),
        }

    def after(self, now: float, character: CharacterFile) -> Self:
        """The character at a later clock time; its temperament is that of its file, which may have been edited."""
        affect = self.affect.after(now - self.at)
        return replace(self, affect=replace(affect, temperament=_temperament(character)), at=now)

    def at_time(self, now: float, game_time: float) -> Self:
        """The same character at a later clock time, and this game time."""
        return replace(self, affect=self.affect.after(now - self.at), at=now, game_time=game_time)

    @property
    def rests(self) -> bool:
        """Whether nothing is left to fade."""
        return not self.affect.emotions and self.affect.mood == self.affect.temperament.rest

    def knowing(self, more: Awareness) -> Self:
        """The character with what it has come to know besides."""
        known, texts = self.awareness, {fact.text for fact in self.awareness.learnt}
        if more is known:
            return self
        for fact in more.learnt:
            if fact.text not in texts:
                known = known.learning(fact.text, fact.time)
        for event in more.events:
            known = known.witnessing(event)
        return replace(self, awareness=known)

    def felt(self, stimuli: Iterable[Stimulus]) -> Self:
        """After stimuli that come together."""
        return replace(self, affect=self.affect.felt_all(stimuli))


@dataclass(frozen=True, slots=True)
class Bond:
    """What belongs to a character and one other person."""

    relationship: Relationship
    goals: GoalState = field(default_factory=GoalState)
    exchanges: int = 0
    """How often they have talked."""

    @classmethod
    def new(cls, character: CharacterFile) -> Self:
        """How the character meets a stranger."""
        return cls(Relationship(Relation(**character.relationships.default.model_dump())))

    @classmethod
    def read(cls, saved: Mapping[str, Any], character: CharacterFile) -> Self:
        """The bond as it was saved; see `Person.read`.

        Raises:
            InputError: A document cannot be read.
        """
        new = cls.new(character)
        return cls(
            _part(saved, "relationship", Relationship.from_json, new.relationship),
            _part(saved, "goals", GoalState.from_json, new.goals),
            _part(saved, "exchanges", lambda value: int(_time(value)), 0),
        )

    def documents(self) -> dict[str, Any]:
        """Name → JSON value; `read` gives the same bond back."""
        return {
            "relationship": self.relationship.as_json(),
            "goals": self.goals.to_json(),
            "exchanges": self.exchanges,
        }

    @property
    def has_met(self) -> bool:
        """Whether they have talked before."""
        return self.exchanges > 0 or self.relationship.axes.familiarity >= _MET

    def having_done(self, mark: str) -> Self:
        """After something has been done that conditions may ask for."""
        return replace(self, goals=replace(self.goals, done=self.goals.done | {mark}))

    def moved(self, changes: Iterable[Change], *, talked: bool = True) -> Self:
        """After one turn.

        Args:
            changes: All that it does to the relationship.
            talked: Whether they talked to each other.
        """
        relationship = self.relationship.moved(changes)
        if not talked:
            return replace(self, relationship=relationship)
        return replace(self, relationship=relationship.talked(), exchanges=self.exchanges + 1)


@dataclass(frozen=True, slots=True)
class Inner:
    """The inner state of a character as one turn sees it."""

    person: Person
    bond: Bond

    def standing(self, axis: Axis) -> float:
        """One axis of the relationship, -1..1."""
        return self.bond.relationship.standing(axis)

    def mood(self, axis: MoodAxis) -> float:
        """One axis of the mood, -1..1."""
        return self.person.affect.mood[("pleasure", "arousal", "dominance").index(axis)]


def _temperament(character: CharacterFile) -> Temperament:
    return Temperament.of(character.persona.traits, character.emotion)


def _part(saved: Mapping[str, Any], name: str, read: Callable[[Any], T], otherwise: T) -> T:
    if name not in saved:
        return otherwise
    try:
        return read(saved[name])
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "the save is damaged, or comes from a newer version"
        raise InputError(f"the saved state `{name}` of a character cannot be read", hint=hint) from error


def _likelihoods(value: Mapping[str, object]) -> Mapping[str, float]:
    return MappingProxyType({name: clamped(_time(likelihood), 0.0) for name, likelihood in value.items()})


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return clamped(float(value), -_MOST_TIME, _MOST_TIME)
