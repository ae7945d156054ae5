"""The appraisal reads player lines that nothing was tuned on as well as it promises."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from npc_runtime.events import EMOTION_LABELS

BENCH = Path(__file__).parents[1] / "bench"
LANGUAGES = ("en", "de", "tr")


@pytest.fixture(scope="module")
def tone_lines() -> Iterator[ModuleType]:
    """The labelled lines and their scores, as the benchmark reads them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import _tone

        yield _tone


@pytest.mark.parametrize("language", LANGUAGES)
def test_goals_are_met_on_the_lines_kept_aside(tone_lines: ModuleType, language: str) -> None:
    found = tone_lines.outcomes(language, kept_aside=True)
    assert tone_lines.share([one.sign_is_right for one in found]) >= tone_lines.SIGN_GOAL
    assert tone_lines.share([one.octant_is_right for one in found]) >= tone_lines.OCTANT_GOAL


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_set_is_whole_varied_and_consistent(tone_lines: ModuleType, language: str) -> None:
    lines = tone_lines.lines(language)
    assert len(lines) == len({line.text for line in lines}) == 120
    assert {line.label for line in lines} <= set(EMOTION_LABELS)
    assert all(line.sign == 0 for line in lines if line.label == "neutral")
    assert len({tone_lines.octant(line.label) for line in lines}) == 7
    assert Counter(line.sign for line in lines)[0] >= 20
    assert 30 <= sum(line.kept_aside for line in lines) <= 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_category_is_in_the_part_that_may_be_looked_at(tone_lines: ModuleType, language: str) -> None:
    lines = tone_lines.lines(language)
    assert {line.category for line in lines} == {line.category for line in lines if not line.kept_aside}


def test_lines_are_one_json_object_each() -> None:
    for language in LANGUAGES:
        text = (BENCH.parent / "data" / f"tone_{language}.jsonl").read_text(encoding="utf-8")
        assert all(set(json.loads(row)) == {"text", "sign", "label", "category"} for row in text.splitlines())
