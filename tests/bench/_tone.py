"""Labelled player lines in three languages, and how well the appraisal reads them.

Each line says what a character of average temperament feels on hearing it: the sign of the valence, one of the 19
labels, and the kind of line. A third of them, chosen by a hash of the text, is kept aside: nobody looks at its errors.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from npc_runtime.character.appraisal import assess
from npc_runtime.character.emotion import LABEL_PAD
from npc_runtime.content.character import Traits
from npc_runtime.events import EmotionLabel

LANGUAGES = ("en", "de", "tr")
SIGN_GOAL = 0.85
"""Share of the lines kept aside whose valence has the right sign."""
OCTANT_GOAL = 0.65
"""Share of them whose label lies in the right octant of PAD space."""
_AVERAGE = Traits()
_PARTS = 3
"""One line in so many is kept aside."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A player's line and how it is taken."""

    text: str
    sign: int
    """Of the valence: -1, 0 or 1."""
    label: EmotionLabel
    category: str

    @property
    def kept_aside(self) -> bool:
        """Whether it is in the part that nothing was tuned on."""
        return int.from_bytes(hashlib.sha256(self.text.encode()).digest()[:4], "big") % _PARTS == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line and what the appraisal makes of it."""

    line: Labelled
    sign: int
    label: EmotionLabel
    kind: str
    """What outweighed the rest; empty for a plain statement."""

    @property
    def sign_is_right(self) -> bool:
        return self.sign == self.line.sign

    @property
    def octant_is_right(self) -> bool:
        return octant(self.label) == octant(self.line.label)


def lines(language: str) -> tuple[Labelled, ...]:
    """The labelled lines of a language."""
    path = Path(__file__).parents[1] / "data" / f"tone_{language}.jsonl"
    return tuple(Labelled(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())


def outcomes(language: str, *, kept_aside: bool) -> tuple[Outcome, ...]:
    """Every line of one part, as a character of average temperament takes it."""
    return tuple(_outcome(line, language) for line in lines(language) if line.kept_aside is kept_aside)


def octant(label: EmotionLabel) -> str:
    """The signs of a label's pleasure, arousal and dominance; neutral is a class of its own."""
    return "neutral" if label == "neutral" else "".join("+" if axis >= 0 else "-" for axis in LABEL_PAD[label])


def share(right: Sequence[bool]) -> float:
    """How many of them are true, 0..1."""
    return sum(right) / len(right)


def _outcome(line: Labelled, language: str) -> Outcome:
    found = assess(line.text, language, _AVERAGE)
    return Outcome(line, found.sign, found.label, found.kinds[0] if found.kinds else "")
