"""Does the appraisal read the tone of what players say, in three languages, and how long does it take?

Run: python tests/bench/bench_appraisal.py [--errors] [--json]

Its material is tests/data/tone_*.jsonl: 120 lines a language, written before any rule was tuned. `--errors` lists what
went wrong in the tuned part; nobody looks at the errors of the part kept aside. Lines and rules have one author, who
had read all of the lines, so even that part flatters: strangers' dialogue is read less well.
Goal: on the part kept aside the sign of the valence is right for 85 % of the lines of each language, and the octant of
the label for 65 %.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

from _common import finish, goal, machine, median, p95, parser, table
from _tone import LANGUAGES, OCTANT_GOAL, SIGN_GOAL, Outcome, octant, outcomes, share

from npc_runtime.character.appraisal import assess
from npc_runtime.content.character import Traits

_LONG = "you are not a fool if I will never kill you, "
"""Repeated, it opens many rules at once."""
_LONG_CHARACTERS = 10_000
_REPEATS = 20


def parts() -> list[dict[str, Any]]:
    """How right each part of each language is, beside what guessing its commonest class would give."""
    rows = []
    for language in LANGUAGES:
        for kept_aside in (False, True):
            found = outcomes(language, kept_aside=kept_aside)
            signs = [one.line.sign for one in found]
            octants = [octant(one.line.label) for one in found]
            rows.append(
                {
                    "language": language,
                    "part": "kept aside" if kept_aside else "tuned",
                    "lines": len(found),
                    "sign": share([one.sign_is_right for one in found]),
                    "commonest sign": max(signs.count(sign) for sign in signs) / len(signs),
                    "octant": share([one.octant_is_right for one in found]),
                    "commonest octant": max(octants.count(name) for name in octants) / len(octants),
                }
            )
    return rows


def categories() -> list[dict[str, Any]]:
    """How right each kind of line is over all languages; of the part kept aside only the sums are shown."""
    tuned = [one for language in LANGUAGES for one in outcomes(language, kept_aside=False)]
    aside = [one for language in LANGUAGES for one in outcomes(language, kept_aside=True)]
    rows = []
    for category in dict.fromkeys(one.line.category for one in (*tuned, *aside)):
        of_tuned = [one for one in tuned if one.line.category == category]
        of_aside = [one for one in aside if one.line.category == category]
        rows.append(
            {
                "category": category,
                "tuned": _sums(of_tuned),
                "taken for": _taken_for(of_tuned),
                "kept aside": _sums(of_aside),
            }
        )
    return rows


def times() -> list[dict[str, Any]]:
    """Milliseconds for a line, and for a text of 10,000 characters; the rules are loaded."""
    rows = []
    long = (_LONG * (_LONG_CHARACTERS // len(_LONG) + 1))[:_LONG_CHARACTERS]
    for language in LANGUAGES:
        texts = [one.line.text for one in outcomes(language, kept_aside=False)]
        lines = [_milliseconds(text, language) for text in texts]
        longest = [_milliseconds(long, language) for _ in range(_REPEATS)]
        rows.append(
            {"language": language, "line p50": median(lines), "line p95": p95(lines), "10,000 p95": p95(longest)}
        )
    return rows


def _sums(found: Sequence[Outcome]) -> str:
    """How many lines, signs and octants are right."""
    return f"{len(found)}: {sum(one.sign_is_right for one in found)}, {sum(one.octant_is_right for one in found)}"


def _taken_for(found: Sequence[Outcome]) -> str:
    wrong = sorted({one.kind or "nothing" for one in found if not (one.sign_is_right and one.octant_is_right)})
    return ", ".join(wrong) or "-"


def _milliseconds(text: str, language: str) -> float:
    start = time.perf_counter()
    assess(text, language, Traits())
    return (time.perf_counter() - start) * 1000


def main() -> int:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("--errors", action="store_true", help="list what went wrong in the tuned part")
    chosen = made.parse_args()
    result: dict[str, Any] = {"machine": machine(), "parts": parts(), "categories": categories(), "times_ms": times()}
    goals = [
        goal(f"{row['language']} {name}, kept aside", row[name], limit, at_least=True)
        for row in result["parts"]
        if row["part"] == "kept aside"
        for name, limit in (("sign", SIGN_GOAL), ("octant", OCTANT_GOAL))
    ]
    if not chosen.json:
        table("share that is right, and what the commonest class alone would give", result["parts"])
        table("by category, all languages: lines: right signs, right octants", result["categories"])
        table("milliseconds", result["times_ms"])
    if chosen.errors:
        wrong = [
            {
                "language": language,
                "wanted": one.line.label,
                "found": one.label,
                "kind": one.kind,
                "text": one.line.text,
            }
            for language in LANGUAGES
            for one in outcomes(language, kept_aside=False)
            if not (one.sign_is_right and one.octant_is_right)
        ]
        table("errors in the tuned part", wrong)
    return finish(chosen.json, result, goals)


if __name__ == "__main__":
    sys.exit(main())
