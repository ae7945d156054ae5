"""Lexicon and BM25: forms of one word meet, in three languages; and scores are those of the formula."""

import math

import numpy as np
import pytest

from npc_runtime.character.memory.bm25 import K1, B, Bm25
from npc_runtime.character.memory.lexicon import Lexicon


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "mended", "mending"),
        ("en", "Brynja’s", "Brynja"),
        ("en", "swords", "SWORD"),
        ("en", "café", "cafe"),
        ("de", "Schwertes", "Schwerter"),
        ("de", "Brücken", "BRÜCKE"),
        ("de", "Nordbrücke", "Brücke"),
        ("de", "Straße", "strassen"),
        ("tr", "kitap", "kitabımı"),
        ("tr", "IŞIK", "ışıklar"),
        ("tr", "Brynja'nın", "Brynja"),
        ("tr", "şifacının", "sifaci"),
        ("fr", "l'auberge", "auberges"),
        ("ru", "Кузнецы", "кузнецам"),
    ],
)
def test_forms_of_a_word_have_terms_in_common(language: str, one: str, other: str) -> None:
    lexicon = Lexicon()
    assert set(lexicon.terms(one, language)) & set(lexicon.terms(other, language))


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [("en", "wolf", "bridge"), ("de", "Wolf", "Brücke"), ("tr", "kurt", "köprü"), ("tr", "balık", "bal")],
)
def test_other_words_have_fewer_or_none(language: str, one: str, other: str) -> None:
    lexicon = Lexicon()
    same = set(lexicon.terms(one, language))
    assert len(same & set(lexicon.terms(other, language))) < len(same)


@pytest.mark.parametrize(("language", "text"), [("en", "you and the a I"), ("de", "ich bin der"), ("tr", "Bu ne için")])
def test_words_without_meaning_have_no_terms(language: str, text: str) -> None:
    assert Lexicon().terms(text, language) == []


@pytest.mark.parametrize("text", ["", "'''", "a'b'c", "'" * 1000, "_ - . *", "\u0301", "ﬁn İ ı ẞ", "0 1 2", "x" * 9999])
def test_any_text_has_terms_or_none(text: str) -> None:
    lexicon = Lexicon()
    for language in ("en", "de", "tr", "", "nonsense"):
        first = lexicon.terms(text, language)
        assert lexicon.terms(text, language) == first
        assert len(first) < 100


def test_many_texts_have_the_terms_of_each() -> None:
    texts = ["The wolves howled.", "", "Wolves again, wolves!"]
    for language in ("en", "de", "tr"):
        assert Lexicon().all_terms(texts, language) == [Lexicon().terms(text, language) for text in texts]


def index(*texts: str) -> Bm25:
    made = Bm25()
    for text in texts:
        made.add(text.split())
    return made


def test_scores_are_those_of_the_formula() -> None:
    scores = index("wolf wolf bridge", "bridge", "king", "").scores(["wolf", "bridge", "unknown", "wolf"])
    mean = 5 / 4

    def part(texts: int, times: int, length: int) -> float:
        rarity = math.log(1 + (4 - texts + 0.5) / (texts + 0.5))
        return rarity * times * (K1 + 1) / (times + K1 * (1 - B + B * length / mean))

    assert scores == pytest.approx([part(1, 2, 3) + part(2, 1, 3), part(2, 1, 1), 0.0, 0.0])


def test_no_texts_have_no_scores() -> None:
    assert len(Bm25().scores(["wolf"])) == 0
    assert index("", "").scores(["wolf"]).tolist() == [0.0, 0.0]


def test_however_it_grew_and_was_cut_the_scores_are_the_same() -> None:
    chance = np.random.default_rng(1)
    texts = [[f"w{word}" for word in chance.zipf(1.5, 12) % 500] for _ in range(4000)]
    asked = ["w1", "w7", "w99", "w400"]
    grown = Bm25()
    for count, text in enumerate(texts, start=1):
        grown.add(text)
        if count % 700 == 0:
            grown.scores(asked)
    for keep in (4000, 3900, 1234, 10, 0):
        fresh = Bm25()
        for text in texts[:keep]:
            fresh.add(text)
        grown.cut(keep)
        assert np.array_equal(grown.scores(asked), fresh.scores(asked))
    grown.add(["w1", "new"])
    assert np.flatnonzero(grown.scores(["new"])).tolist() == [0]
