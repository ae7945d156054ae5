"""YAML with positions: what is read, and what is refused before anything is built from it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content import yaml_file
from npc_runtime.content.yaml_scalars import resolve
from npc_runtime.content.yaml_tree import MAX_DEPTH, MAX_NODES, Mark
from npc_runtime.errors import ContentError, Problem


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ContentError) as caught:
        yaml_file.parse(text, "x.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-02", "2026-01-02"),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_words_follow_the_core_schema(word: str, value: object) -> None:
    found = resolve(word)
    assert found == value
    assert type(found) is type(value)


def test_quoted_words_are_always_text() -> None:
    read = yaml_file.parse("a: '1'\nb: \"true\"\nc: |\n  2\n")
    assert read.data == {"a": "1", "b": "true", "c": "2\n"}


def test_positions_of_keys_and_values() -> None:
    read = yaml_file.parse("a: 1\nb:\n  - x\n  - c: 'two'\n    d: [3, {e: f}]\n")
    assert read.data == {"a": 1, "b": ["x", {"c": "two", "d": [3, {"e": "f"}]}]}
    assert read.place(("a",)).value == Mark(1, 4)
    assert read.place(("b", 1, "c")).key == Mark(4, 5)
    assert read.place(("b", 1, "c")).text == Mark(4, 9)
    assert read.place(("b", 1, "d", 1, "e")).value == Mark(5, 16)
    assert read.place(("b", 0, "nothing", "here")).value == Mark(3, 5)


@pytest.mark.parametrize("text", ['a: "x\\ny"\n', "a: 'it''s'\n", "a: |\n  x\n", "a: x\n  y\n"])
def test_no_offsets_into_text_that_is_not_written_as_it_is(text: str) -> None:
    assert yaml_file.parse(text).place(("a",)).text is None


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a: &x 1\n", (1, 4), "anchor"),
        ("a: 1\nb: *x\n", (2, 4), "alias"),
        ("a: !!str 1\n", (1, 4), "tag"),
        ("a: !!python/object:os.system {}\n", (1, 4), "tag"),
        ("*a : 1\n", (1, 1), "alias"),
        ("%YAML 1.1\n---\na: yes\n", (1, 1), "directive"),
        ("a: 1\n---\nb: 2\n", (2, 1), "second document"),
        ("[a]: 1\n", (1, 1), "used as a key"),
        ("? {a: 1}\n: 1\n", (1, 3), "used as a key"),
        ("a:\n\t- b\n", (2, 1), "tab"),
        ("a:\tb\n", (1, 3), "tab"),
        ("a: b: c\n", (1, 5), "`:` is not expected"),
        ("a: 1\n  b: 2\n", (2, 4), "`:` is not expected"),
        ("a: [1, 2\nb: 3\n", (1, 4), "never closed"),
        ("a: {b: 1\n", (1, 4), "never closed"),
        ("a: [", (1, 5), "closing bracket is missing"),
        ('a: "x\nb: 1\n', (1, 4), "never closed"),
        ("a: 'x\n", (1, 4), "never closed"),
        ("a: @x\n", (1, 4), "cannot begin with `@`"),
        ("a: `x`\n", (1, 4), "cannot begin with ```"),
        ("a: %x\n", (1, 4), "cannot begin with `%`"),
        ("- a\nb: 1\n", (2, 1), "line up"),
        ("a: 'x' y\n", (1, 8), "line up"),
        ("a: 1\nb\nc: 2\n", (2, 1), "neither"),
        ('a: "\\q"\n', (1, 6), "escape"),
        ("a: - b\n", (1, 4), "`-` is not expected"),
        ("a: x\x00\n", (1, 5), "U+0000"),
        ("a: 1\nb: \x1b[31m\n", (2, 4), "U+001B"),
        ("a: x\ufeffy\n", (1, 5), "U+FEFF"),
        ("a: " + "x" * 20_000, (1, 20_001), "line is longer"),
    ],
)
def test_what_is_refused(text: str, where: tuple[int, int], message: str) -> None:
    first = problems_of(text)[0]
    assert (first.line, first.column) == where
    assert message in first.message
    assert first.hint


def test_every_reference_is_named() -> None:
    found = problems_of("a: &x 1\nb: *x\nc: !t 2\n")
    assert [(one.line, one.column) for one in found] == [(1, 4), (2, 4), (3, 4)]


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert all("not accepted" in one.message for one in problems_of("\n".join(lines)))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_depth_is_limited(opening: str) -> None:
    assert problems_of("a: " + opening * 2000 if opening[0] in "[{" else opening * 2000)


def test_the_deepest_that_is_allowed() -> None:
    nested = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert yaml_file.parse(f"a: {nested}").data
    assert "levels" in problems_of(f"a: [{nested}]")[0].message


def test_the_number_of_nodes_is_limited() -> None:
    line = "[" + "1," * 4999 + "]\n"
    assert str(MAX_NODES) in problems_of("".join(f"k{n}: {line}" for n in range(11)))[0].message


def test_repeated_keys_do_not_hide_other_mistakes() -> None:
    read = yaml_file.parse("a: 1\nb: {c: 1, c: 2}\na: 3\n", "x.yaml")
    assert read.data == {"a": 1, "b": {"c": 1}}
    assert [(one.line, one.column) for one in read.problems] == [(2, 11), (3, 1)]


@pytest.mark.parametrize(
    ("raw", "where", "message"),
    [
        (b"a: 1\nb: x\xff\n", (2, 5), "not UTF-8"),
        ("ä: ".encode() + b"\xe4\n", (1, 4), "not UTF-8"),
        ("a: 1".encode("utf-16"), (0, 0), "UTF-16"),
        (b"#" * 1_000_001, (0, 0), "larger than 1 MB"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, raw: bytes, where: tuple[int, int], message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    with pytest.raises(ContentError) as caught:
        yaml_file.load(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == where
    assert message in problem.message


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    read = yaml_file.load(path)
    assert read.data == {"a": 1, "b": "x"}
    assert read.place(("b",)).value == Mark(2, 4)


def test_a_missing_file_and_a_folder_are_one_readable_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(ContentError, match="cannot be read"):
            yaml_file.load(path)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,? \t\n\\.1~é", max_size=60))
def test_any_text_is_read_or_refused_with_a_position(text: str) -> None:
    try:
        read = yaml_file.parse(text)
    except ContentError as error:
        lines = text.count("\n") + 2
        assert all(0 <= one.line <= lines and one.message for one in error.problems)
    else:
        assert read.place(()).value.line >= 1
