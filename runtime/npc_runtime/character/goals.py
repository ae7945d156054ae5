"""Goals at work: which of a character's goals starts when the player speaks or something happens, and what it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from npc_runtime.character.goal_state import GoalState, Moment
from npc_runtime.character.intents import THRESHOLD, IntentMatcher, has_keyword
from npc_runtime.character.memory.embedder import Embedder, Vectors
from npc_runtime.character.orders import Orders
from npc_runtime.content.conditions import Axis, Circumstances, Facts, MoodAxis, all_hold
from npc_runtime.content.goal import Feeling, Goal, GoalEvent, RelationChange, Step

MAX_CASCADE = 8
"""Goals that one happening can start through events of other goals."""


@dataclass(frozen=True, slots=True)
class Line:
    """The player said something."""

    text: str
    names: frozenset[str] = frozenset()
    """Words of names that say nothing about what is meant; see `intent_words.name_words`."""
    vector: Vectors | None = None
    """The line as a query of the embedder, if it is known already."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something happened: a `game.event`, or an event of another goal."""

    name: str


@dataclass(frozen=True, slots=True)
class Firing:
    """A goal that starts."""

    goal: str
    confidence: float
    """How sure it is that it is meant, 0..1."""
    steps: tuple[Step, ...]
    """What is to be done, in the author's order."""
    state: GoalState
    """The state of the goals afterwards."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said word for word."""
        return tuple(step.say for step in self.steps if step.say is not None)

    @property
    def instructions(self) -> tuple[str, ...]:
        """What the model is told."""
        return tuple(step.instruct for step in self.steps if step.instruct is not None)

    @property
    def verbatim(self) -> bool:
        """Whether everything that is said is the author's: then the model is not asked."""
        return bool(self.lines) and not self.instructions

    @property
    def feelings(self) -> tuple[Feeling, ...]:
        """Emotions to show."""
        return tuple(step.emotion for step in self.steps if step.emotion is not None)

    @property
    def actions(self) -> tuple[str, ...]:
        """Ids of actions to do."""
        return tuple(step.action for step in self.steps if step.action is not None)

    @property
    def relations(self) -> tuple[RelationChange, ...]:
        """How the relation to the player moves."""
        return tuple(step.relate for step in self.steps if step.relate is not None)

    @property
    def events(self) -> tuple[GoalEvent, ...]:
        """What the game is told."""
        return tuple(step.event for step in self.steps if step.event is not None)


class Goals:
    """The goals of one character, ready to be asked. Pure: what has happened so far is in the `GoalState` it is given.

    Args:
        goals: As the author wrote them.
        language: The character's.
        embedder: Judges nearness of meaning; without one the words alone do.
        orders: Goals that are known by how something is asked for.
    """

    def __init__(
        self, goals: Sequence[Goal], language: str, embedder: Embedder | None = None, orders: Orders | None = None
    ) -> None:
        self._goals = tuple(goals)
        self._orders = orders
        self._language = language
        self._matcher = IntentMatcher([goal.when.intent for goal in goals], language, embedder)

    def triggered(self, happening: Line | Occurrence, facts: Facts, state: GoalState, moment: Moment) -> Firing | None:
        """The goal that starts.

        A goal can start when its trigger fits, all that it requires holds, its cooldown is over, and it is repeatable
        or not done yet. Of several the surest one starts, of equally sure ones the first. A keyword is as sure as the
        words of an example.

        Args:
            happening: What the player said, or what happened.
            facts: What conditions are asked of; whatever the state has as done counts as done besides.
            state: How far the goals are.
            moment: Now.
        """
        known = _WithState(facts, state)
        best: tuple[int, float] | None = None
        for number, confidence in self._candidates(happening):
            if (best is None or confidence > best[1]) and self._ready(self._goals[number], known, state, moment):
                best = number, confidence
        if best is None:
            return None
        goal = self._goals[best[0]]
        marks = (step.done for step in goal.do if step.done is not None)
        return Firing(goal.id, best[1], goal.do, state.start(goal.id, moment, marks))

    def cascade(
        self, happening: Line | Occurrence, facts: Facts, state: GoalState, moment: Moment
    ) -> tuple[Firing, ...]:
        """The goal that starts, those that wait for its events, and so on: each once, `MAX_CASCADE` in all.

        Args:
            happening: What the player said, or what happened.
            facts: What conditions are asked of.
            state: How far the goals are.
            moment: Now.

        Returns:
            In the order in which they start; the `state` of the last one is the new state.
        """
        firings: list[Firing] = []
        waiting: list[Line | Occurrence] = [happening]
        seen: set[str] = set()
        while waiting and len(firings) < MAX_CASCADE:
            firing = self.triggered(waiting.pop(0), facts, state, moment)
            if firing is None or firing.goal in seen:
                continue
            seen.add(firing.goal)
            firings.append(firing)
            state = firing.state
            waiting += [Occurrence(event.name) for event in firing.events]
        return tuple(firings)

    def _candidates(self, happening: Line | Occurrence) -> list[tuple[int, float]]:
        """Numbers of the goals whose trigger fits, in the order of authoring, with how sure that is."""
        if isinstance(happening, Occurrence):
            return [(number, 1.0) for number, goal in enumerate(self._goals) if goal.when.event == happening.name]
        found = {
            match.goal: match.confidence
            for match in self._matcher.ranked(happening.text, names=happening.names, vector=happening.vector)
        }
        if self._orders is not None:  # they know better than words of which half may be values
            found |= self._orders.confidences(happening.text, happening.names)
            found = {number: confidence for number, confidence in found.items() if confidence >= THRESHOLD}
        for number, goal in enumerate(self._goals):
            if goal.when.keyword and has_keyword(goal.when.keyword, happening.text, self._language):
                found[number] = 1.0
        return sorted(found.items())

    def _ready(self, goal: Goal, facts: Facts, state: GoalState, moment: Moment) -> bool:
        return (
            (goal.repeatable or not facts.is_done(goal.id))
            and not state.remaining(goal.id, goal.cooldown, moment)
            and all_hold(goal.require, facts) is None
        )


@dataclass(frozen=True, slots=True)
class _WithState:
    """Facts, and besides them what the goals have done."""

    facts: Facts
    state: GoalState

    def standing(self, axis: Axis) -> float:
        return self.facts.standing(axis)

    def in_scene(self, name: str) -> bool:
        return self.facts.in_scene(name)

    def is_done(self, name: str) -> bool:
        return name in self.state.done or self.facts.is_done(name)

    def mood(self, axis: MoodAxis) -> float:
        return self.facts.mood(axis) if isinstance(self.facts, Circumstances) else 0.0

    def game_time(self) -> float | None:
        return self.facts.game_time() if isinstance(self.facts, Circumstances) else None

    def knows(self, tag: str) -> bool:
        return isinstance(self.facts, Circumstances) and self.facts.knows(tag)

    def has_met(self) -> bool:
        return isinstance(self.facts, Circumstances) and self.facts.has_met()
