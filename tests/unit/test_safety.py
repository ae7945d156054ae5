"""What a character keeps away from, in the player's words and its own."""

import json
from typing import Any

import pytest

from npc_runtime.character.refusals import RefusalKind, refusals
from npc_runtime.character.safety import (
    DISTRESS,
    TOPICS,
    Clause,
    Levels,
    check_clause,
    check_line,
    findings,
    levels_of,
)
from npc_runtime.content.character import Barks, CharacterFile, Control, Persona, Safety, Traits
from npc_runtime.resources import bundled


def levels(control: Control) -> Levels:
    return dict.fromkeys(TOPICS, control)


STRICT, MILD, NONE = levels("strict"), levels("mild"), levels("none")


def topic(line: str, at: Levels, language: str = "en") -> str | None:
    concern = check_line(line, at, language)
    return concern.topic if concern else None


@pytest.mark.parametrize(
    ("line", "language", "mild", "strict"),
    [
        ("Shall we kill the dragon?", "en", None, "violence"),
        ("Töten wir den Drachen?", "de", None, "violence"),
        ("Ejderhayı öldürelim mi?", "tr", None, "violence"),
        ("Torture him until he talks.", "en", "violence", "violence"),
        ("Damn, that was close.", "en", None, "profanity"),
        ("What a shit sword.", "en", None, "profanity"),
        ("Kiss me, smith.", "en", None, "adult_topics"),
        ("Hab Sex mit mir.", "de", "adult_topics", "adult_topics"),
        ("All foreigners are criminals.", "en", None, "hate"),
        ("Those people are subhuman.", "en", "hate", "hate"),
        ("What do you sell?", "en", None, None),
        ("Die fiese Merde!", "fr", None, None),
    ],
)
def test_levels(line: str, language: str, mild: str | None, strict: str | None) -> None:
    assert topic(line, NONE, language) is None
    assert topic(line, MILD, language) == mild
    assert topic(line, STRICT, language) == strict


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("sh1t", "en-GB"),
        ("$hit!", "en"),
        ("sh*t", "en"),
        ("f**k", "en"),
        ("SHIIIIT", "en"),
        ("s h i t", "en"),
        ("s.h.i.t.", "en"),
        ("this is sh it", "en"),
        ("a$$hole", "en"),
        ("Sch3iße", "de"),
        ("s c h e i ß e", "de"),
        ("Bullenscheisse", "de"),
        ("s1kt1r", "tr"),
        ("SİKTİR", "tr"),
        ("s i k t i r", "tr"),
    ],
)
def test_disguises(line: str, language: str) -> None:
    assert topic(line, STRICT, language) == "profanity"


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("Scunthorpe lies beyond Essex and Penistone.", "en"),
        ("The assassin's class assembled in the grass at 5 o'clock!", "en"),
        ("The hound bitch had puppies.", "en"),
        ("It costs 100 crowns, or $5 *each*.", "en"),
        ("I a m here.", "en"),
        ("Der Barsch schwimmt im Moor, Mosel und Marsch.", "de"),
        ("Haut ab, ihr Räuber!", "de"),
        ("Sık sık gelirim, canım sıkıldı.", "tr"),
        ("Bana katıl, boncuk al.", "tr"),
        ("", "en"),
    ],
)
def test_innocent_words(line: str, language: str) -> None:
    assert findings(line, language) == ()


def test_words_are_softened_where_something_can_be_said_instead() -> None:
    assert check_clause("This shitty blade is Shit.", MILD, "en").text == "This dung blade is Dung."
    assert check_clause("Verpiss dich, du Arschloch!", MILD, "de").text == "Verschwinde dich, du Lump!"
    softened = check_clause("A f*cking mess.", MILD, "en")
    assert softened.text == "A blasted mess."
    assert softened.concern is not None
    assert softened.concern.notice == "safety_profanity"


def test_a_clause_without_a_softer_form_is_not_said() -> None:
    strict = check_clause("Damn this shit.", STRICT, "en")
    assert (strict.text, strict.concern and strict.concern.kind) == ("", "profanity")
    mild = check_clause("I would torture him.", MILD, "en")
    assert (mild.text, mild.concern and mild.concern.kind) == ("", "violence")
    assert check_clause("I would kill him.", MILD, "en") == Clause("I would kill him.")
    assert check_clause("Damn this shit.", NONE, "en") == Clause("Damn this shit.")


@pytest.mark.parametrize(
    ("line", "language"),
    [
        ("I want to kill myself.", "en"),
        ("Ich will nicht mehr leben.", "de"),
        ("İntihar etmeyi düşünüyorum.", "tr"),
    ],
)
def test_a_player_in_need_is_cared_for(line: str, language: str) -> None:
    concern = check_line(line, levels_of(Safety()), language)
    assert concern is not None
    assert (concern.kind, concern.notice) == ("self_harm", DISTRESS)


@pytest.mark.parametrize(
    "line",
    [
        "I would rather die than yield.",
        "The wolves want to kill me.",
        "I cut myself on your blade.",
        "I don't want to live in this village.",
        "I can't go on without a rest.",
    ],
)
def test_a_hero_is_not_in_need(line: str) -> None:
    assert check_line(line, levels_of(Safety()), "en") is None


def test_a_character_that_speaks_of_hurting_itself_is_no_player_in_need() -> None:
    concern = check_clause("I will kill myself.", STRICT, "en").concern
    assert concern is not None
    assert (concern.kind, concern.notice) == ("violence", "safety_self_harm")


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_one_thing_is_refused_whatever_the_levels(language: str) -> None:
    table = json.loads(bundled("assets", "text", "topics.json").read_text(encoding="utf-8"))
    word = table["adult_topics"]["strong"][language][0].split(" | ")[0].strip("=*").split(" ! ")[0]
    young = table["minors"][language][0].split(" | ")[0]
    age = {"en": "15 years old", "de": "15 Jahre alt", "tr": "15 yaşında"}[language]
    grown = age.replace("15", "35")
    for line in (f"{word} {young}", f"{word}, {age}"):
        concern = check_line(line, NONE, language)
        assert concern is not None
        assert (concern.topic, concern.kind) == ("minors", "never")
        assert check_clause(line, NONE, language).text == ""
    assert check_line(f"{word}, {grown}", NONE, language) is None
    assert check_line(f"{young}, {age}", STRICT, language) is None


def test_levels_of_a_character() -> None:
    chosen = levels_of(Safety(profanity="strict", violence="none", adult_topics="mild"))
    assert set(chosen) == set(TOPICS)
    assert (chosen["profanity"], chosen["violence"], chosen["adult_topics"]) == ("strict", "none", "mild")


def test_every_topic_can_be_switched_off() -> None:
    open_minded = levels_of(Safety.model_validate(dict.fromkeys(TOPICS, "none")))
    assert open_minded == NONE
    assert check_line("I want to kill myself.", open_minded, "en") is None


def test_an_author_has_lines_of_refusal_but_not_for_care() -> None:
    one = CharacterFile(
        name="Brynja", persona=Persona(summary="A smith."), barks=Barks(refuse=("Ask me about iron.", "No."))
    )
    without = one.model_copy(update={"barks": Barks()})
    replaced: tuple[RefusalKind, ...] = ("unknown", "secret", "hate", "adult_topics", "violence", "profanity")
    assert {refusals(kind, one) for kind in replaced} == {("Ask me about iron.", "No.")}
    kept: tuple[RefusalKind, ...] = ("self", "self_harm", "never")
    for kind in kept:
        assert refusals(kind, one) == refusals(kind, without)


def test_long_texts_are_bounded() -> None:
    assert topic("x " * 100_000 + "shit", STRICT) is None
    assert topic("s*" * 50_000, STRICT) is None


@pytest.mark.parametrize("kind", [*TOPICS, "never"])
@pytest.mark.parametrize("language", ["en", "de", "tr"])
@pytest.mark.parametrize("agreeableness", [0.4, -0.4])
def test_lines_of_refusal_are_clean(kind: Any, language: str, agreeableness: float) -> None:
    traits = Traits(agreeableness=agreeableness)
    one = CharacterFile(name="Brynja", language=language, persona=Persona(summary="A smith.", traits=traits))
    for line in refusals(kind, one):
        assert check_clause(line, {**STRICT, "violence": "mild"}, language) == Clause(line)
