"""Each kind of mistake in an authored file: its position, its message, and its hint."""

import pytest

from npc_runtime.content import yaml_file
from npc_runtime.content.content_file import MODELS, Kind
from npc_runtime.content.model_check import check
from npc_runtime.errors import Problem

GOOD = "name: Brynja\npersona:\n  summary: Blacksmith.\n"


def mistakes(kind: Kind, text: str) -> tuple[Problem, ...]:
    model, problems = check(MODELS[kind], yaml_file.parse(text, "x.yaml"))
    assert (model is None) == bool(problems)
    return problems


CHARACTER = [
    ("persona: {summary: x}", (1, 1), "needs the key `name`", "name:"),
    ("name: X", (1, 1), "needs the key `persona`", "persona:"),
    ("name: X\npersona:\n  flaws: []", (3, 3), "`persona` needs the key `summary`", "summary:"),
    ("name: X\npersona:", (2, 9), "`persona` has no value", "remove the line"),
    ("name: X\npersona: a smith", (2, 10), "`persona` must be keys with values, not text", ""),
    (GOOD + "nmae: Y", (4, 1), "unknown key `nmae`", "did you mean `name`?"),
    (GOOD + "Style: {}", (4, 1), "unknown key `Style`", "did you mean `style`?"),
    (GOOD + "xyzzy: 1", (4, 1), "unknown key `xyzzy`", "known: "),
    (GOOD + "  motivaton: x", (4, 3), "unknown key `motivaton`", "did you mean `motivation`?"),
    (GOOD + "style: {tone: blunt, length: short}", (4, 22), "unknown key `length`", "response_length"),
    (GOOD + "schema: 2", (4, 9), "this version reads files of schema 1, not `2`", "schema: 1"),
    (GOOD + "schema: one", (4, 9), "this version reads files of schema 1", ""),
    ("name: 3\npersona: {summary: x}", (1, 7), "`name` must be text, not a number", "quotes"),
    ("name: ''\npersona: {summary: x}", (1, 7), "`name` is empty", ""),
    ("name: a[b]\npersona: {summary: x}", (1, 7), "`name` cannot be", "brackets"),
    ('name: "a\\nb"\npersona: {summary: x}', (1, 7), "`name` cannot be", "one line"),
    (f"name: {'x' * 81}\npersona: {{summary: x}}", (1, 7), "longer than 80", "shorten"),
    (GOOD + "aliases: smith", (4, 10), "`aliases` must be a list, not text", "- item"),
    (GOOD + "aliases: [smith, true]", (4, 18), "an item of `aliases` must be text, not true", "quotes"),
    (GOOD + "aliases: [smith, ]\nlanguage: english", (5, 11), "`language` cannot be `english`", "such as `en`"),
    (GOOD + "style: {response_length: shrt}", (4, 26), "cannot be `shrt`", "did you mean `short`?"),
    (GOOD + "style: {response_length: 3}", (4, 26), "cannot be `3`", "`very_short`"),
    (GOOD + "style:\n  sample_lines:\n    - Don't: no", (6, 7), "not keys with values", "quotes"),
    (GOOD + "voice: {engine: pipr}", (4, 17), "cannot be `pipr`", "did you mean `piper`?"),
    (GOOD + "voice: {name: ../../etc/passwd}", (4, 15), "`voice.name` cannot be", "en_US-joe-medium"),
    (GOOD + "voice: {rate: 3}", (4, 15), "`voice.rate` must be at most 2, not `3`", ""),
    (GOOD + "voice: {rate: .inf}", (4, 15), "`voice.rate` must be an ordinary number", ""),
    (GOOD + "voice: {rate: fast}", (4, 15), "`voice.rate` must be a number, not text", ""),
    (GOOD + "voice: {volume: '1'}", (4, 17), "`voice.volume` must be a number, not text", ""),
    (GOOD + "emotion: {fluidity: -1}", (4, 21), "must be at least 0, not `-1`", ""),
    (GOOD + "  traits: {openness: .nan}", (4, 22), "must be an ordinary number", ""),
    (GOOD + "  traits: {openess: 0}", (4, 12), "unknown key `openess`", "did you mean `openness`?"),
    (GOOD + "knowledge: {filter: strickt}", (4, 21), "cannot be `strickt`", "did you mean `strict`?"),
    (GOOD + "knowledge: {packs: [../x]}", (4, 21), "an item of `knowledge.packs`", "small letters"),
    (GOOD + "relationships: {default: {trust: 2}}", (4, 34), "must be at most 1", ""),
    (GOOD + "actions: [Open Trade]", (4, 11), "an item of `actions` cannot be `Open Trade`", "small letters"),
    (GOOD + "actions: [a, b, a]", (4, 17), "`a` is listed twice", ""),
    (GOOD + "safety: {violence: off}", (4, 20), "cannot be `off`", "`none`"),
    (GOOD + "barks: {greet: Hello}", (4, 16), "`barks.greet` must be a list, not text", "- item"),
    (GOOD + "model: {temperature: 3}", (4, 22), "must be at most 2", ""),
    (GOOD + "name: Z", (4, 1), "the key `name` is written twice", "line 1"),
    (GOOD + "goals: [{id: a, do: [{say: x}]}]", (4, 9), "`goals` needs the key `when`", ""),
    (GOOD + "goals:\n  - {id: a, when: {}, do: [{say: x}]}", (5, 19), "needs exactly one of", "none"),
    (GOOD + "goals:\n  - {id: a, when: {event: e, keyword: k}, do: [{say: x}]}", (5, 39), "exactly one", "own"),
    (GOOD + "goals:\n  - {id: a, when: {event: e}, do: []}", (5, 35), "`goals.do` needs at least 1 item", ""),
    (GOOD + "goals:\n  - {id: a, when: {event: e}, do: [{sya: x}]}", (5, 37), "unknown key `sya`", "`say`"),
    (
        GOOD + "goals:\n  - {id: a, when: {event: e}, do: [{emotion: {label: happy}}]}",
        (5, 54),
        "`goals.do.emotion.label` cannot be `happy`",
        "`joy`",
    ),
    (GOOD + "goals:\n  - {id: a, when: {event: e}, do: [{say: x}], cooldown: 3 days}", (5, 57), "duration", "`30s`"),
    (GOOD + "goals:\n  - {id: a, when: {event: e}, do: [{say: x}], cooldown: -1}", (5, 57), "duration", "`30s`"),
    (
        GOOD + "goals:\n  - {id: a, when: {event: e}, do: [{say: x}], require: ['trust > 0', \"trst > 0\"]}",
        (5, 71),
        "unknown word `trst`",
        "`trust`",
    ),
]
PACK = "actions:\n  a:\n    description: d\n"
ACTION = [
    ("schema: 1", (1, 1), "needs the key `actions`", ""),
    ("actions: [a]", (1, 10), "`actions` must be keys with values, not a list", ""),
    ("actions:\n  a:", (2, 5), "`actions.a` has no value", ""),
    ("actions:\n  a: {}", (2, 6), "`actions.a` needs the key `description`", ""),
    ("actions:\n  Open-Trade: {description: d}", (2, 3), "this key cannot be `Open-Trade`", "small letters"),
    (PACK + "    target: playr", (4, 13), "cannot be `playr`", "did you mean `player`?"),
    (PACK + "    permission: no", (4, 17), "cannot be `no`", "`never`"),
    (PACK + "    needs_result: yes", (4, 19), "must be true or false, not text", ""),
    (PACK + "    cooldown: soon", (4, 15), "not a duration", "`30s`"),
    (PACK + "    require: ['scene.has(forge']", (4, 25), "a `)` is missing", ""),
    (PACK + "    args: {a: {type: strng}}", (4, 22), "cannot be `strng`", "did you mean `string`?"),
    (PACK + "    args: {a: {min: 1}}", (4, 15), "`actions.a.args.a` needs the key `type`", ""),
    (PACK + "    args: {'a=b': {type: player}}", (4, 12), "this key cannot be `a=b`", "small letters"),
    (PACK + "    args: {a: {type: enum}}", (4, 15), "an enum needs `values`", "values:"),
    (PACK + "    args: {a: {type: enum, values: [a, 'b c']}}", (4, 40), "cannot be `b c`", "one word"),
    (PACK + "    args: {a: {type: enum, values: ['a]']}}", (4, 37), "cannot be `a]`", "one word"),
    (PACK + "    args: {a: {type: enum, values: [x, X]}}", (4, 40), "`X` is there twice", ""),
    (PACK + "    args: {a: {type: enum, values: [1]}}", (4, 37), "must be text, not a number", "quotes"),
    (PACK + "    args: {a: {type: enum, values: [x], default: z}}", (4, 50), "must be one of `values`", ""),
    (PACK + "    args: {a: {type: integer, min: 5, max: 1}}", (4, 36), "is more than max", "swap"),
    (PACK + "    args: {a: {type: integer, min: 0.5}}", (4, 36), "must be a whole number", ""),
    (PACK + "    args: {a: {type: integer, max: 3, default: 4}}", (4, 48), "outside min and max", ""),
    (PACK + "    args: {a: {type: integer, default: x}}", (4, 40), "must be a whole number", ""),
    (PACK + "    args: {a: {type: boolean, default: no}}", (4, 40), "must be true or false", ""),
    (PACK + "    args: {a: {type: number, max: .inf}}", (4, 35), "must be an ordinary number", ""),
    (PACK + "    args: {a: {type: string, default: 3}}", (4, 39), "must be text in quotes", ""),
    (PACK + "    args: {a: {type: string, default: [x]}}", (4, 39), "must be a word, a number", ""),
    (PACK + "    args: {a: {type: string, min: 3}}", (4, 35), "has no `min`", "remove"),
    (PACK + "    args: {a: {type: string, max_length: 2.5}}", (4, 42), "must be a whole number", ""),
    (PACK + "    args: {a: {type: player, tags: [x]}}", (4, 36), "has no `tags`", "remove"),
    (PACK + "    args: {a: {type: entity, default: x}}", (4, 39), "has no default", "required: false"),
    (PACK + "    args: {a: {type: string, default: x, required: true}}", (4, 52), "never required", ""),
    (PACK + "    target: entity\n    args: {target: {type: player}}", (5, 20), "cannot have an argument", "rename"),
    (PACK + "    timeout: 0\n    needs_result: true", (4, 14), "must be more than 0", "`10s`"),
    (PACK + "    timeout: soon\n    needs_result: true", (4, 14), "not a duration", "`30s`"),
    (PACK + "    timeout: 5s", (4, 14), "nothing waits for the game", "needs_result: true"),
    (PACK + "    say: {done: Here.}", (4, 17), "this is never said", "needs_result: true"),
    (PACK + "    say: {dnoe: Here.}", (4, 11), "unknown key `dnoe`", "did you mean `done`?"),
    (PACK + "    needs_result: true\n    say: {done: 3}", (5, 17), "must be a list, not a number", "- item"),
    (PACK + "    needs_result: true\n    say: {done: [x, {a: b}]}", (5, 21), "must be text, not keys", "quotes"),
    (
        PACK + "    needs_result: true\n    say: {done: ['x', 'y {itme}']}",
        (5, 23),
        "nothing is called {itme}",
        "result",
    ),
    (PACK + "    say: {refused: 'No {itme}.'}\n    args: {item: {type: entity}}", (4, 20), "{itme}", "item"),
    (PACK + "    say: {refused: '{player}'}\n    args: {player: {type: player}}", (4, 20), "may mean", "rename"),
]
OTHERS: list[tuple[Kind, str, tuple[int, int], str, str]] = [
    ("knowledge", "facts: []", (1, 8), "needs at least 1 item", ""),
    ("knowledge", "facts:\n  - text: y\n    txt: x", (3, 5), "unknown key `txt`", "did you mean `text`?"),
    ("knowledge", "facts: [{text: x, secret: maybe}]", (1, 27), "must be true or false", ""),
    ("scenes", "entities: [{name: x}]", (1, 12), "needs the key `id`", ""),
    ("scenes", "characters: [brynja, {id: 3}]", (1, 27), "must be text", "quotes"),
    ("scenes", "triggers: [{event: e}]", (1, 12), "needs the key `tell`", ""),
    ("tests", "character: b\nturns: []", (2, 8), "needs at least 1 item", ""),
    ("tests", "character: b\nscene: 3\nturns: [{player: x}]", (2, 8), "keys with values", ""),
    ("tests", "character: b\nscene: {entitys: []}\nturns: [{player: x}]", (2, 9), "`entitys`", "`entities`"),
    ("tests", "character: b\nturns:\n  - {player: x, expect: {mood: {pleasure: low}}}", (3, 43), "cannot be `low`", ""),
    (
        "tests",
        "character: b\nturns:\n  - {player: x, expect: {relation: {trst: '> 0'}}}",
        (3, 37),
        "this key",
        "`trust`",
    ),
    ("tests", "character: b\nturns:\n  - {player: x, expect: {emotion_in: hapy}}", (3, 38), "`hapy`", ""),
]
TABLE: list[tuple[Kind, str, tuple[int, int], str, str]] = [
    *(("characters", *row) for row in CHARACTER),
    *(("actions", *row) for row in ACTION),
    *OTHERS,
]


@pytest.mark.parametrize(("kind", "text", "where", "message", "hint"), TABLE)
def test_one_mistake(kind: Kind, text: str, where: tuple[int, int], message: str, hint: str) -> None:
    found = mistakes(kind, text)
    assert len(found) == 1, "\n".join(map(str, found))
    (problem,) = found
    assert (problem.line, problem.column) == where, str(problem)
    assert message in problem.message
    assert hint in problem.hint
    assert "pydantic" not in str(problem)


def test_all_mistakes_of_a_file_are_reported_in_order() -> None:
    text = "nmae: X\npersona: {summry: x}\nvoice: {rate: 9}\nactions: 3\n"
    found = mistakes("characters", text)
    where = [(one.line, one.column) for one in found]
    assert where == [(1, 1), (1, 1), (2, 10), (2, 11), (3, 15), (4, 10)]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file(text: str) -> None:
    (problem,) = mistakes("characters", text)
    assert (problem.line, problem.column) == (0, 0)
    assert problem.message == "the file is empty"
    assert problem.hint == "these keys are needed: name, persona"


@pytest.mark.parametrize("text", ["- a\n", "just words\n", "3\n"])
def test_a_file_that_is_not_a_mapping(text: str) -> None:
    (problem,) = mistakes("characters", text)
    assert (problem.line, problem.column) == (1, 1)
    assert "`key: value` lines" in problem.message


def test_control_characters_do_not_reach_the_terminal() -> None:
    (problem,) = mistakes("characters", GOOD + 'voice: {name: "\\e[31mred"}')
    assert "\x1b" not in str(problem)
