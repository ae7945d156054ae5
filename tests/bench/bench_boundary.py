"""What characters cannot know and what they keep away from: how much of it is found, and what is taken for it.

    python tests/bench/bench_boundary.py [--misses] [--all] [--json]

The lines are in `tests/data/boundary_*.jsonl` and `safety_*.jsonl`. `improved on` was used to improve the word lists.
`aside` was written together with it, by whoever wrote the lists, and its mistakes were looked at once: it says little
about what is missed. `late` was written after the lists, of whatever came to mind then, and the lists were not changed
for it: its recall is what to expect of new lines. Boundaries are judged for a character of a medieval village under the
strict filter. For the safety topics `recall` counts the lines of a topic in which that topic is found, `severity` those
among them that are rightly told to be light or strong, and `false` the innocent lines in which anything is found.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from _common import ROOT, finish, goal, machine, median, parser, table

from npc_runtime.character.boundary import World, judge
from npc_runtime.character.safety import findings

DATA = ROOT / "tests" / "data"
LANGUAGES = ("en", "de", "tr")
PARTS = ("improved on", "aside", "late")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a set."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def part_of(row: Mapping[str, Any]) -> str:
    """Which part of its set a line belongs to."""
    if row.get("late"):
        return "late"
    if row.get("seen"):
        return "improved on"
    return "aside" if hashlib.sha256(row["text"].encode()).digest()[0] % 2 else "improved on"


def boundary(language: str, part: str, missed: Callable[[str, str], None]) -> dict[str, Any]:
    """Figures of one half of a language."""
    world = World(language=language)
    rows = [row for row in rows_of(DATA / f"boundary_{language}.jsonl") if part_of(row) == part]
    found = {row["text"]: judge(row["text"], world, "strict") for row in rows}
    beyond = [row["text"] for row in rows if row["refuse"]]
    innocent = [row["text"] for row in rows if not row["refuse"]]
    for text in beyond:
        if found[text] is None:
            missed(language, f"not refused: {text}")
    for text in innocent:
        if (verdict := found[text]) is not None:
            missed(language, f"refused for {verdict.term}: {text}")
    return {
        "language": language,
        "part": part,
        "lines": len(rows),
        "recall": sum(found[text] is not None for text in beyond) / len(beyond),
        "innocent": len(innocent),
        "false": sum(found[text] is not None for text in innocent) / len(innocent),
    }


def safety(language: str, part: str, missed: Callable[[str, str], None]) -> dict[str, Any]:
    """Figures of one half of a language."""
    rows = [row for row in rows_of(DATA / f"safety_{language}.jsonl") if part_of(row) == part]
    topical = [row for row in rows if row["topic"]]
    innocent = [row for row in rows if not row["topic"]]
    hits = right = false = 0
    for row in topical:
        severities = {finding.severity for finding in findings(row["text"], language) if finding.topic == row["topic"]}
        severity = "strong" if "strong" in severities else "light" if severities else ""
        hits += bool(severity)
        right += severity == row["severity"]
        if severity != row["severity"]:
            missed(language, f"{row['topic']} {row['severity']}, found {severity or 'nothing'}: {row['text']}")
    for row in innocent:
        if any_found := findings(row["text"], language):
            false += 1
            missed(language, f"innocent, found {any_found[0].topic} ({any_found[0].term}): {row['text']}")
    return {
        "language": language,
        "part": part,
        "lines": len(rows),
        "recall": hits / len(topical),
        "severity": right / max(1, hits),
        "innocent": len(innocent),
        "false": false / len(innocent),
    }


def speed() -> float:
    """Median milliseconds for both checks of one line."""
    lines = [(row["text"], language) for language in LANGUAGES for row in rows_of(DATA / f"boundary_{language}.jsonl")]
    taken = []
    for text, language in lines:
        begun = time.perf_counter()
        judge(text, World(language=language), "strict")
        findings(text, language)
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)


def main() -> int:
    """Run."""
    made: argparse.ArgumentParser = parser(__doc__)
    made.add_argument("--misses", action="store_true", help="print what is wrong in the half that is improved on")
    made.add_argument("--all", action="store_true", help="print them for the other parts, too; then those are spent")
    arguments = made.parse_args()
    misses: list[str] = []

    def missed(language: str, text: str) -> None:
        misses.append(f"{language}  {text}")

    def unseen(language: str, text: str) -> None:
        pass

    known, controls = [], []
    for part in PARTS:
        for language in LANGUAGES:
            shown = missed if part == PARTS[0] or arguments.all else unseen
            known.append(boundary(language, part, shown))
            controls.append(safety(language, part, shown))
    if not arguments.json:
        table("what a character cannot know (strict)", known)
        table("safety topics", controls)
        if arguments.misses:
            print("\n".join(["", *misses]))
    both = speed()
    goals = []
    for name, rows in (("boundary", known), ("safety", controls)):
        for language in LANGUAGES:
            unseen_rows = [row for row in rows if row["language"] == language and row["part"] != PARTS[0]]
            false = sum(row["false"] * row["innocent"] for row in unseen_rows)
            innocent = sum(row["innocent"] for row in unseen_rows)
            goals.append(goal(f"{name} {language}: recall, late", unseen_rows[-1]["recall"], 0.5, at_least=True))
            goals.append(goal(f"{name} {language}: false, aside and late", false / innocent, 0.05, at_least=False))
    goals.append(goal("median ms per line, both checks", both, 1.0, at_least=False))
    return finish(arguments.json, {"boundary": known, "safety": controls, "machine": machine()}, goals)


if __name__ == "__main__":
    sys.exit(main())
