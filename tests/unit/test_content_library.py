"""Content folders together: who is found under which name, what hides what, and what one bad file may not break."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.character import MAX_SENTENCES, CharacterFile
from npc_runtime.content.library import Library, UnknownCharacter
from npc_runtime.errors import ContentError, InputError
from npc_runtime.resources import bundled

BRYNJA = """
schema: 1
name: Brynja Ironhand
aliases: [Brynja, smith]
language: en                      # one setting
persona:
  summary: Blacksmith of Hollowfen. Lost her brother in the mine and trusts nobody from the Guild.
  motivation: Buy back the family mine.
  flaws: [quick to anger, holds grudges]
  backstory: …
  traits: {openness: 0.1, conscientiousness: 0.7, extraversion: -0.3, agreeableness: -0.4, neuroticism: 0.3}
style:
  tone: blunt
  response_length: short          # very_short | short | medium | long | very_long
  sample_lines: ["Aye. Steel doesn't lie."]
voice: {engine: piper, name: en_US-joe-medium, rate: 1.0, volume: 1.0}
emotion: {fluidity: 0.4}
knowledge:
  packs: [hollowfen]
  facts: ["The north bridge is out since the flood."]
  filter: strict
relationships:
  default: {trust: 0, respect: 0, familiarity: 0, affection: 0}
goals:
  - id: trade
    when: {intent: ["I want to buy a sword", "show me your wares"]}
    require: ["trust >= -0.5", "not done(banished)"]
    do:
      - {emotion: {label: joy, intensity: 0.4}}
      - {instruct: "Name a price and ask what they need it for."}
      - {action: open_trade}
      - {relate: {trust: 0.05}}
    repeatable: true
    cooldown: 30s
actions: [open_trade, repair_item]
safety: {profanity: mild, violence: none, adult_topics: strict}
barks: {greet: ["What d'you want?"], busy: ["Not now."], failed: ["Hmm. Lost my thread."]}
model: {temperature: 0.7}
"""
TRADE = """
schema: 1
actions:
  open_trade:
    description: Show the player what you sell, when they want to buy or sell.
    target: player                # none | player | character | entity | location
  repair_item:
    description: Take an item to repair it for a price.
    args:
      item: {type: entity, tags: [weapon, armor]}     # only what is in the scene now
      price: {type: integer, min: 0, max: 500}
      when: {type: enum, values: [now, tomorrow], default: now}
    require: ["scene.has(forge)", "trust >= -0.5"]
    cooldown: 10s
    needs_result: true
    permission: auto
"""
MINIMAL = "name: {name}\npersona: {{summary: Someone.}}\n"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(path: str, text: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return put


def test_the_example_of_the_documentation(write: Write, tmp_path: Path) -> None:
    write("characters/brynja.yaml", BRYNJA)
    write("actions/trade.yaml", TRADE)
    library = Library.load([tmp_path])
    assert library.problems == ()
    brynja = library.character("brynja")
    assert isinstance(brynja, CharacterFile)
    assert brynja.id == "brynja"
    assert brynja.persona.traits.agreeableness == -0.4
    assert brynja.style.max_sentences == MAX_SENTENCES["short"] == 2
    assert brynja.goals[0].cooldown == 30.0
    assert brynja.goals[0].do[0].emotion is not None
    assert brynja.goals[0].do[0].emotion.label == "joy"
    assert brynja.barks.failed == ("Hmm. Lost my thread.",)
    assert brynja.model.temperature == 0.7
    trade, repair = library.actions_for(brynja)
    assert isinstance(trade, ActionDefinition)
    assert (trade.name, trade.target, trade.args, trade.cooldown) == ("open_trade", "player", {}, 0.0)
    assert (repair.name, repair.cooldown, repair.needs_result) == ("repair_item", 10.0, True)
    assert repair.require == ("scene.has(forge)", "trust >= -0.5")
    assert repair.args["item"].tags == ("weapon", "armor")
    assert (repair.args["price"].min, repair.args["price"].max) == (0, 500)
    assert (repair.args["when"].default, repair.args["when"].needed) == ("now", False)


def test_only_a_name_and_a_summary_are_needed(write: Write, tmp_path: Path) -> None:
    write("characters/a.yaml", MINIMAL.format(name="Ann"))
    ann = Library.load([tmp_path]).character("a")
    assert ann.style.max_sentences == 2
    assert ann.language == "en"
    assert ann.voice.engine == "auto"
    assert Library.load([tmp_path]).actions_for("a") == ()


def test_the_bundled_content_is_good() -> None:
    library = Library.load([bundled()])
    assert library.problems == ()
    assert len(library.characters()) >= 4
    for character in library.characters():
        assert library.actions_for(character)


@pytest.mark.parametrize("name", ["brynja", "BRYNJA", " Brynja ", "brynja ironhand", "Smith"])
def test_a_character_by_id_name_or_alias(write: Write, tmp_path: Path, name: str) -> None:
    write("characters/brynja.yaml", BRYNJA.replace("actions: [open_trade, repair_item]", "").split("goals:")[0])
    assert Library.load([tmp_path]).character(name).id == "brynja"


def test_an_unknown_character_with_and_without_a_likely_one(write: Write, tmp_path: Path) -> None:
    write("characters/ansel.yaml", MINIMAL.format(name="Ansel Reed"))
    write("characters/thora.yaml", MINIMAL.format(name="Thora"))
    library = Library.load([tmp_path])
    with pytest.raises(UnknownCharacter, match=re.escape("There is no character 'anzel'. (did you mean `ansel`?)")):
        library.character("anzel")
    with pytest.raises(UnknownCharacter, match="there are `ansel`, `thora`"):
        library.character("zzz")
    with pytest.raises(UnknownCharacter, match="no other either"):
        Library.load([]).character("x")


def test_an_ambiguous_alias_is_not_guessed(write: Write, tmp_path: Path) -> None:
    for id in ("ann", "bea"):
        write(f"characters/{id}.yaml", MINIMAL.format(name=id.title()) + "aliases: [guard]\n")
    with pytest.raises(InputError, match="`ann` or `bea`"):
        Library.load([tmp_path]).character("Guard")


def test_the_first_folder_hides_the_others(write: Write, tmp_path: Path) -> None:
    write("mod/characters/ann.yaml", MINIMAL.format(name="Mod Ann") + "actions: [go, stay]\n")
    write("base/characters/ann.yaml", MINIMAL.format(name="Base Ann"))
    write("base/characters/bea.yaml", MINIMAL.format(name="Bea"))
    write("mod/actions/x.yaml", "actions: {go: {description: mod}}")
    write("base/actions/y.yaml", "actions: {go: {description: base}, stay: {description: base}}")
    library = Library.load([tmp_path / "mod", tmp_path / "missing", tmp_path / "base", tmp_path / "mod"])
    assert library.problems == ()
    assert [one.name for one in library.characters()] == ["Mod Ann", "Bea"]
    assert [one.description for one in library.actions_for("ann")] == ["mod", "base"]


def test_one_bad_file_is_an_error_only_when_asked_for(write: Write, tmp_path: Path) -> None:
    write("characters/ann.yaml", MINIMAL.format(name="Ann"))
    bad = write("mod/characters/bea.yaml", "name: Bea\npersona: {summry: x}\n")
    write("characters/bea.yaml", MINIMAL.format(name="Bea"))
    library = Library.load([tmp_path / "mod", tmp_path])
    assert library.character("ann").name == "Ann"
    assert [one.id for one in library.characters()] == ["ann"]
    assert library.ids == ("ann", "bea")
    with pytest.raises(ContentError, match=re.escape(f"{bad}:2:11: unknown key `summry`")):
        library.character("Bea")


def test_an_action_that_nobody_defines(write: Write, tmp_path: Path) -> None:
    write("actions/trade.yaml", TRADE)
    file = write("characters/ann.yaml", MINIMAL.format(name="Ann") + "actions:\n  - open_trad\n")
    with pytest.raises(ContentError) as caught:
        Library.load([tmp_path]).character("ann")
    assert str(caught.value) == f"{file}:4:5: no action pack defines `open_trad` (did you mean `open_trade`?)"


def test_an_action_of_a_pack_with_mistakes(write: Write, tmp_path: Path) -> None:
    pack = write("actions/trade.yaml", TRADE.replace("target: player", "target: playr"))
    write("characters/ann.yaml", MINIMAL.format(name="Ann") + "actions: [open_trade]\n")
    library = Library.load([tmp_path])
    assert library.character("ann").name == "Ann"
    with pytest.raises(ContentError, match=re.escape(f"{pack}:6:13: ")):
        library.actions_for("ann")


def test_an_action_of_a_pack_that_is_no_yaml(write: Write, tmp_path: Path) -> None:
    pack = write("actions/trade.yaml", "actions: [")
    write("characters/ann.yaml", MINIMAL.format(name="Ann") + "actions: [open_trade]\n")
    with pytest.raises(ContentError, match=re.escape(f"{pack}:1:11: ")):
        Library.load([tmp_path]).character("ann")


@pytest.mark.parametrize("name", ["Brynja.yaml", "a b.yaml", "-x.yaml", "é.yaml"])
def test_a_file_name_that_cannot_be_an_id(write: Write, tmp_path: Path, name: str) -> None:
    write(f"characters/{name}", MINIMAL.format(name="X"))
    (problem,) = Library.load([tmp_path]).problems
    assert "cannot be an id" in problem.message


def test_hidden_and_other_files_are_left_alone(write: Write, tmp_path: Path) -> None:
    write("characters/.x.yaml", "[")
    write("characters/notes.txt", "[")
    write("characters/y.yml", MINIMAL.format(name="Y"))
    library = Library.load([tmp_path])
    assert library.ids == ("y",)
    assert library.problems == ()
