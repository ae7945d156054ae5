"""What is possible now, as the grammar of a reply is told; whatever it offers, the validator accepts."""

import re

from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.options import MAX_CHOICES, possible
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import ValidAction, validate
from npc_runtime.content.action import ActionDefinition, ActionOption, Argument, ArgumentOption
from npc_runtime.scene import Entity, Player, Presence, Scene

SAFE = re.compile(r"[^\s\[\]=\"'<>]+")


def options(*definitions: ActionDefinition, scene: Scene | None = None, **rest: str) -> tuple[ActionOption, ...]:
    return possible(definitions, Situation(scene=scene or Scene(), character=rest.get("character", "")), Ledger())


def test_each_type_of_argument() -> None:
    action = ActionDefinition(
        name="mixed",
        description="Mix.",
        target="character",
        args={
            "item": Argument(type="entity", tags=("weapon",)),
            "count": Argument(type="integer", min=1, max=3),
            "ratio": Argument(type="number", required=False),
            "when": Argument(type="enum", values=("now", "later"), default="now"),
            "loud": Argument(type="boolean", default=False),
            "note": Argument(type="string"),
            "place": Argument(type="location", required=False),
            "to": Argument(type="player"),
        },
    )
    scene = Scene(
        entities=(Entity("sword", tags=("weapon", "iron")), Entity("bread")),
        characters=(Presence("me"), Presence("ann")),
    )
    assert options(action, scene=scene, character="me") == (
        ActionOption(
            "mixed",
            "Mix.",
            (
                ArgumentOption("target", "choice", ("ann", "player")),
                ArgumentOption("item", "choice", ("sword",)),
                ArgumentOption("count", "integer", minimum=1, maximum=3),
                ArgumentOption("ratio", "number", minimum=-1e9, maximum=1e9, required=False),
                ArgumentOption("when", "choice", ("now", "later"), required=False, default="now"),
                ArgumentOption("loud", "choice", ("true", "false"), required=False, default="false"),
                ArgumentOption("note", "text", max_length=200),
            ),
        ),
    )


def test_what_is_not_possible_is_left_out() -> None:
    item = {"item": Argument(type="entity", tags=("weapon",))}
    definitions = (
        ActionDefinition(name="a", description="No such entity.", args=item),
        ActionDefinition(name="b", description="Never.", permission="never"),
        ActionDefinition(name="c", description="Condition.", require=("trust > 0.5",)),
        ActionDefinition(name="d", description="No target.", target="entity"),
        ActionDefinition(name="e", description="Nowhere.", target="location"),
        ActionDefinition(name="f", description="Fine.", target="player", permission="ask"),
        ActionDefinition(name="g", description="Cooling.", cooldown=5.0),
    )
    situation, ledger = Situation(), Ledger()
    ledger.record("g", {}, None, situation)
    assert [option.name for option in possible(definitions, situation, ledger)] == ["f"]
    later = Situation(scene=Scene(location="Mill", entities=(Entity("axe", tags=("weapon",)),)), now=5.0)
    assert [option.name for option in possible(definitions, later, ledger)] == ["a", "d", "e", "f", "g"]


def test_ids_that_could_break_a_tag_are_replaced_and_found_again() -> None:
    ids = ["Schwert des Königs", "a]b", "a=b", "a_b", 'x "y"', "剣", "ok-1:2.x"]
    scene = Scene(entities=tuple(Entity(id) for id in ids))
    action = ActionDefinition(name="take", description="Take.", args={"item": Argument(type="entity")})
    choices = options(action, scene=scene)[0].args[0].choices
    assert choices == ("schwert_des_konigs", "a_b_2", "a_b_3", "a_b", "x_y", "unnamed", "ok-1:2.x")
    for id, word in zip(ids, choices, strict=True):
        found = validate("take", {"item": word}, [action], Situation(scene=scene), Ledger())
        assert isinstance(found, ValidAction)
        assert found.args == {"item": id}


def test_a_crowded_scene_offers_the_nearest() -> None:
    far = [Entity(f"far{n}", distance=100.0 + n) for n in range(100)]
    scene = Scene(entities=(*far, Entity("near", distance=1.0), Entity("somewhere")))
    action = ActionDefinition(name="take", description="Take.", target="entity")
    choices = options(action, scene=scene)[0].args[0].choices
    assert len(choices) == MAX_CHOICES
    assert "near" in choices
    assert "somewhere" not in choices


TEXT = st.text(alphabet="ab1 _-[]='\"é\n.", max_size=6)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8), TEXT)
def test_whatever_is_offered_is_safe_in_a_tag_and_accepted(named: list[tuple[str, str]], place: str) -> None:
    scene = Scene(
        location=place,
        entities=tuple(Entity(id, name, ("location",)) for id, name in named),
        characters=tuple(Presence(id, name) for id, name in named),
    )
    situation = Situation(scene=scene, player=Player("p 1", "Tamsin"), character="me")
    definitions = [
        ActionDefinition(name="go", description="Go.", target="location", args={"with": Argument(type="character")}),
        ActionDefinition(name="take", description="Take.", args={"item": Argument(type="entity")}),
    ]
    for option in possible(definitions, situation, Ledger()):
        for argument in option.args:
            assert len(set(argument.choices)) == len(argument.choices) > 0
            for choice in argument.choices:
                assert SAFE.fullmatch(choice)
                args = {one.name: one.choices[0] for one in option.args} | {argument.name: choice}
                found = validate(option.name, args, definitions, situation, Ledger())
                assert isinstance(found, ValidAction), (found, args)
