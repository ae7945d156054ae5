"""Which goal the player's words mean: by examples, by keywords, and beside an embedder."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.character.intent_stems import stem, words_of
from npc_runtime.character.intent_words import Denial, Form, name_words, utterance
from npc_runtime.character.intents import IntentMatcher, has_keyword
from npc_runtime.character.memory.embedder import Vectors

SMITHY = {
    "en": [
        ["I want to buy a sword", "show me your weapons"],
        ["can you mend my sword", "my armor is broken"],
        ["follow me"],
    ],
    "de": [
        ["Ich möchte ein Schwert kaufen"],
        ["Kannst du mein Schwert reparieren", "Meine Rüstung ist kaputt"],
        ["Folge mir"],
    ],
    "tr": [
        ["Bir kılıç satın almak istiyorum"],
        ["Kılıcımı tamir edebilir misin", "Zırhım kırıldı"],
        ["Beni takip et"],
    ],
}


@pytest.mark.parametrize(
    ("language", "line", "goal"),
    [
        ("en", "I'd like to purchase a dagger", 0),
        ("en", "could you please fix my sword?", 1),
        ("en", "my armour is damaged", 1),
        ("en", "Come with me!", 2),
        ("de", "Ich würde gern eine Klinge erwerben", 0),
        ("de", "könntest du bitte mein Schwert ausbessern?", 1),
        ("de", "Komm mit mir!", 2),
        ("tr", "bir hançer satın almak istiyorum", 0),
        ("tr", "kılıcımı onarabilir misin?", 1),
        ("tr", "benimle gel", 2),
    ],
)
def test_other_words_for_the_same(language: str, line: str, goal: int) -> None:
    found = IntentMatcher(SMITHY[language], language).match(line)
    assert found is not None and found.goal == goal


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "I don't want to buy a sword."),
        ("en", "I never buy swords."),
        ("en", "Lovely weather today."),
        ("en", "Do you like cats?"),
        ("de", "Ich möchte kein Schwert kaufen."),
        ("de", "Schönes Wetter heute."),
        ("tr", "kılıç satın almak istemiyorum"),
        ("tr", "bugün hava soğuk"),
        ("en", ""),
        ("en", "…?!"),
    ],
)
def test_what_means_nothing(language: str, line: str) -> None:
    assert IntentMatcher(SMITHY[language], language).match(line) is None


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_the_words_of_an_example_are_certain(language: str) -> None:
    matcher = IntentMatcher(SMITHY[language], language)
    for number, examples in enumerate(SMITHY[language]):
        for example in examples:
            found = matcher.match(f"  {example.upper() if language == 'en' else example}!! ")
            assert found is not None and (found.goal, found.confidence) == (number, 1.0)


def test_an_example_without_content_words_is_found_word_for_word() -> None:
    found = IntentMatcher([["what is it"]], "en").match("What is it?")
    assert found is not None and found.confidence == 1.0


def test_a_language_without_word_groups_goes_by_the_words() -> None:
    matcher = IntentMatcher([["quiero comprar una espada"], ["puedes reparar mi casco"]], "es")
    found = matcher.match("comprar espada")
    assert found is not None and found.goal == 0


def test_names_say_nothing() -> None:
    matcher = IntentMatcher([["I want to buy a sword"], ["tell me about the king"]], "en")
    about_king = matcher.match("Tell me of a king!")
    assert about_king is not None and about_king.goal == 1
    assert matcher.match("Tell me of a king!", names=name_words(["Arthur King"], "en")) is None


def test_examples_that_are_the_same_rival_in_the_order_of_authoring() -> None:
    matcher = IntentMatcher([["buy a sword"], ["Buy a sword!"]], "en")
    assert [(found.goal, found.confidence) for found in matcher.ranked("buy a sword")] == [(0, 1.0), (1, 1.0)]


@pytest.mark.parametrize(
    ("line", "language", "form", "denial"),
    [
        ("I need a room", "en", Form.WISH, Denial.NONE),
        ("can't you repair it", "en", Form.WISH, Denial.UNABLE),
        ("do you have a room", "en", Form.POLAR, Denial.NONE),
        ("don't you have a room", "en", Form.POLAR, Denial.NONE),
        ("where is the inn", "en", Form.OPEN, Denial.NONE),
        ("my bow is broken", "en", Form.OWN, Denial.NONE),
        ("music heals the soul", "en", Form.OTHER, Denial.NONE),
        ("don't follow me", "en", Form.WISH, Denial.REFUSED),
        ("I already have a sword", "en", Form.OWN, Denial.REFUSED),
        ("Ich brauche ein Zimmer", "de", Form.WISH, Denial.NONE),
        ("Ich brauche kein Zimmer", "de", Form.WISH, Denial.REFUSED),
        ("Wo ist der Markt", "de", Form.OPEN, Denial.NONE),
        ("Musik heilt die Seele", "de", Form.OTHER, Denial.NONE),
        ("bana bir oda lazım", "tr", Form.WISH, Denial.NONE),
        ("odan var mı", "tr", Form.POLAR, Denial.NONE),
        ("pazar nerede", "tr", Form.OPEN, Denial.NONE),
        ("onu satmam", "tr", Form.OWN, Denial.REFUSED),
        ("sandığı açamıyorum", "tr", Form.OWN, Denial.UNABLE),
        ("iş aramıyorum", "tr", Form.OWN, Denial.REFUSED),
    ],
)
def test_form_and_denial(line: str, language: str, form: Form, denial: Denial) -> None:
    said = utterance(line, language)
    assert (said.form, said.denial) == (form, denial)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", ["repair", "repairs", "repaired", "repairing"]),
        ("en", ["hire", "hired", "hiring"]),
        ("en", ["stop", "stopped", "stopping"]),
        ("en", ["city", "cities"]),
        ("de", ["kaufen", "kauft", "gekauft", "kaufst"]),
        ("de", ["Waffe", "Waffen"]),
    ],
)
def test_forms_of_a_word_meet(language: str, forms: list[str]) -> None:
    assert len({stem(form.lower(), language) for form in forms}) == 1


def test_words_are_read_as_their_language_writes_them() -> None:
    assert words_of("I can’t; it's Nell's.", "en") == ["i", "can", "not", "it", "is", "nell"]
    assert words_of("IŞIK İstanbul'da", "tr") == ["ışık", "istanbul"]
    assert words_of("Gibt's das?", "de") == ["gibt", "es", "das"]


def test_turkish_words_are_known_by_how_they_begin() -> None:
    for word in ("kılıç", "kılıcım", "kılıçlardan", "kılıcını"):
        assert "weapon" in utterance(word, "tr").units[0].groups
    assert not any("animal" in unit.groups for unit in utterance("ateşli", "tr").units)


@pytest.mark.parametrize(
    ("keyword", "line", "language", "there"),
    [
        ("nell", "Where is NELL?", "en", True),
        ("nell", "Is that Nell's letter?", "en", True),
        ("nell", "the kennel is nelly's", "en", False),
        ("your daughter", "How is your daughter?", "en", True),
        ("your daughter", "your lovely daughter", "en", False),
        ("İzmir", "izmir'e gittim", "tr", True),
        ("kılıç", "KILIÇ", "tr", True),
        ("kılıç", "kilic lazim", "tr", True),
        ("Straße", "die STRASSE", "de", True),
        ("剣", "この剣をください", "ja", True),
        ("剣", "盾をください", "ja", False),
        ("!", "stop!", "en", False),
    ],
)
def test_keywords_are_whole_words(keyword: str, line: str, language: str, there: bool) -> None:
    assert has_keyword([keyword], line, language) is there


class Pointer:
    """An embedder of a made-up space in which every text points where its first matching word says."""

    name = "pointer"
    dimensions = 4

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        rows = [[float(word in text.lower()) for word in ("sword", "mend", "follow", "fee")] for text in texts]
        vectors = np.array(rows, dtype=np.float32) + 0.1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def test_nearness_decides_between_what_words_leave_open() -> None:
    examples = [
        ["a sword for me", "any sword"],
        ["mend it", "mend this"],
        ["follow", "follow us"],
        ["what fee", "the fee"],
    ]
    line = "fee sword"
    matcher = IntentMatcher(examples, "en", Pointer())
    plain = matcher.scores(line)
    near = matcher.scores(line, vector=Pointer().embed(["fee"], query=True)[0])
    assert near[3] - near[0] > plain[3] - plain[0]
    assert set(near) == set(plain)


def test_few_examples_tell_nothing_about_a_space() -> None:
    examples = [["a sword for me"], ["mend it"]]
    vector = Pointer().embed(["sword"], query=True)[0]
    found = IntentMatcher(examples, "en", Pointer()).scores("sword", vector=vector)
    assert found == IntentMatcher(examples, "en").scores("sword")


@given(st.text(max_size=1500), st.sampled_from(["en", "de", "tr", "ja"]))
def test_any_line_is_read(line: str, language: str) -> None:
    matcher = IntentMatcher(SMITHY.get(language, SMITHY["en"]), language)
    assert matcher.ranked(line) == matcher.ranked(line)
    assert all(0 <= found.confidence <= 1 for found in matcher.ranked(line))
    assert has_keyword(["剣", "sword"], line, language) in (True, False)
