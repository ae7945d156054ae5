"""Appraisal of goals: what an event that helps or hinders somebody's goal makes everybody concerned feel.

The rules are those of Gamygdala (Popescu, Broekens and van Someren 2014). Where its reference implementation departs
from the model, the model is followed:

- A high hope that fails disappoints, and a likely evil that does not come relieves: both when the likelihood fell by
  more than a half to 0. The reference asks that it rose by more than a half to 0, which cannot happen.
- A likelihood stays within 0..1. The reference lets incremental beliefs take it down to -1, where no rule applies, so
  that a goal that is more than lost would leave its owner cold.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from npc_runtime.character.affect import Stimulus
from npc_runtime.character.emotion import clamped, vector
from npc_runtime.character.occ import GAMYGDALA_PAD, OccEmotion
from npc_runtime.events import Pad

_CERTAIN = 1e-9
"""A likelihood this near to 0 or 1 is there: sums of tenths miss it by less."""
_EXPECTED = 0.5
"""A change of likelihood up to which the outcome was expected."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody wants, or fears. A goal that several share is one of each, under the same name."""

    name: str
    owner: str
    utility: float
    """How much it is wanted, -1..1; below 0 it is to be avoided."""
    likelihood: float = 0.5
    """How likely it is to come true, 0..1."""
    maintenance: bool = False
    """Whether it can be lost again; otherwise, once it has come true, nothing changes it."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Something that is taken to have happened."""

    likelihood: float
    """How sure it is, 0..1."""
    congruence: Mapping[str, float]
    """Name of a goal → how much the event helps it, -1 (prevents) .. 1 (brings about)."""
    cause: str = ""
    """Who did it; empty when nobody did."""
    incremental: bool = False
    """Whether it adds to the goal's likelihood; otherwise it replaces it."""


@dataclass(frozen=True, slots=True)
class Liking:
    """How one character likes another; from each to each there is at most one."""

    who: str
    whom: str
    like: float
    """-1..1"""


@dataclass(frozen=True, slots=True)
class Appraised:
    """What an event makes somebody feel; the cause is the goal's name, the target whom the feeling is about."""

    who: str
    stimulus: Stimulus


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event leaves behind."""

    goals: tuple[Goal, ...]
    """All goals, in the order given, as likely as they are now."""
    feelings: tuple[Appraised, ...]

    def felt_by(self, who: str) -> tuple[Stimulus, ...]:
        """What one character feels about it."""
        return tuple(feeling.stimulus for feeling in self.feelings if feeling.who == who)


def appraise(goals: Iterable[Goal], belief: Belief, likings: Iterable[Liking] = ()) -> Outcome:
    """Take an event in.

    An absolute belief sets a goal's likelihood to (congruence · likelihood + 1) / 2, an incremental one adds
    congruence · likelihood. The desirability of the change is its size times the goal's utility, and each emotion is as
    intense as that, times the liking where it is about somebody else's goal.

    Args:
        goals: Those of everybody concerned.
        belief: What happened.
        likings: How those who see it like one another.
    """
    known = tuple(likings)
    after, feelings = [], []
    for goal in goals:
        congruence = belief.congruence.get(goal.name)
        if congruence is None:
            after.append(goal)
            continue
        changed = replace(goal, likelihood=_likelihood(goal, belief, clamped(congruence)))
        after.append(changed)
        feelings += _about(changed, changed.likelihood - clamped(goal.likelihood, 0.0), belief.cause, known)
    return Outcome(tuple(after), tuple(feelings))


def _likelihood(goal: Goal, belief: Belief, congruence: float) -> float:
    old = clamped(goal.likelihood, 0.0)
    if old == 1 and not goal.maintenance:
        return old
    change = congruence * clamped(belief.likelihood, 0.0)
    new = clamped(old + change if belief.incremental else (change + 1) / 2, 0.0)
    return 0.0 if new < _CERTAIN else 1.0 if new > 1 - _CERTAIN else new


def _about(goal: Goal, change: float, cause: str, likings: tuple[Liking, ...]) -> list[Appraised]:
    """What everybody feels about a goal whose likelihood changed."""
    desirability = change * clamped(goal.utility)
    good, owner = desirability > 0, goal.owner
    if not desirability:
        return []

    def felt(who: str, emotion: OccEmotion, share: float, target: str) -> Appraised:
        return Appraised(who, Stimulus(emotion, abs(desirability) * share, cause=goal.name, target=target))

    feelings = [felt(owner, emotion, 1.0, "") for emotion in _own(goal, change, good)]
    if cause and cause != owner:
        feelings.append(felt(owner, "gratitude" if good else "anger", 1.0, cause))
    for liking in likings:
        like = clamped(liking.like)
        if liking.whom != owner or liking.who == owner or not like:
            continue
        feelings.append(felt(liking.who, _for_another(good, like), abs(like), owner))
        if liking.who == cause and like > 0:
            feelings.append(felt(cause, "gratification" if good else "remorse", like, owner))
    return feelings


def _own(goal: Goal, change: float, good: bool) -> tuple[OccEmotion, ...]:
    wanted = goal.utility > 0
    if goal.likelihood == 1:
        came: OccEmotion = "joy" if wanted else "distress"
        return (came, "satisfaction" if wanted else "fears-confirmed") if change < _EXPECTED else (came,)
    if goal.likelihood == 0:
        went: OccEmotion = "distress" if wanted else "joy"
        return (went, "disappointment" if wanted else "relief") if change < -_EXPECTED else (went,)
    return ("hope",) if good else ("fear",)


def _for_another(good: bool, like: float) -> OccEmotion:
    if good:
        return "happy-for" if like > 0 else "resentment"
    return "pity" if like > 0 else "gloating"


def gained(value: float, gain: float = 1.0) -> float:
    """The model's gain function: the more there is, the less is added; the result stays within -1..1.

    Args:
        value: An intensity, or a part of a PAD sum.
        gain: 1 and less flatten more than 20, which comes near to all or nothing.
    """
    return gain * value / (gain * abs(value) + 1)


def pad_sum(emotions: Mapping[OccEmotion, float]) -> Pad:
    """The model's PAD point of several emotions: the sum of its points times their intensities, without bounds.

    Args:
        emotions: Emotions that Gamygdala can find → intensity.

    Raises:
        KeyError: One of the emotions is not among them.
    """
    points = [(GAMYGDALA_PAD[emotion], intensity) for emotion, intensity in emotions.items()]
    return vector(math.fsum(point[axis] * intensity for point, intensity in points) for axis in range(3))
