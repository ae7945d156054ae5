"""Texts of cards on their way into content files: macros, spoken words, lengths, ids, and YAML nobody can misread."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content import yaml_file
from npc_runtime.content.cards import texts, yaml_text
from npc_runtime.content.cards.macros import Cast, resolve, unknown
from npc_runtime.content.cards.names import id_from
from npc_runtime.content.cards.speech import example_lines, line, spoken
from npc_runtime.content.fields import FILE_ID

ABOUT = Cast("Mira", "the player")
ALOUD = Cast("Mira", "you")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{char}} and {{user}}", "Mira and the player"),
        ("{{CHAR}} and {{User}}, <BOT> and <user>, <Char>", "Mira and the player, Mira and the player, Mira"),
        ("{{roll:1}} {{roll:d1}} {{roll:D1}}", "1 1 1"),
        ("{{roll:0}}{{roll:x}}{{roll:99999999999}}{{roll:-3}}", ""),
        ("a{{// {{char}} is {secretly} sad }}b", "ab"),
        ("a{{comment: note}}b{{hidden_key:door}}c", "abc"),
        ("{{reverse:Hello}} {{reverse:{{char}}}}", "olleH ariM"),
        ("{{random:one}} {{pick::two}} {{random:a\\,b}}", "one two a,b"),
        ("{{random::yes, sir::yes, sir}}", "yes, sir"),
        ("{{time}} o'clock {{original}}", " o'clock "),
        ("{{never closed {{char}}", "{{never closed Mira"),
        ("{char} {{}} }} {{", "{char}  }} {{"),
    ],
)
def test_macros(text: str, expected: str) -> None:
    assert resolve(text, ABOUT) == expected


def test_chance_is_the_same_each_time_and_within_what_is_offered() -> None:
    drawn = {resolve(f"{number}{{{{random:red,green,blue}}}}", ABOUT).lstrip("0123456789") for number in range(60)}
    assert drawn == {"red", "green", "blue"}
    assert resolve("{{roll:6}}{{pick:a,b}}", ABOUT) == resolve("{{roll:6}}{{pick:a,b}}", ABOUT)
    assert {int(resolve(f"{{{{roll:d6}}}}{'{{//x}}' * number}", ABOUT)) for number in range(60)} == {1, 2, 3, 4, 5, 6}


def test_a_value_is_not_read_as_a_macro_again() -> None:
    assert resolve("{{reverse:}}resu{{}} {{reverse:resu}}", ABOUT) == "resu user"
    assert resolve("{{hidden_key:x}}", ABOUT, hidden=True) == "x"


def test_unknown_macros_are_named_once() -> None:
    assert unknown("{{time}} {{char}} {{Weekday}} {{time}} {{random:a}} {{// x}}") == ("time", "weekday")


@given(st.text("{}:/ ,<>abchruse*\\", max_size=200))
def test_macros_end(text: str) -> None:
    assert len(resolve(text, ABOUT)) <= 20 * len(text) + 10


def test_many_unclosed_macros_take_no_longer_than_their_length() -> None:
    assert resolve("{{" * 50_000, ABOUT) == "{{" * 50_000
    assert resolve("{{//" * 25_000, ABOUT) == "{{//" * 25_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*waves* Hello, {{user}}!", "Hello!"),
        ("{{user}}, sit down.", "you, sit down."),
        ('She looks up. "You again," she says. "Get in."', "You again, Get in."),
        ("„Schon wieder du.“ Sie seufzt.", "Schon wieder du."),
        ("Elle sourit. « Entrez. »", "Entrez."),
        ('I call it "home", you know.', 'I call it "home", you know.'),
        ("*She says nothing and rows on.*", ""),
        ("I **really** mean it. [OOC: be kind]", "I really mean it."),
        ("![portrait](https://example.org/x.png) Aye.", "Aye."),
        ("One.\n\nTwo.", "One. Two."),
        ("A lone * star", "A lone star"),
    ],
)
def test_what_is_said_aloud(text: str, expected: str) -> None:
    assert spoken(text, ALOUD) == expected


def test_a_long_line_is_cut_after_a_sentence() -> None:
    assert line("The river is high today. " * 30, ALOUD) == ("The river is high today. " * 12).strip()


def test_example_lines_are_the_characters_own() -> None:
    dialogue = """<START>
{{user}}: Is it deep?
{{char}}: *shrugs* Deep enough.
Don't stand up: you would fall.
Guard: Halt!
And this is the guard still.
<start>
Mira: Two crowns.
MIRA: Two crowns.
You: Too much.
<BOT>: "Swim, then." She laughs.
END_OF_DIALOG
nobody said this"""
    expected = ("Deep enough. Don't stand up: you would fall.", "Two crowns.", "Swim, then.")
    assert example_lines(dialogue, ("Mira",), ALOUD) == expected


def test_example_lines_without_speakers_are_all_its_own() -> None:
    assert example_lines("Aye.\n<START>\nMind the oar.", ("Mira",), ALOUD) == ("Aye.", "Mind the oar.")
    assert example_lines("", ("Mira",), ALOUD) == ()


@pytest.mark.parametrize(
    ("text", "limit", "first", "rest"),
    [
        ("short", 10, "short", ""),
        ("One two. Three four. Five", 20, "One two. Three four.", "Five"),
        ("One paragraph\n\nand another one", 20, "One paragraph", "and another one"),
        ("nothing but words here", 12, "nothing but", "words here"),
        ("abcdefghij", 4, "abcd", "efghij"),
        ("春が来た。桜が咲いた。", 6, "春が来た。", "桜が咲いた。"),
        ("A. " + "b" * 30, 12, "A.", "b" * 30),
    ],
)
def test_split(text: str, limit: int, first: str, rest: str) -> None:
    assert texts.split(text, limit) == (first, rest)


@given(st.text("ab .!\n。", max_size=300), st.integers(1, 60))
def test_pieces_lose_nothing_but_blanks(text: str, limit: int) -> None:
    parts = texts.pieces(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_clean_text_keeps_scripts_and_drops_what_nobody_sees() -> None:
    assert texts.clean("a\r\nb\x00\x1b[31m\u202ec\ufeff \t\n\n\n\n d\ud800") == "a\nb[31mc\n\n d"
    assert texts.clean("שלום 👩\u200d🚀 नमस्ते") == "שלום 👩\u200d🚀 नमस्ते"
    assert texts.one_line(" a \u2028 b\x85c ") == "a b c"
    assert texts.name('Mira "Fen" [x] {y}=|') == "Mira Fen x y"
    assert len(texts.name("x" * 200)) == texts.LONGEST_NAME


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Brynja Ironhand",), "brynja_ironhand"),
        (("Çağrı Şöyle İnce",), "cagri_soyle_ince"),
        (("Jürgen Groß",), "jurgen_gross"),
        (("Œdipe d'Ørsted",), "oedipe_dorsted"),
        (("Ольга Щукина",), "olga_shchukina"),
        (("Αθηνά",), "athina"),
        (("さくら",), "sakura"),
        (("김민지",), "gimminji"),
        (("林黛玉", "lin"), "lin"),
        (("../../etc/passwd",), "etc_passwd"),
        (("CON",), "con_npc"),
        (("a" * 300,), "a" * 48),
    ],
)
def test_ids(names: tuple[str, ...], expected: str) -> None:
    assert id_from(*names) == expected


@pytest.mark.parametrize("name", ["林黛玉", "👩‍🚀", "محمد", "...", "\ud800"])
def test_a_name_that_cannot_be_written_in_latin_letters_has_an_id_all_the_same(name: str) -> None:
    assert re.fullmatch("npc_[0-9a-f]{8}", id_from(name))
    assert id_from(name) == id_from(name) != id_from(name + "2x")


@given(st.text())
def test_every_id_is_a_safe_file_name(name: str) -> None:
    assert re.fullmatch(FILE_ID, id_from(name))


_KEYS = st.sampled_from(["a", "summary", "do"])
_VISIBLE = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
_TEXTS = st.one_of(
    st.text(_VISIBLE, max_size=60),
    st.text("ab -#:,'\"[]{}&*!|>%@`?.\\~=0xe_+1\n ", max_size=200),
    st.sampled_from(["null", "true", "~", "1e3", "0x1f", ".inf", "no", "- a", "a: b", "a #b", "---", "? x", "<<", ""]),
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(_TEXTS, st.booleans(), st.none(), st.integers(-99, 99), st.floats(-1, 1)),
    lambda inner: st.one_of(
        st.dictionaries(_KEYS, inner, max_size=3), st.lists(st.one_of(_TEXTS, st.dictionaries(_KEYS, inner)))
    ),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _VALUES, min_size=1))
def test_what_is_written_is_what_is_read(values: dict[str, Any]) -> None:
    lines = [text for key, value in values.items() for text in yaml_text.entry(key, value)]
    assert yaml_file.parse("\n".join(lines) + "\n").data == values


def test_long_text_is_folded_and_text_of_several_lines_kept() -> None:
    long, rows = "word " * 60 + "end", "one\n\ntwo # three"
    lines = [*yaml_text.entry("a", long), *yaml_text.entry("b", rows), *yaml_text.comment(long)]
    assert lines[0] == "a: >-"
    assert lines[4:8] == ["b: |-", "  one", "", "  two # three"]
    assert all(len(text) <= yaml_text.WIDTH for text in lines)
    assert yaml_file.parse("\n".join(lines)).data == {"a": long, "b": rows}
