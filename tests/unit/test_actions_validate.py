"""Actions that models write: which run, as what, and which do not. Cases A1 to A20 are those of the peer survey."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npc_runtime.actions.ledger import Ledger
from npc_runtime.actions.situation import Situation
from npc_runtime.actions.validate import Rejection, ValidAction, validate
from npc_runtime.content.action import ActionDefinition, Argument, Scalar
from npc_runtime.events import Relation
from npc_runtime.scene import Entity, Player, Presence, Scene

PLAYER = Player("player", "Tamsin")
SCENE = Scene(
    location="Old Mill",
    entities=(
        Entity("bread", "loaf of bread", ("food",)),
        Entity("iron_sword", "Iron Sword", ("Weapon", "metal")),
        Entity("iron_helm", "Iron Helm", ("armor",)),
        Entity("forge", "", ("station",)),
        Entity("great oak [1]", "the great oak", ("location",)),
    ),
    characters=(
        Presence("brannoc", "Brannoc"),
        Presence("ysolde", "Ysolde"),
        Presence("guard_a", "Whiterun Guard"),
        Presence("guard_b", "Whiterun Guard 2"),
        Presence("guard_c", "Whiterun Guard 3"),
    ),
)
DEFINITIONS = (
    ActionDefinition(name="follow", description="Follow.", target="character"),
    ActionDefinition(
        name="give",
        description="Give.",
        target="player",
        args={"item": Argument(type="entity"), "count": Argument(type="integer", min=1, max=10, default=1)},
    ),
    ActionDefinition(
        name="set_bounty", description="Bounty.", args={"amount": Argument(type="integer", min=0, max=1000)}
    ),
    ActionDefinition(name="wait", description="Wait."),
    ActionDefinition(
        name="repair_item",
        description="Repair.",
        args={
            "item": Argument(type="entity", tags=("weapon", "armor")),
            "when": Argument(type="enum", values=("now", "Tomorrow"), default="now"),
        },
        require=("scene.has(forge)", "trust >= -0.5"),
        cooldown=10.0,
        needs_result=True,
    ),
    ActionDefinition(name="attack", description="Attack.", target="entity", permission="never"),
    ActionDefinition(name="open_door", description="Open.", permission="ask"),
    ActionDefinition(
        name="mixed",
        description="Every type.",
        args={
            "text": Argument(type="string", max_length=20, required=False),
            "ratio": Argument(type="number", min=-1, max=1, required=False),
            "loud": Argument(type="boolean", default=False),
            "who": Argument(type="character", required=False),
            "where": Argument(type="location", required=False),
            "to": Argument(type="player"),
        },
    ),
)
HERE = Situation(scene=SCENE, player=PLAYER, character="brannoc")


def run(name: str, situation: Situation = HERE, ledger: Ledger | None = None, **args: str) -> ValidAction | Rejection:
    return validate(name, args, DEFINITIONS, situation, ledger or Ledger())


def done(name: str, situation: Situation = HERE, ledger: Ledger | None = None, **args: str) -> ValidAction:
    """Validate an action that must be good, and run it."""
    ledger = ledger or Ledger()
    found = validate(name, args, DEFINITIONS, situation, ledger)
    assert isinstance(found, ValidAction), found
    ledger.record(found.name, found.args, found.target, situation)
    return found


def code(name: str, situation: Situation = HERE, ledger: Ledger | None = None, **args: str) -> str:
    found = run(name, situation, ledger, **args)
    assert isinstance(found, Rejection), found
    assert found.message
    return found.code


def test_a1_the_same_action_runs_again_in_a_later_turn() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.begin_turn()
        assert done("follow", ledger=ledger, target="ysolde").target == "ysolde"


def test_a2_the_same_action_runs_once_per_turn() -> None:
    ledger = Ledger()
    done("follow", ledger=ledger, target="ysolde")
    assert code("follow", ledger=ledger, target="Ysolde.") == "duplicate"
    done("follow", ledger=ledger, target="player")


def test_a3_an_unknown_action_does_not_keep_others_from_running() -> None:
    ledger = Ledger()
    assert code("dance_wildly", ledger=ledger) == "unknown_action"
    assert done("wait", ledger=ledger).name == "wait"


@pytest.mark.parametrize("name", ["Wait", "WAIT", " wait ", "\twait\n"])
def test_a4_names_without_case_and_blanks(name: str) -> None:
    assert done(name).name == "wait"


@pytest.mark.parametrize("amount", ["50000", "-3", "1001", "999999999999999"])
def test_a5_numbers_out_of_range(amount: str) -> None:
    found = run("set_bounty", amount=amount)
    assert isinstance(found, Rejection)
    assert (found.code, found.message) == ("bad_argument", "set_bounty: amount must be from 0 to 1000")


@pytest.mark.parametrize("amount", ["lots", "", "1e2", "0x10", "1_000", "٣", "2.5", "nan", "inf", "--1", "9" * 400])
def test_a6_what_is_no_whole_number(amount: str) -> None:
    assert code("set_bounty", amount=amount) in ("bad_argument", "missing_argument")


@pytest.mark.parametrize(
    ("written", "value"), [("250", 250), (' "250" ', 250), ("250.", 250), ("250.0", 250), ("+7", 7)]
)
def test_a6_numeric_text(written: str, value: int) -> None:
    amount = done("set_bounty", amount=written).args["amount"]
    assert amount == value
    assert type(amount) is int


def test_a7_a_missing_argument() -> None:
    assert code("give", count="2") == "missing_argument"
    assert code("give", item=" ", count="2") == "missing_argument"


def test_a9_what_is_not_here() -> None:
    assert code("follow", target="Nobody") == "not_here"
    assert code("give", item="diamond") == "not_here"
    assert code("follow", target="brannoc") == "not_here", "nobody follows themselves"


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ("ysolde", "ysolde"),
        ("Ysolde.", "ysolde"),
        ('"YSOLDE!"', "ysolde"),
        ("Yso", "ysolde"),
        ("Whiterun Guard", "guard_a"),
        ("Whiterun Guard 2", "guard_b"),
        ("whiterun guard 3,", "guard_c"),
        ("guard_b", "guard_b"),
        ("Tamsin", "player"),
        ("player", "player"),
    ],
)
def test_a10_names_are_found(written: str, id: str) -> None:
    assert done("follow", target=written).target == id


@pytest.mark.parametrize("written", ["Whiterun", "guard", "guard_"])
def test_a10_what_is_ambiguous_is_not_guessed(written: str) -> None:
    assert code("follow", target=written) == "ambiguous"


def test_a10_two_of_the_same_name() -> None:
    scene = Scene(characters=(Presence("a", "Guard"), Presence("b", "guard")))
    assert code("follow", Situation(scene=scene), target="Guard") == "ambiguous"
    assert done("follow", Situation(scene=scene), target="b").target == "b"


def test_a11_unknown_arguments_are_ignored_with_a_warning() -> None:
    found = done("give", item="bread", colour="red", target="Tamsin")
    assert found.args == {"item": "bread", "count": 1}
    assert found.target == "player"
    assert len(found.warnings) == 1
    assert "colour" in found.warnings[0]
    assert "target" in done("wait", target="ysolde").warnings[0]


def test_a17_permission_and_trust() -> None:
    assert code("attack", target="bread") == "permission"
    enemy = Situation(scene=SCENE, player=PLAYER, relation=Relation(trust=-0.6))
    assert code("repair_item", enemy, item="iron_sword") == "requirement"
    assert code("repair_item", Situation(scene=Scene(entities=SCENE.entities[:3])), item="iron_sword") == "requirement"
    assert done("open_door").needs_confirm
    assert not done("wait").needs_confirm


def test_a20_one_bad_action_among_five() -> None:
    ledger = Ledger()
    reply: list[tuple[str, dict[str, str]]] = [
        ("wait", {}),
        ("give", {"item": "bread"}),
        ("give", {"item": "moon"}),
        ("give", {"item": "forge"}),
        ("open_door", {}),
    ]
    ran = []
    for name, args in reply:
        found = validate(name, args, DEFINITIONS, HERE, ledger)
        if isinstance(found, ValidAction):
            ledger.record(found.name, found.args, found.target, HERE)
            ran.append(found.args.get("item", found.name))
    assert ran == ["wait", "bread", "forge", "open_door"]


def test_an_entity_carries_one_of_the_tags() -> None:
    assert done("repair_item", item="Iron Sword").args == {"item": "iron_sword", "when": "now"}
    assert done("repair_item", item="iron_helm", when="tomorrow.").args["when"] == "Tomorrow"
    assert code("repair_item", item="bread") == "not_here"
    assert code("repair_item", item="iron") == "ambiguous"
    assert code("repair_item", item="iron_sword", when="later") == "bad_argument"


def test_a_target_that_nobody_named() -> None:
    assert code("follow") == "missing_argument"
    assert done("follow", Situation(scene=Scene(), player=PLAYER)).target == "player"
    assert done("give", item="bread").target == "player"
    assert code("give", item="bread", target="ysolde") == "not_here"
    assert done("wait").target is None


def test_every_type() -> None:
    args = {
        "text": '"Hello  [you]"',
        "ratio": "-.5",
        "LOUD": "Yes",
        "who": "ysolde",
        "where": "old mill",
        "to": "you",
    }
    assert code("mixed", HERE, None, **args) == "not_here"
    args["to"] = "Tamsin"
    assert done("mixed", HERE, None, **args).args == {
        "text": "Hello [you]",
        "ratio": -0.5,
        "loud": True,
        "who": "ysolde",
        "where": "Old Mill",
        "to": "player",
    }
    assert done("mixed").args == {"loud": False, "to": "player"}
    assert done("mixed", where="great_oak_1").args["where"] == "great oak [1]"
    assert code("mixed", text="x" * 21) == "bad_argument"
    assert code("mixed", loud="perhaps") == "bad_argument"
    assert code("mixed", ratio="1.01") == "bad_argument"


def test_cooldowns_by_clock_and_by_game_time() -> None:
    def at(now: float, time: float | None = None) -> Situation:
        scene = Scene(entities=SCENE.entities, time=time)
        return Situation(scene=scene, now=now)

    ledger = Ledger()
    done("repair_item", at(100), ledger, item="iron_sword")
    ledger.begin_turn()
    assert code("repair_item", at(109.9), ledger, item="iron_sword") == "cooldown"
    done("repair_item", at(110), ledger, item="iron_sword")

    ledger = Ledger()
    done("repair_item", at(0, 5000), ledger, item="iron_sword")
    ledger.begin_turn()
    assert code("repair_item", at(60, 5009), ledger, item="iron_sword") == "cooldown", "the game was paused"
    assert isinstance(run("repair_item", at(1, 5010), ledger, item="iron_sword"), ValidAction)
    assert isinstance(run("repair_item", at(61, 4000), ledger, item="iron_sword"), ValidAction), "an older save"


def fits(argument: Argument, value: Scalar) -> bool:
    """Written apart from the validator: whether a value is inside an argument's schema."""
    match argument.type:
        case "entity":
            wanted = set(argument.tags)
            ids = {e.id for e in SCENE.entities if not wanted or wanted & {tag.lower() for tag in e.tags}}
            return value in ids
        case "character":
            return value in {"ysolde", "guard_a", "guard_b", "guard_c", "player"}
        case "location":
            return value in {"Old Mill", "great oak [1]"}
        case "player":
            return value == "player"
        case "enum":
            return value in argument.values
        case "boolean":
            return type(value) is bool
        case "string":
            return isinstance(value, str) and value.isprintable() and 0 < len(value) <= (argument.max_length or 200)
        case _:
            kind = int if argument.type == "integer" else float
            low, high = argument.min, argument.max
            assert low is not None and high is not None
            return type(value) is kind and math.isfinite(value) and low <= value <= high


WORDS = [
    "iron",
    "iron_sword",
    "Iron Helm",
    "ysolde",
    "guard",
    "player",
    "Old Mill",
    "now",
    "true",
    "5",
    "-1",
    "0.5",
    "",
]
KEYS = ["item", "count", "amount", "when", "target", "text", "ratio", "loud", "who", "where", "to", "x"]
VALUES: st.SearchStrategy[Any] = st.one_of(st.sampled_from(WORDS), st.text(max_size=30), st.integers().map(str))


@settings(max_examples=10_000, deadline=None)
@given(
    st.one_of(st.sampled_from([one.name for one in DEFINITIONS]), st.text(max_size=12)),
    st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)), VALUES, max_size=7),
)
def test_no_call_leaves_the_schema(name: str, args: dict[str, str]) -> None:
    found = validate(name, args, DEFINITIONS, HERE, Ledger())
    if isinstance(found, Rejection):
        assert found.code and found.message
        return
    definition = next(one for one in DEFINITIONS if one.name == found.name)
    assert definition.permission != "never"
    assert found.args.keys() <= definition.args.keys()
    for key, argument in definition.args.items():
        if key in found.args:
            assert fits(argument, found.args[key])
        else:
            assert argument.default is None and argument.required is False
    targets: dict[str, set[str | None]] = {
        "none": {None},
        "player": {"player"},
        "character": {"ysolde", "guard_a", "guard_b", "guard_c", "player"},
    }
    assert found.target in targets[definition.target]
