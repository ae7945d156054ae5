"""What each piece of evidence counts when it is judged which goal a line means.

The weights are in `assets/text/intent_weights.json`, one set for each combination of what there is to judge by;
`tests/bench/fit_intents.py` finds them.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from npc_runtime.character.intent_evidence import Evidence
from npc_runtime.character.intent_kinds import Kinship
from npc_runtime.resources import bundled

Floats = NDArray[np.float32]
Meaning = Literal["", "near", "vector"]
"""How an embedder judges: not at all; by nearness to the examples; by the kinds that it tells."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much, in log-odds."""

    evidence: Floats
    """Shape (fields of `Evidence`,)."""
    kinds: Floats
    """Shape (fields of `Kinship`,), for kinds by words; all 0 where there are none."""
    vector: Floats
    """The same for kinds by vectors."""
    near: float
    """For one deviation of nearness."""
    none: float
    """The log-odds that a line means nothing."""


@cache
def weights_for(kinds: bool, meaning: Meaning) -> Weights:
    """The weights for what there is to judge by.

    Args:
        kinds: Whether words tell kinds in this language.
        meaning: How an embedder judges.
    """
    found = _sets()[set_name(kinds, meaning)]
    return Weights(
        np.array([found[field] for field in Evidence._fields], np.float32),
        np.array([found.get(f"kind_{field}", 0.0) for field in Kinship._fields], np.float32),
        np.array([found.get(f"vector_{field}", 0.0) for field in Kinship._fields], np.float32),
        found.get("near", 0.0),
        found["none"],
    )


def set_name(kinds: bool, meaning: Meaning) -> str:
    """What a set is called in the file."""
    return " ".join(["words", *(["kinds"] if kinds else []), *([meaning] if meaning else [])])


@cache
def _sets() -> dict[str, dict[str, float]]:
    read: Any = json.loads(bundled("assets", "text", "intent_weights.json").read_text(encoding="utf-8"))
    sets: dict[str, dict[str, float]] = read
    return sets
