"""What characters are told: in English to the letter as models were tried with, complete in German and Turkish."""

import json
import re
from string import Formatter

import pytest

from npc_runtime.character.boundary import judge, world_of
from npc_runtime.content.action import ActionDefinition, ActionOption, ArgumentOption
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.told import told
from npc_runtime.llm.prompt import introduction, messages, system_prompt
from npc_runtime.resources import bundled
from npc_runtime.scene import Entity, Player, Presence, Scene

MEND = ActionDefinition.model_validate(
    {"name": "mend", "description": "⟦when⟧", "args": {"price": {"type": "integer"}}}
)
AUTHORED = {
    "name": "⟦Ada⟧ ⟦B⟧",
    "persona": {"summary": "⟦sum⟧.", "motivation": "⟦aim⟧.", "flaws": ["⟦f1⟧", "⟦f2⟧"], "backstory": "⟦past⟧."},
    "style": {"tone": "⟦tone⟧", "sample_lines": ["⟦line⟧."], "response_length": "short"},
    "knowledge": {"facts": ["⟦fact⟧."]},
}
SCENE = Scene(
    location="⟦place⟧",
    mood="⟦air⟧",
    facts=("⟦rain⟧.",),
    entities=(Entity("e", "⟦sword⟧"),),
    characters=(Presence("⟦bo⟧"),),
)
ENGLISH = re.compile(
    r"\b(you|are|is|the|what|want|your|talk|like|this|know|live|world|never|say|that|answer|voice|sentences?|begin|with|"
    r"feeling|end|action|only|place|mood|here|present|names|says|ask|not|who)\b",
    re.IGNORECASE,
)


def somebody(language: str) -> CharacterFile:
    return CharacterFile.model_validate({**AUTHORED, "language": language})


def said(language: str) -> str:
    """All that a model is told in one turn."""
    system = system_prompt(somebody(language), [MEND])
    option = ActionOption("mend", "", (ArgumentOption("x", "choice", choices=("⟦e1⟧",)),))
    whole = messages(
        system, (), "⟦hello⟧", player=Player(name="⟦Tam⟧"), scene=SCENE, options=[option], language=language
    )
    return "\n".join(message.text for message in whole)


def test_english_is_told_to_the_letter() -> None:
    assert said("en").replace("⟦", "").replace("⟧", "") == (
        "You are Ada B. sum.\nYou are tone.\nWhat you want: aim.\nYour flaws: f1, f2.\nYou talk like this: line.\n"
        "past.\n"
        "You know: fact.\nYou live in this world and know of no other. Never say that you are an AI or a model.\n"
        "Answer as Ada, in your own voice, in two short sentences at most.\n"
        "Begin with a feeling, like [emotion anger strong] or [emotion joy weak].\n"
        "End with an action only if you do it now:\n[action mend price=PRICE] when\n"
        "(Place: place. Mood: air. rain. Here: sword. Present: bo. Names for actions: e1. Tam says:)\nhello"
    )
    small = system_prompt(somebody("en"), [MEND], small=True).replace("⟦", "").replace("⟧", "")
    assert small == "You are Ada B. sum. You are tone."


@pytest.mark.parametrize("language", ["de", "tr", "de-AT"])
def test_german_and_turkish_prompts_hold_no_english(language: str) -> None:
    ours = re.sub("⟦.*?⟧", " ", said(language))
    assert "[emotion anger strong]" in ours and "[action mend price=PRICE]" in ours  # tags stay as they are
    assert ENGLISH.findall(re.sub(r"\[.*?\]", " ", ours)) == []
    for part in re.findall("⟦.*?⟧", said("en")):
        assert part in said(language)


def test_models_are_told_which_language_to_speak() -> None:
    assert "auf Deutsch" in said("de")
    assert "Türkçe cevap ver" in said("tr")
    assert '"fr"' in said("fr") and "You are" in said("fr")
    assert "ISO" not in said("en")


def test_the_introduction_is_in_the_characters_language() -> None:
    (exchange,) = introduction(somebody("tr"), small=True)
    assert exchange.player == "Kimsin?" and exchange.reply.startswith("Ben ⟦Ada⟧")
    (exchange,) = introduction(somebody("de-AT"), small=True)
    assert exchange.player == "Wer bist du?"


def test_every_language_says_all_of_it_with_the_same_values() -> None:
    table = json.loads(bundled("assets", "text", "told.json").read_text(encoding="utf-8"))
    for language in ("de", "tr"):
        assert table[language].keys() == table["en"].keys()
        for key, english in table["en"].items():
            if key == "other_language":  # for those without a table
                continue
            names = {name for _, name, _, _ in Formatter().parse(english) if name}
            assert {name for _, name, _, _ in Formatter().parse(table[language][key]) if name} == names, key
            assert table[language][key] != english, key


def test_what_a_character_cannot_know_is_told_in_its_language() -> None:
    for language, line, start in (("de", "Hast du ein Handy?", "Von „Handy“"), ("tr", "Telefonun var mı?", "“Telefon")):
        character = CharacterFile.model_validate({"name": "A", "persona": {"summary": "B."}, "language": language})
        verdict = judge(line, world_of(character), "mild")
        assert verdict is not None and verdict.instruction.startswith(start)


def test_values_are_never_read_as_placeholders() -> None:
    assert told("facts", "de", facts="{name} {0}") == "Du weißt: {name} {0}"
