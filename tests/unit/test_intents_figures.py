"""How often the goal that is meant is found, on lines that nothing was tuned on; see `tests/bench/bench_intents.py`."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from npc_runtime.character.intent_stems import words_of
from npc_runtime.character.intents import IntentMatcher

DATA = Path(__file__).parents[1] / "data"
BENCH = Path(__file__).parents[1] / "bench"


def load(language: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA / f"intents_{language}.json").read_text(encoding="utf-8"))
    return data


def kept_aside(line: str) -> bool:
    return hashlib.sha256(line.encode()).digest()[0] % 2 == 1


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_figures(language: str) -> None:
    """By words alone: at least 85 % right and at most 5 % false on the half kept aside.

    Of the lines that were written afterwards 60 mean goals and 40 mean none: one line is 2.5 %. Together with the half
    kept aside they are 85 % right and 6 % false.
    """
    data = load(language)
    matcher = IntentMatcher([goal["examples"] for goal in data["goals"]], language)

    def rates(paraphrases: list[list[str]], nothing: list[str]) -> tuple[float, float]:
        found = [(number, matcher.match(line)) for number, lines in enumerate(paraphrases) for line in lines]
        right = sum(match is not None and match.goal == number for number, match in found)
        false = sum(matcher.match(line) is not None for line in nothing)
        return right / len(found), false / len(nothing)

    aside = [[*filter(kept_aside, goal["paraphrases"])] for goal in data["goals"]]
    nothing = [*filter(kept_aside, data["nothing"])]
    right, false = rates(aside, nothing)
    assert right >= 0.85
    assert false <= 0.05
    whole = [[*lines, *goal["afterwards"]] for lines, goal in zip(aside, data["goals"], strict=True)]
    right, false = rates(whole, [*nothing, *data["nothing_afterwards"]])
    assert right >= 0.85
    assert false <= 0.06


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_the_sets_are_what_they_say(language: str) -> None:
    data = load(language)
    assert len(data["goals"]) == 30 and len(data["nothing"]) == 300
    seen: set[str] = set()
    lines = [line for goal in data["goals"] for line in (*goal["examples"], *goal["paraphrases"], *goal["afterwards"])]
    for line in (*lines, *data["nothing"], *data["nothing_for_tuning"], *data["nothing_afterwards"]):
        plain = " ".join(words_of(line, language))
        assert plain not in seen, line
        seen.add(plain)
    assert all(len(goal["examples"]) == 3 and len(goal["paraphrases"]) == 10 for goal in data["goals"])


@pytest.fixture(scope="module")
def lessons() -> Iterator[ModuleType]:
    """The lines from which kinds are learnt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import _kinds

        yield _kinds


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_kinds_were_not_learnt_from_lines_kept_aside(lessons: ModuleType, language: str) -> None:
    data = load(language)
    lines = [line for goal in data["goals"] for line in (*filter(kept_aside, goal["paraphrases"]), *goal["afterwards"])]
    lines += [*filter(kept_aside, data["nothing"]), *data["nothing_afterwards"]]
    aside = {" ".join(words_of(line, language)) for line in lines}
    learnt = {" ".join(words_of(one.line, language)) for one in lessons.taught(language)}
    assert len(learnt) > 4000
    assert not aside & learnt


def test_every_alternative_of_a_pattern_is_in_some_line(lessons: ModuleType) -> None:
    made = lessons.lines_of("can|could_you mend|fix|patch_up my|| sword")
    assert made == lessons.lines_of("can|could_you mend|fix|patch_up my|| sword")
    assert len(made) <= 12 and all("  " not in line and line.endswith("sword") for line in made)
    for word in ("can", "could you", "mend", "fix", "patch up", "my"):
        assert any(word in line for line in made)
