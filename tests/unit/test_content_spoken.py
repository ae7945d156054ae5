"""`spoken` and `description` of an argument: what authors may write, and where a mistake in it is."""

import pytest

from npc_runtime.content import yaml_file
from npc_runtime.content.action import ActionPack
from npc_runtime.content.model_check import check

HEAD = "actions:\n  serve:\n    description: Serve.\n    args:\n"


def test_other_ways_to_say_a_value() -> None:
    text = (
        HEAD + "      size: {type: enum, values: [small, 20oz], spoken: {20oz: twenty ounce, small: [little, tiny]}}\n"
    )
    text += "      to_go: {type: boolean, description: Shall I wrap it?, spoken: {true: [to go], false: [for here]}}\n"
    pack, problems = check(ActionPack, yaml_file.parse(text, "x.yaml"))
    assert not problems and isinstance(pack, ActionPack)
    args = pack.definitions()[0].args
    assert args["size"].spoken == {"20oz": ("twenty ounce",), "small": ("little", "tiny")}
    assert args["to_go"].spoken == {"true": ("to go",), "false": ("for here",)}
    assert args["to_go"].description == "Shall I wrap it?"


@pytest.mark.parametrize(
    ("line", "place", "message", "hint"),
    [
        ("size: {type: enum, values: [small], spoken: {smal: [tiny]}}", (5, 58), "`smal` is not a value", "`small`"),
        ("size: {type: enum, values: [small], spoken: {big: [tiny]}}", (5, 57), "`big` is not a value", "small"),
        ("hot: {type: boolean, spoken: {yes: [warm]}}", (5, 42), "`yes` is not a value", "true, false"),
        ("n: {type: integer, spoken: {one: [a]}}", (5, 34), "an argument of type integer has no `spoken`", "remove it"),
        ("size: {type: enum, values: [small], spoken: {small: [3]}}", (5, 60), "must be text, not a number", "quotes"),
        ("size: {type: enum, values: [small], description: ''}", (5, 56), "description` is empty", ""),
    ],
)  # fmt: skip
def test_mistakes(line: str, place: tuple[int, int], message: str, hint: str) -> None:
    _, problems = check(ActionPack, yaml_file.parse(f"{HEAD}      {line}\n", "x.yaml"))
    [problem] = problems
    assert message in problem.message and hint in problem.hint
    assert (problem.line, problem.column) == place


def test_too_many_ways() -> None:
    ways = ", ".join(f"way{n}" for n in range(33))
    text = f"{HEAD}      size: {{type: enum, values: [small], spoken: {{small: [{ways}]}}}}\n"
    _, problems = check(ActionPack, yaml_file.parse(text, "x.yaml"))
    [problem] = problems
    assert problem.message.endswith("spoken.small`: more than 32 ways to say it")
