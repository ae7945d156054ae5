"""What recognition is told to expect."""

from pathlib import Path

import pytest

from npc_runtime.content.action import ActionDefinition
from npc_runtime.content.library import Library
from npc_runtime.errors import ContentError
from npc_runtime.scene import Entity, Presence, Scene
from npc_runtime.vocabulary import action_words, expected_words

ORDER = ActionDefinition.model_validate(
    {
        "name": "order",
        "description": "Make a drink.",
        "args": {
            "drink": {"type": "enum", "values": ["espresso", "iced_tea", "tea", "12oz"]},
            "roast": {"type": "enum", "values": ["light_roast", "dark_roast"], "spoken": {"dark_roast": ["dark one"]}},
            "shots": {"type": "integer", "min": 1, "max": 3},
            "note": {"type": "string"},
        },
    }
)


def test_every_argument_has_its_turn_and_nothing_is_said_twice() -> None:
    # "tea" says nothing that "iced tea" has not said, and figures are heard anyway.
    assert action_words([ORDER]) == ("espresso", "light roast", "iced tea", "dark one")


def test_without_actions_there_are_no_words() -> None:
    assert action_words([]) == ()


def test_who_is_spoken_to_comes_first_then_who_and_what_is_here(tmp_path: Path) -> None:
    (tmp_path / "characters").mkdir()
    (tmp_path / "actions").mkdir()
    for name in ("Anna", "Berta", "Cleo"):
        text = f"name: {name}\npersona: {{summary: A guest.}}\nactions: [order]\n"
        (tmp_path / "characters" / f"{name.lower()}.yaml").write_text(text, encoding="utf-8")
    pack = "actions: {order: {description: Order., args: {drink: {type: enum, values: [ale]}}}}\n"
    (tmp_path / "actions" / "inn.yaml").write_text(pack, encoding="utf-8")
    library = Library.load([tmp_path])
    scene = Scene(
        location="The Eel", entities=(Entity("mug", "pewter mug"), Entity("x", "")), characters=(Presence("cleo"),)
    )
    words = expected_words(library.character("berta"), library, scene)
    assert [word for word in words if word != "x"] == ["Berta", "Cleo", "Anna", "The Eel", "pewter mug", "ale"]


def test_a_broken_pack_costs_only_its_words(tmp_path: Path) -> None:
    for folder in ("characters", "actions"):
        (tmp_path / folder).mkdir()
    text = "name: Anna\npersona: {summary: A guest.}\nactions: [order]\n"
    (tmp_path / "characters" / "anna.yaml").write_text(text, encoding="utf-8")
    pack = "actions: {order: {description: Order., args: {drink: {type: enum}}}}\n"
    (tmp_path / "actions" / "inn.yaml").write_text(pack, encoding="utf-8")
    library = Library.load([tmp_path])
    [character] = library.characters()
    with pytest.raises(ContentError):
        library.actions_for(character)
    assert expected_words(character, library, Scene()) == ("Anna",)
