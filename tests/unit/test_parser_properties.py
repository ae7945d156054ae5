"""What holds for any text: cuts never matter, nothing is lost, no tag is spoken, work stays linear."""

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from npc_runtime.events import EMOTION_LABELS as LABELS
from npc_runtime.llm.labels import STRENGTHS, nearest_label, strength_of
from npc_runtime.llm.parser import ActionTag, EmotionTag, ParserEvent, ParserNotice, ReplyParser, SentenceEnd, Words

ROSTER: dict[str, Any] = {
    "speaker": "Brannoc",
    "aliases": ["Bran"],
    "others": ["Ysolde", "Orla"],
    "player": "Tamsin",
    "may_speak": ["Ysolde"],
}

MARKS = """
[ ] < > ( ) { } * ** _ ` ``` ~ # - + = | / \\ : ； ， , . ... … ! ? 。 ！ ؟ " ' ” “ « » —
[emotion [emotion] [action [action] <e: <act <think> </think> [THINK] <emotion> </emotion>
<b> </s> <|im_end|> | /> joy anger strong weak
9 1. 2) 3 14.30 1,250.50 No. Dr. i.e. z.B. Brannoc: Bran: Ysolde: Tamsin: User: Assistant: sighs *sighs* he she turns
item=iron_sword price=40 item='a b' "text": {"text": "Hi"} as an AI language model I'm sorry, but no No aye Aye the
blade kind 😀 é ü İ 你好 x_y 3*4 5 * 6 (quietly) [looks away] [joy strong]
"""
SOUP = [*MARKS.split(), "", "\n", "\r\n", "\t", "\u200b", "\ud83d", "\u2028"]

PIECES = st.lists(st.one_of(st.sampled_from(SOUP), st.text(max_size=4), st.just(" "), st.just("\n")), max_size=40)
SOUPS = PIECES.map("".join) | PIECES.map(" ".join)
OPTIONS = st.fixed_dictionaries(
    {
        "max_sentences": st.sampled_from([None, 1, 2]),
        "language": st.sampled_from(["en", "de", "tr", "zz"]),
        "max_chars": st.sampled_from([2000, 30]),
    }
)


def parse(pieces: list[str], *, complete: bool = True, **options: Any) -> tuple[list[ParserEvent], bool]:
    parser = ReplyParser(**ROSTER, **options)
    events = [event for piece in pieces for event in parser.feed(piece)]
    finished = parser.finished
    return events + parser.close(complete=complete), finished


def speech(events: list[ParserEvent]) -> str:
    return "".join(
        event.text if isinstance(event, Words) else " " for event in events if isinstance(event, Words | SentenceEnd)
    ).strip()


@given(SOUPS, st.data(), OPTIONS, st.booleans())
def test_any_cut_gives_the_same_events(text: str, data: st.DataObject, options: dict[str, Any], complete: bool) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    whole = parse([text], complete=complete, **options)

    assert parse(pieces, complete=complete, **options) == whole
    assert parse(list(text), complete=complete, **options) == whole


@given(SOUPS, OPTIONS, st.booleans())
def test_events_are_well_formed(text: str, options: dict[str, Any], complete: bool) -> None:
    events, _ = parse([text], complete=complete, **options)

    sentence = ""
    for event in events:
        if isinstance(event, Words):
            assert event.text and (sentence or not event.text.startswith(" "))
            assert "\n" not in event.text and "\u200b" not in event.text and "😀" not in event.text
            sentence += event.text
        elif isinstance(event, SentenceEnd):
            assert any(character.isalnum() for character in sentence)
            assert sentence == " ".join(sentence.split())
            sentence = ""
        elif isinstance(event, EmotionTag):
            assert event.label in LABELS and event.strength in STRENGTHS
    assert not sentence
    if options["max_sentences"]:
        assert sum(isinstance(event, SentenceEnd) for event in events) <= options["max_sentences"]


@given(SOUPS, OPTIONS)
def test_brackets_are_never_spoken(text: str, options: dict[str, Any]) -> None:
    events, _ = parse([text], **options)

    assert not re.search(r"[\[\]*`]", speech(events))


PLAIN = """
the old mill stands by river's bend and Orla sells Rope for 2.75 1,250 crowns at 21:45 or well-worn é Dr. Vance
i.e. nobody knows – “truly” Brynja Ysolde: aye < > 3° № U.S. No. 5
"""
PLAIN_WORDS = st.sampled_from(PLAIN.split())
SENTENCES = st.tuples(
    st.integers(0, 999).map(lambda number: f"W{number}"),
    st.lists(PLAIN_WORDS, min_size=1, max_size=12),
    st.sampled_from([".", "!", "?", "...", "?!", "…", '."', ","]),
).map(lambda parts: " ".join([parts[0], *parts[1], "end"]) + parts[2])
PROSE = st.lists(SENTENCES, min_size=1, max_size=5, unique=True)


@given(PROSE, st.sampled_from([" ", "  ", "\n", "\r\n\r\n", "\t"]), st.sampled_from(["en", "de", "tr"]))
def test_prose_is_spoken_whole(sentences: list[str], blank: str, language: str) -> None:
    parser = ReplyParser(speaker="Brannoc", language=language, max_chars=5000)
    text = blank.join(sentences)

    events = parser.feed(text) + parser.close()
    assume(not any(isinstance(event, ParserNotice) for event in events))  # loops are cut on purpose
    said = speech(events)

    assert " ".join(said.split()) == " ".join(text.split())


TAGS = st.sampled_from(
    [
        "[emotion joy strong]",
        "[emotion zorble secret]",
        "<e:joy:2>",
        "[action follow target=secret]",
        '<act follow note="secret secret"/>',
        "[action secret(x='secret', y=2)]",
        "[looks secret]",
        "<think>secret</think>",
        "<b>",
        "[joy strong]",
        "<emotion>secret</emotion>",
    ]
)


@given(
    st.lists(st.tuples(st.sampled_from(["Aye", "the blade is fine.", "Out!", "Hm..."]), TAGS), min_size=1, max_size=6)
)
def test_tags_between_words_are_not_spoken_and_take_nothing_along(parts: list[tuple[str, str]]) -> None:
    text = " ".join(f"{words} {tag}" for words, tag in parts)
    expected = " ".join(words for words, _ in parts)

    events, _ = parse([text])

    assert "secret" not in speech(events)
    if not any(isinstance(event, ParserNotice) and event.code == "repetition" for event in events):
        assert speech(events) == expected
        written = sum("action" in tag or "<act" in tag for _, tag in parts)
        assert sum(isinstance(event, ActionTag) for event in events) == written


@pytest.mark.parametrize(
    "unit",
    [
        "[", "*", "<", "(", "{", "`", "_", "#", "-", "]", ".", " ", "\n", "a", "~", "'", '"', "😀", "\ud83d",
        "<a", "*a ", "(*<a[ ", "[action ", "<think>", '{"', '\n{"', "\n- ", "[a]", "[emotion joy]", "[emotion zorble]",
        "Brannoc:", "\nBran", "... ", "1. ", "3 * ", "[action a b='", "<b> <a ", "*a (b <c ", "**a* ", "as an ", "i'm ",
    ],
)  # fmt: skip
def test_garbage_is_linear_work_in_bounded_memory(unit: str) -> None:
    """The work is counted as steps of the scanner: no character may be played more than a few times."""
    parser = ReplyParser(**ROSTER)
    text = unit * (100_000 // len(unit))
    scanner = parser._scanner
    steps = 0
    plain = scanner._plain

    def counted(character: str) -> None:
        nonlocal steps
        steps += 1
        plain(character)

    scanner.__dict__["_plain"] = counted
    if scanner._state == plain:
        scanner._state = counted

    for start in range(0, len(text), 4096):
        parser.feed(text[start : start + 4096])
        assert len(scanner._body) <= 8001
        assert len(parser._guard._queue) <= 401
    parser.close()

    assert steps <= 6 * len(text) + 100


@given(st.text(max_size=20))
def test_labels_are_total(word: str) -> None:
    assert nearest_label(word) in (None, *LABELS)
    assert strength_of(word) in (None, *STRENGTHS)


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("happy", "joy"),
        ("Angry", "anger"),
        ("fear", "tension"),
        ("amused", "humor"),
        ("loving", "affection"),
        ("curious", "interest"),
        ("tense humor", "tense_humor"),
        ("Tense-Humour", "tense_humor"),
        ("joyfull", "joy"),
        ("suprise", "surprise"),
        ("zorble", None),
        ("", None),
    ],
)
def test_nearest_label(word: str, label: str | None) -> None:
    assert nearest_label(word) == label


def test_every_goemotions_name_has_a_label() -> None:
    names = """
    admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust
    embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse sadness
    surprise neutral
    """

    assert len(names.split()) == 28
    assert all(nearest_label(name) in LABELS for name in names.split())


@pytest.mark.parametrize(
    ("word", "strength"),
    [
        ("1", "weak"),
        ("2", "normal"),
        ("3", "strong"),
        ("9", "strong"),
        ("-4", "weak"),
        ("0.9", "strong"),
        ("0.1", "weak"),
        ("very", "strong"),
        ("inf", "strong"),
        ("nan", None),
        ("joy", None),
    ],
)
def test_strength(word: str, strength: str | None) -> None:
    assert strength_of(word) == strength
