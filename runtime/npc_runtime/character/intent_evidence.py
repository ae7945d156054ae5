"""What speaks for each goal when a player says a line: figures that `intents` weighs."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from npc_runtime.character.intent_words import Denial, Form, Unit, Utterance, weak_groups

_WEAK = 0.5
"""What a group that is said about anything counts."""
_SAME_WORD, _SAME_GROUP, _SAME_PHRASE = 0.8, 0.85, 1.3
"""What it counts that a line shares a word, the group of a word, or the group of a phrase with an example: a whole
phrase is hardly ever meant otherwise."""
_UNKNOWN = 0.6
"""What a word counts that is in no example and no group."""
_MOST_MATCHED = 2.5
_MOST_FOREIGN = 4
_REMARK = "remark"
"""The group of words that comment and remember rather than wish."""


class Evidence(NamedTuple):
    """What a line has in common with the examples of one goal; shares are 0..1."""

    precision: float
    """Share of the line that the goal's examples know."""
    coverage: float
    """Share of the best example that the line covers."""
    second: float
    """The same of the second-best example."""
    matched: float
    """How much the line shares with the examples, 0..2.5; rare words count more."""
    core: float
    """How close the best shared group is to the heart of the goal: its rareness times its share of the examples."""
    foreign: float
    """Words that speak of something else, 0..4."""
    remarks: float
    """Words that comment on something."""
    new_wish: float
    """1 when the line is of this form and no example is."""
    new_polar: float
    new_open: float
    new_own: float
    new_other: float
    unable: float
    """1 when the line says that something does not work and no example does."""
    own: float
    """1 when the line tells of the player."""
    other: float
    """1 when it tells of anything else."""
    open: float
    """1 when it asks who, what, where and the like."""
    told_coverage: float
    """`coverage` of a line that only tells something, else 0."""
    told_precision: float
    refused: float
    """1 when the line refuses something and no example does."""
    declined: float
    """1 when it is the player who does: then the goal is not meant, whatever else there is."""
    shared: float
    """1 when it shares anything with the examples; else most of the others are 0."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What the examples of a goal say, taken together."""

    examples: tuple[Utterance, ...]
    stems: frozenset[str]
    shares: Mapping[str, float]
    """Group → share of the examples that have it."""
    forms: frozenset[Form]
    denials: frozenset[Denial]


class EvidenceIndex:
    """The examples of some goals, ready to be compared.

    Args:
        goals: The examples of each goal, taken apart.
    """

    def __init__(self, goals: Sequence[Sequence[Utterance]]) -> None:
        self._meanings = [_meaning(examples) for examples in goals]
        self._by_mark: dict[str, list[int]] = defaultdict(list)
        for number, meaning in enumerate(self._meanings):
            for mark in {*(f"={stem}" for stem in meaning.stems), *meaning.shares}:
                self._by_mark[mark].append(number)
        whole = math.log(1 + max(1, len(goals)))
        self._rareness = {
            mark: math.log(1 + len(goals) / len(numbers)) / whole * (_WEAK if mark in weak_groups() else 1.0)
            for mark, numbers in self._by_mark.items()
        }

    def compare(self, said: Utterance) -> list[Evidence]:
        """Weigh a line against every goal.

        Args:
            said: The line.

        Returns:
            Evidence for each goal, by its number.
        """
        touched = {number for unit in said.units for mark in _marks(unit) for number in self._by_mark.get(mark, ())}
        stems = frozenset(unit.stem for unit in said.units if unit.stem)
        groups = frozenset(group for unit in said.units for group in unit.groups)
        nothing = Evidence(*[0.0] * len(Evidence._fields))
        found = []
        for number, meaning in enumerate(self._meanings):
            evidence = self._evidence(said, stems, groups, meaning) if number in touched else nothing
            if said.denial is Denial.REFUSED and Denial.REFUSED not in meaning.denials:
                evidence = evidence._replace(refused=1.0, declined=said.form in (Form.OWN, Form.WISH))
            found.append(evidence)
        return found

    def _evidence(self, said: Utterance, stems: frozenset[str], groups: frozenset[str], meaning: _Meaning) -> Evidence:
        matched, foreign, core, whole = 0.0, 0, 0.0, 0.0
        for unit in said.units:
            weight = self._weight(unit)
            whole += weight
            shared = [group for group in unit.groups if group in meaning.shares]
            core = max([core, *(self._rareness[group] * meaning.shares[group] for group in shared)])
            if unit.stem in meaning.stems:
                matched += _SAME_WORD * self._rareness[f"={unit.stem}"]
            elif shared:
                best = max(self._rareness[group] for group in shared)
                matched += best * (_SAME_GROUP if unit.stem else _SAME_PHRASE)
            elif not unit.groups or weight > _WEAK:
                foreign += 1
        covered = sorted((self._covered(example, stems, groups) for example in meaning.examples), reverse=True)
        precision = matched / whole
        tells = said.form in (Form.OWN, Form.OTHER)
        new = None if said.form in meaning.forms else said.form
        return Evidence(
            precision=precision,
            coverage=covered[0],
            second=covered[min(1, len(covered) - 1)],
            matched=min(matched, _MOST_MATCHED),
            core=core,
            foreign=min(foreign, _MOST_FOREIGN),
            remarks=0 if _REMARK in meaning.shares else sum(_REMARK in unit.groups for unit in said.units),
            new_wish=new is Form.WISH,
            new_polar=new is Form.POLAR,
            new_open=new is Form.OPEN,
            new_own=new is Form.OWN,
            new_other=new is Form.OTHER,
            unable=said.denial is Denial.UNABLE and Denial.UNABLE not in meaning.denials,
            own=said.form is Form.OWN,
            other=said.form is Form.OTHER,
            open=said.form is Form.OPEN,
            told_coverage=covered[0] if tells else 0.0,
            told_precision=precision if tells else 0.0,
            refused=0.0,
            declined=0.0,
            shared=1.0,
        )

    def _covered(self, example: Utterance, stems: frozenset[str], groups: frozenset[str]) -> float:
        whole = covered = 0.0
        for unit in example.units:
            weight = self._weight(unit)
            whole += weight
            if unit.stem in stems:
                covered += weight
            elif shared := unit.groups & groups:
                covered += _SAME_GROUP * max(self._rareness[group] for group in shared)
        return covered / whole if whole else 0.0

    def _weight(self, unit: Unit) -> float:
        weights = [self._rareness.get(group, _WEAK if group in weak_groups() else 1.0) for group in unit.groups]
        if f"={unit.stem}" in self._rareness:
            weights.append(self._rareness[f"={unit.stem}"])
        return max(weights, default=_UNKNOWN)


def _marks(unit: Unit) -> list[str]:
    return [f"={unit.stem}", *unit.groups] if unit.stem else list(unit.groups)


def _meaning(examples: Sequence[Utterance]) -> _Meaning:
    having = Counter(group for example in examples for group in {g for unit in example.units for g in unit.groups})
    return _Meaning(
        tuple(examples),
        frozenset(unit.stem for example in examples for unit in example.units if unit.stem),
        {group: count / len(examples) for group, count in having.items()},
        frozenset(example.form for example in examples),
        frozenset(example.denial for example in examples),
    )
