"""Captions: what a person reads of a conversation."""

import io
import sys
import unicodedata

import pytest

from npc_runtime import events
from npc_runtime.cli.captions import Captions

NAMES = {"brynja": "Brynja Ironhand", "ansel": "Ansel"}
MOOD = events.Mood(label="neutral", strength="slightly", pad=(0.0, 0.0, 0.0))


def heard(text: str, *, final: bool = True, reason: str | None = None) -> events.Heard:
    return events.Heard(text=text, final=final, language="en", reason=reason)


def begin(turn: int, character: str = "brynja") -> events.TurnBegin:
    return events.TurnBegin(turn=turn, character=character, reply_to="")


def end(turn: int) -> events.TurnEnd:
    return events.TurnEnd(turn=turn, reason="done", text="", timings={})


def says(turn: int, text: str) -> events.Say:
    return events.Say(turn=turn, clause=0, text=text, start_ms=0.0)


def feels(
    label: events.EmotionLabel, strength: events.Strength = "normal", character: str = "brynja"
) -> events.Emotion:
    return events.Emotion(
        character=character,
        label=label,
        strength=strength,
        intensity=0.5,
        pad=(0.0, 0.0, 0.0),
        mood=MOOD,
        relation=events.Relation(),
    )


def shown(*said: events.Event) -> None:
    """Print to a file."""
    captions = Captions(NAMES, echoed=False, prompt=False)
    for event in said:
        captions.show(event)
    captions.close()


def screen_of(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal 20 columns wide, from now on."""
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "20")
    return screen


def seen(screen: io.StringIO) -> list[str]:
    """What stays on a terminal: what comes after the last return to the start of each line."""
    return [line.rpartition("\r")[2] for line in screen.getvalue().split("\n")]


def test_a_name_stands_where_somebody_else_spoke_last(capsys: pytest.CaptureFixture[str]) -> None:
    shown(begin(1), says(1, "Aye."), says(1, "So?"), heard("Wait."), says(1, "Well?"), end(1))
    shown(begin(2, "ansel"), says(2, "Hm."), end(2), begin(3, "ansel"), says(3, "Hm?"))
    assert capsys.readouterr().out.splitlines() == [
        "Brynja Ironhand: Aye. So?",
        "You: Wait.",
        "Brynja Ironhand: Well?",
        "Ansel: Hm.",
        "Ansel: Hm?",
    ]


def test_what_a_character_feels_and_does_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    args: dict[str, events.Scalar] = {"item": "iron_sword", "price": 4}
    shown(
        begin(1),
        feels("neutral"),
        feels("joy", character="ansel"),
        says(1, "Hm."),
        feels("tense_humor"),
        events.Narration(turn=1, text="spits"),
        feels("tense_humor"),
        says(1, "Give it here."),
        feels("anger", "strong"),
        events.Action(turn=1, id="1", name="repair_item", args=args, needs_confirm=True),
        events.Action(turn=1, id="2", name="leave", args={}),
        begin(2, "ansel"),
        says(2, "Ha!"),
    )
    assert capsys.readouterr().out.splitlines() == [
        "Brynja Ironhand: Hm.",
        "  [tense humor] (spits)",
        "  Give it here.",
        "  [strong anger] → repair_item item=iron_sword price=4  (the game must confirm)",
        "  → leave",
        "Ansel: [joy] Ha!",
    ]


def test_the_clauses_of_a_turn_are_one_line_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    captions = Captions(NAMES, echoed=False, prompt=False)
    printed = []
    for event in (begin(1), feels("joy"), says(1, "Aye, the"), feels("anger"), says(1, "sword."), end(1)):
        captions.show(event)
        printed.append(capsys.readouterr().out)
    assert printed == ["", "", "Brynja Ironhand: [joy] Aye, the", "", " [anger] sword.", "\n"]


def test_a_noise_does_not_break_what_is_being_said(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    shown(begin(1), says(1, "Aye, the"), heard("", reason="silence"), says(1, "sword."), heard("Oh", final=False))
    assert seen(screen) == ["Brynja Ironhand: Aye, the sword.", "", ""]


def test_trouble_goes_elsewhere_with_what_to_do_about_it(capsys: pytest.CaptureFixture[str]) -> None:
    shown(
        events.Notice(code="odd", message="Something was odd.", hint="look"),
        events.Error(code="engine", message="Something broke."),
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "notice: Something was odd.\n  fix: look\nerror: Something broke.\n"


def test_words_in_the_making_are_replaced_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    shown(heard("Can", final=False), heard("Can you mend my sword", final=False), heard("Can you?"))
    assert screen.getvalue().startswith("\rYou: Can …         \rYou: … d my sword …\r")
    assert seen(screen) == ["You: Can you?", ""]


def test_words_in_the_making_are_not_shown_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    shown(heard("Can", final=False), heard("Can you?"))
    assert capsys.readouterr().out == "You: Can you?\n"


def test_nothing_stays_of_words_that_were_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    shown(heard("Hm", final=False), heard("", reason="no_speech"), heard("", reason="unclear"))
    assert seen(screen) == ["You: (not understood)", ""]


def test_wide_letters_do_not_break_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    shown(heard("剣を直せますか剣を直せますか", final=False), heard("剣"))
    partial = screen.getvalue().split("\r")[1]
    assert "直せますか …" in partial
    assert sum(1 + (unicodedata.east_asian_width(letter) == "W") for letter in partial) == 19


def test_a_terminal_shows_when_to_type_and_not_twice_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    captions = Captions(NAMES, echoed=True, prompt=True)
    captions.ready()
    assert seen(screen) == ["> "]
    screen.write("Hello\n")
    captions.typed("Hello")
    for event in (heard("Hello"), begin(1), says(1, "Aye."), end(1)):
        captions.show(event)
    assert seen(screen) == ["> Hello", "Brynja Ironhand: Aye.", "> "]
    captions.show(begin(2))
    captions.show(says(2, "Well?"))
    captions.show(heard("Hello"))
    captions.close()
    assert seen(screen) == ["> Hello", "Brynja Ironhand: Aye.", "Brynja Ironhand: Well?", "You: Hello", ""]
