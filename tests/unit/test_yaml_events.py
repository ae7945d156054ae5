"""The fast and the careful way to read YAML: they agree, and whatever is not ordinary is read with care."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content import yaml_events, yaml_file, yaml_quick
from npc_runtime.content.library import Library
from npc_runtime.content.yaml_quick import NotOrdinary
from npc_runtime.content.yaml_tree import MAX_DEPTH, MAX_NODES, Mark, Tree, compose
from npc_runtime.errors import ContentError
from npc_runtime.resources import bundled

FILES = sorted([*bundled("characters").glob("*.yaml"), *bundled("actions").glob("*.yaml")])
AWKWARD = [
    "a: 1\nb: no\nc: 0x1F\nd: 1e3\ne: ~\n",
    "a: 'it''s'\nb: \"tab\\tand \\u00e9 and \\\\ \\/\"\n",
    "a: |\n  one\n\n  two\nb: >-\n  folded\n  text\n\n  more\nc: |+\n  kept\n\n",
    "a: plain text\n  over lines\nb: [x, {y: z, 'q': \"r\"}, [1, 2]]\n",
    "- a\n- - b\n  - c\n-\n  d: e\n",
    "---\na: b # comment\n# another\n...\n",
    "a: http://x.y/z#f\nb: x#y\nc: a:b\nd: -1\n",
    "ключ: значение\nمفتاح: قيمة\n键: 值😀\n",
    "a: 1\r\nb:\r\n  - x\r\n  - |\r\n    text\r\n",
    "{a: 1, b: [2, 3], c: {d: e}}\n",
    "? a\n: b\n",
    "a: ''\nb: \"\"\nc: []\nd: {}\n",
    "just text\n",
]


def careful(text: str, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """What the parser written in Python alone makes of a text."""
    with monkeypatch.context() as without:
        without.setattr(yaml_events, "CParser", None)
        return compose(text)


@pytest.mark.parametrize("text", [*(path.read_text("utf-8") for path in FILES), *AWKWARD])
def test_both_parsers_read_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = careful(text, monkeypatch)
    native = compose(text)
    assert (native.data, native.places, native.repeated) == (expected.data, expected.places, expected.repeated)
    try:
        assert yaml_quick.read(text) == expected.data
    except NotOrdinary:
        assert text in AWKWARD


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"], exclude_characters="\ufeff"))
flow = st.recursive(
    words.map(lambda word: '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"')
    | words.map(lambda word: "'" + word.replace("'", "''") + "'")
    | st.from_regex(r"[A-Za-zäğж][A-Za-z0-9äğж .;!()/=+-]{0,20}", fullmatch=True).map(str.strip)
    | st.integers().map(str),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]")
        | st.lists(inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"k{number}: {item}" for number, item in enumerate(items)) + "}"
        )
    ),
    max_leaves=12,
)


@given(st.lists(flow, min_size=1, max_size=5))
def test_both_parsers_read_the_same_of_what_authors_write(values: list[str]) -> None:
    text = "".join(f"key{number}:\n  - {value}\n" for number, value in enumerate(values))
    with pytest.MonkeyPatch.context() as monkeypatch:
        expected = careful(text, monkeypatch)
    native = compose(text)
    assert (native.data, native.places) == (expected.data, expected.places)
    assert yaml_quick.read(text) == expected.data


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n",
        "a: *x\n",
        "a: !tag 1\n",
        "&x a: 1\n",
        "a: 1\na: 2\n",
        "[a]: 1\n",
        "a: 1\n---\nb: 2\n",
        "%YAML 1.1\n---\na: 1\n",
        "a:\tb\n",
        "a: x\u2028b: y\n",
        "a: [\n",
        "",
        "a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH,
        "a: [" + "x, " * MAX_NODES + "]",
    ],
)
def test_what_is_not_ordinary_is_read_with_care(text: str) -> None:
    with pytest.raises(NotOrdinary):
        yaml_quick.read(text)


def test_a_missing_value_is_found_behind_its_key() -> None:
    read = yaml_file.parse("a: 1\nb:\n\nc: 2\n")
    assert read.data == {"a": 1, "b": None, "c": 2}
    assert read.place(("b",)).value == Mark(2, 3)


def test_it_works_without_libyaml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(yaml_events, "CParser", None)
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, no]\n", encoding="utf-8")
    read = yaml_file.load(path)
    assert read.data == {"a": [1, "no"]}
    assert read.place(("a", 1)).value.column == 8
    with pytest.raises(ContentError, match="never closed"):
        yaml_file.parse("a: [1\n")


def test_a_good_folder_needs_neither_positions_nor_the_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(text: str) -> Tree:
        raise AssertionError("read with care")

    monkeypatch.setattr(yaml_file, "compose", never)
    library = Library.load([bundled()])
    assert library.problems == () and library.characters()


def test_a_huge_nesting_is_refused_in_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: " + "[" * 5000
    with pytest.raises(ContentError) as fast:
        yaml_file.parse(text)
    monkeypatch.setattr(yaml_events, "CParser", None)
    with pytest.raises(ContentError) as slow:
        yaml_file.parse(text)
    assert fast.value.problems == slow.value.problems
