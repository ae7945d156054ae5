"""What models really write, case by case, and what the parser makes of it for every way of cutting the stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from npc_runtime.llm.parser import (
    ActionTag,
    EmotionTag,
    NarrationText,
    ParserEvent,
    ParserNotice,
    ReplyParser,
    SentenceEnd,
    SpeakerChange,
    Words,
)

ROSTER: dict[str, Any] = {"speaker": "Brannoc", "aliases": ["Bran"], "others": ["Ysolde"], "player": "Tamsin"}

JOY = EmotionTag("joy", "normal")
SAD = EmotionTag("sadness", "weak")


def parse(pieces: Sequence[str], *, complete: bool = True, **options: Any) -> list[ParserEvent]:
    parser = ReplyParser(**{**ROSTER, **options})
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close(complete=complete)


def speech(events: list[ParserEvent]) -> list[str]:
    """The sentences; fails if words are left without their end."""
    sentences: list[str] = []
    current = ""
    for event in events:
        if isinstance(event, Words):
            current += event.text
        elif isinstance(event, SentenceEnd):
            sentences.append(current)
            current = ""
    assert not current
    return sentences


def script(events: list[ParserEvent]) -> list[object]:
    """Sentences as strings with everything else in its place, without notices."""
    parts: list[object] = []
    current = ""
    for event in events:
        if isinstance(event, Words):
            current += event.text
        elif isinstance(event, SentenceEnd):
            parts.append(current)
            current = ""
        elif not isinstance(event, ParserNotice):
            parts.append(event)
    return parts


def codes(events: list[ParserEvent]) -> list[str]:
    return [event.code for event in events if isinstance(event, ParserNotice)]


SPLITS: dict[str, Callable[[str], list[str]]] = {
    "whole": lambda text: [text],
    "characters": list,
    "words": lambda text: [piece + " " for piece in text.split(" ")[:-1]] + text.split(" ")[-1:],
    "threes": lambda text: [text[start : start + 3] for start in range(0, len(text), 3)],
}


@dataclass(frozen=True)
class Case:
    id: str
    text: str
    expected: Sequence[object]
    notices: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    complete: bool = True


HALT = ["“Halt!” he cried.", "Bren's dog ran."]

CASES = [
    Case(
        "P1",
        "Here is my advice: keep your blade dry. Then sleep.",
        ["Here is my advice: keep your blade dry.", "Then sleep."],
    ),
    Case(
        "P2",
        "The gate closes at 21:45 sharp. Do not be late.",
        ["The gate closes at 21:45 sharp.", "Do not be late."],
    ),
    Case("P3", "Bring three things: rope, oil, bread.", ["Bring three things: rope, oil, bread."]),
    Case("P4", "Go and ask Ysolde: she keeps the ledger.", ["Go and ask Ysolde: she keeps the ledger."]),
    Case(
        "P5",
        "It weighs 2.75 stone and costs 1,250.50 crowns.",
        ["It weighs 2.75 stone and costs 1,250.50 crowns."],
    ),
    Case("P6", "I will wait by the well", ["I will wait by the well"]),
    Case("P7", "Hm... come closer. I could not hear you", ["Hm... come closer.", "I could not hear you"]),
    Case("P7-sentence", "Hm... Come closer.", ["Hm...", "Come closer."]),
    Case("P8", "Aye.", ["Aye."]),
    Case("P9", "Brannoc: Ysolde, fetch the key.", ["Ysolde, fetch the key."]),
    Case("P9-alias", "bran: Aye.", ["Aye."]),
    Case("P9-assistant", "[emotion joy normal] Assistant: Aye.", [JOY, "Aye."]),
    Case("P9-bold", "**Brannoc:** Aye.", ["Aye."]),
    Case(
        "P10",
        "Fetch it, then.\nYsolde: I have it here.\nBrannoc: Good.",
        ["Fetch it, then.", SpeakerChange("Ysolde"), "I have it here.", SpeakerChange("Brannoc"), "Good."],
        options={"may_speak": ["Ysolde"]},
    ),
    Case("P9-direction", "Brannoc (smiling): Aye.", [NarrationText("smiling"), "Aye."]),
    Case("P10-partial", "Ysold: I have it.", ["Ysold: I have it."], options={"may_speak": ["Ysolde"]}),
    Case("P11", "Ysolde: I have it here.", [], ["foreign_speaker", "no_speech"]),
    Case("P11-player", "Good.\nTamsin: I agree!\nAnd so on.", ["Good."], ["foreign_speaker"]),
    Case("P11-user", "Good.\nUser: And then?", ["Good."], ["foreign_speaker"]),
    Case("P11-echo", "Tamsin: Can you mend it? [action go]\nAye.", ["Aye."], ["foreign_speaker"]),
    Case("P12", "Note: the bridge is out.", ["Note: the bridge is out."]),
    Case(
        "P13",
        "Dr. Vance met St. Orla at No. 5, i.e. the mill.",
        ["Dr. Vance met St. Orla at No. 5, i.e. the mill."],
    ),
    Case("P13-answer", "No. I won't.", ["No.", "I won't."]),
    Case("P13-initials", "Ask J. R. Holt. He knows.", ["Ask J. R. Holt.", "He knows."]),
    Case("P13-I", "It was I. He left.", ["It was I.", "He left."]),
    Case("P13-final", "Nails, rope, etc. The lot.", ["Nails, rope, etc.", "The lot."]),
    Case(
        "P13-de",
        "Am 14. Mai kam z. B. Dr. Vogt, d.h. der Arzt. Gut.",
        ["Am 14. Mai kam z. B. Dr. Vogt, d.h. der Arzt.", "Gut."],
        options={"language": "de"},
    ),
    Case(
        "P14",
        "*wipes the counter* What will it be?",
        [NarrationText("wipes the counter"), "What will it be?"],
    ),
    Case("P14-round", "(sighs) Fine.", [NarrationText("sighs"), "Fine."]),
    Case("P14-square", "[looks away] No.", [NarrationText("looks away"), "No."]),
    Case("P14-end", "Fine. *shrugs*", ["Fine.", NarrationText("shrugs")]),
    Case("P14-middle", "I say [pauses], no.", [NarrationText("pauses"), "I say, no."]),
    Case("P14-spoken", "I have it (somewhere) here.", ["I have it (somewhere) here."]),
    Case("P14-de", "*wischt den Tresen* Was darf es sein?", [NarrationText("wischt den Tresen"), "Was darf es sein?"]),
    Case("P15", "That is *very* kind, and 3 * 4 is 12.", ["That is very kind, and 3 × 4 is 12."]),
    Case("P15-start", "*Never* say that, 3*4.", ["Never say that, 3×4."]),
    Case("P15-lone", "Fine * then.", ["Fine then."]),
    Case("P16", "*he turns to the door", [NarrationText("he turns to the door")], ["no_speech"]),
    Case("P16-rest", "*he turns away. Come along.", [NarrationText("he turns away."), "Come along."]),
    Case("P16-text", "So *very kind. Come along.", ["So very kind.", "Come along."]),
    Case("P17", "No, no, no. No, no, no.", ["No, no, no.", "No, no, no."]),
    Case("P18", "<e:joy:2>Welcome back! <e:sadness:1>I heard.", [JOY, "Welcome back!", SAD, "I heard."]),
    Case(
        "P18-square",
        "[emotion joy normal] Welcome back! [emotion sadness weak] I heard.",
        [JOY, "Welcome back!", SAD, "I heard."],
    ),
    Case("P19", "<e:joy", [JOY], ["malformed_tag", "empty_reply"]),
    Case("P19-square", "[emotion joy", [JOY], ["malformed_tag", "empty_reply"]),
    Case("P19-range", "<e:joyful:9>Hi.", [EmotionTag("joy", "strong"), "Hi."]),
    Case("P19-case", "[EMOTION JOY] Hi.", [JOY, "Hi."]),
    Case("P19-unknown", "[emotion zorble] Hi.", [EmotionTag("neutral"), "Hi."], ["unknown_emotion"]),
    Case("P19-spelling", "[emotion tension Strong] Hi.", [EmotionTag("tension", "strong"), "Hi."]),
    Case("P19-two-words", "[emotion tense humor weak] Hi.", [EmotionTag("tense_humor", "weak"), "Hi."]),
    Case("P19-bare", "[joy] Hi. [sadness weak] Oh.", [JOY, "Hi.", SAD, "Oh."]),
    Case(
        "P19-unclosed",
        "[emotion joy Welcome back! Come in.",
        [JOY, "Welcome back!", "Come in."],
        ["malformed_tag"],
    ),
    Case("P19-no-label", "[emotion Out, the lot! Now.", ["Out, the lot!", "Now."], ["malformed_tag"]),
    Case("P19-cut", "Aye. [emo", ["Aye."], ["malformed_tag"]),
    Case("P19-round", "(emotion joy) Hi. (action: wait)", [JOY, "Hi.", ActionTag("wait")]),
    Case("P19-element", "<emotion>joy</emotion>Hi.", [JOY, "Hi."]),
    Case("A-element", "Hi. <action>follow target=x</action>", ["Hi.", ActionTag("follow", {"target": "x"})]),
    Case("P19-element-open", "<emotion>joy\nHi.", ["Hi."], ["malformed_tag"]),
    Case("P20", "I have < 3 arrows and > 2 bows.", ["I have < 3 arrows and > 2 bows."]),
    Case("P21", "<e:anger:1>Out!", [EmotionTag("anger", "weak"), "Out!"]),
    Case("P22", "<think>plan...</think>Good day.", ["Good day."]),
    Case("P22-unclosed", "<think>plan. Good day.", [], ["malformed_tag", "no_speech"]),
    Case("P22-after", "Good day. <reasoning>x y", ["Good day."], ["malformed_tag"]),
    Case("P22-square", "[THINK]plan[/THINK]Good day.", ["Good day."]),
    Case("P22-direction", "[thinking] Good day.", [NarrationText("thinking"), "Good day."]),
    Case("P23-fence", "```\nGood day.\n```", ["Good day."]),
    Case(
        "P23-json",
        '```json\n{"emotion": "happy", "text": "Good day. It\'s \\"open\\"."}\n```',
        [JOY, "Good day.", 'It\'s "open".'],
    ),
    Case("P23-json-cut", '{"text": "Good day. It is', ["Good day.", "It is"]),
    Case("P23-json-empty", '{"x": 1}', [], ["malformed_tag", "empty_reply"]),
    Case("P23-list", "# Wares\n- Rope\n* Oil\n1. Bread\n2. Salt", ["Wares", "Rope", "Oil", "Bread", "Salt"]),
    Case("P23-bold", "A **sharp** and _fine_ snake_case `blade`.", ["A sharp and fine snake_case blade."]),
    Case("P23-html", "A <b>sharp</b> blade.<br/>", ["A sharp blade."]),
    Case("P24", "", [], ["empty_reply"]),
    Case("P24-blank", " \n\t ", [], ["empty_reply"]),
    Case("P24-tags", "[emotion joy normal]", [JOY], ["empty_reply"]),
    Case("P24-marks", "...", [], ["empty_reply"]),
    Case("P25", '"Halt!" he cried.', ['"Halt!" he cried.']),
    Case("P25-curly", "“Halt!” he cried. Bren's dog ran.", HALT),
    Case("P25-open", '"Halt. He ran.', ['"Halt.', "He ran."]),
    Case("P26", "Wait—what?! Are you sure?!", ["Wait—what?!", "Are you sure?!"]),
    Case("P26-run", "Really?!?!", ["Really?!?!"]),
    Case("P27", "你好。再见！走吧？", ["你好。", "再见！", "走吧？"]),
    Case("P27-ar", "هل أنت بخير؟ نعم", ["هل أنت بخير؟", "نعم"]),
    Case(
        "P27-tr",
        "Prof. Aydın saat 14.30'da geldi. Peki.",
        ["Prof. Aydın saat 14.30'da geldi.", "Peki."],
        options={"language": "tr"},
    ),
    Case("P28", "Hi\r\n\r\nthere\nfriend", ["Hi", "there", "friend"]),
    Case("P30", "Hel\u200blo 😀 there👍🏽!\x07 \u202eOk\ud83d.", ["Hello there!", "Ok."]),
    Case("P31", "As an AI language model, I cannot. It costs five.", ["It costs five."], ["role_break"]),
    Case(
        "P31-whole",
        "I'm sorry, but as an AI language model, I can't do that.",
        [],
        ["role_break", "no_speech"],
    ),
    Case("P31-later", "Aye. I'm just an AI, friend. Fine.", ["Aye.", "Fine."], ["role_break"]),
    Case("P31-middle", "Look here, I am a language model.", ["Look here,"], ["role_break"]),
    Case("P31-de", "Als KI-Sprachmodell kann ich das nicht.", [], ["role_break", "no_speech"]),
    Case("P31-tr", "Bir yapay zekâ olarak bunu yapamam.", [], ["role_break", "no_speech"]),
    Case("P31-near", "I am sorry, but as an old smith I know.", ["I am sorry, but as an old smith I know."]),
    Case("A14", "Wait: I forgot my hat.", ["Wait: I forgot my hat."]),
    Case(
        "A15",
        'Sure. <act follow target="Tamsin"/>',
        ["Sure.", ActionTag("follow", {"target": "Tamsin"})],
    ),
    Case("A15-unclosed", 'Sure. <act follow target="Tamsin"', ["Sure."], ["malformed_tag"]),
    Case("A15-square", "Sure. [action follow target=Tamsin", ["Sure."], ["malformed_tag"]),
    Case("A15-line", "[action follow\nSure.", ["Sure."], ["malformed_tag"]),
    Case("A15-next", "[action follow [action wait]", [ActionTag("wait")], ["malformed_tag", "empty_reply"]),
    Case("A15-quote", 'Sure. [action give item="bread] Aye.', ["Sure.", "Aye."], ["malformed_tag"]),
    Case(
        "A-quotes",
        "[Action repair_item item='Bren's sword', note=\"a ] b\" price=40] Aye.",
        [ActionTag("repair_item", {"item": "Bren's sword", "note": "a ] b", "price": "40"}), "Aye."],
    ),
    Case(
        "A-call",
        "Aye. [action repair_item(item=iron_sword, price=40)]",
        ["Aye.", ActionTag("repair_item", {"item": "iron_sword", "price": "40"})],
    ),
    Case("A-bare", "Aye. [action follow Tamsin]", ["Aye.", ActionTag("follow", {"": "Tamsin"})]),
    Case(
        "A-json",
        "Aye. [action give {'item': 'bread', 'count': 2,}]",
        ["Aye.", ActionTag("give", {"item": "bread", "count": "2"})],
    ),
    Case(
        "A-blanks",
        "Aye. [action give item=iron sword, to: 'the guard' count=2, Tamsin]",
        ["Aye.", ActionTag("give", {"item": "iron sword", "to": "the guard", "count": "2", "": "Tamsin"})],
    ),
    Case(
        "A-long",
        f'Aye. [action write text="{"so " * 66}" note="don\'t, x=1" more="{"so " * 66}"]',
        ["Aye.", ActionTag("write", {"text": "so " * 66, "note": "don't, x=1", "more": "so " * 66})],
    ),
    Case("A-broken", "Aye. [action give {'item': ]", ["Aye."], ["malformed_tag"]),
    Case("A-twice", "Aye. [action give item=a item=b]", ["Aye."], ["malformed_tag"]),
    Case("A-nameless", "Aye. [action]", ["Aye."], ["malformed_tag"]),
    Case(
        "limit",
        "One. Two. [action wait] [emotion joy normal] Three. [action go]",
        ["One.", "Two.", ActionTag("wait")],
        options={"max_sentences": 2},
    ),
    Case("loop-sentence", "It is a fine day. " * 5, ["It is a fine day."] * 2, ["repetition"]),
    Case("loop-short", "Help! Help! Help! Run!", ["Help!", "Help!", "Help!", "Run!"]),
    Case("loop-word", "Aye, aye, aye, aye, aye, “aye!” So.", ["Aye, aye, aye, “aye!”", "So."], ["repetition"]),
    Case("loop-word-middle", "No - no - no - no - no, no, I say.", ["No - no - no - no, I say."], ["repetition"]),
    Case(
        "loop-word-later", "One. Aye, aye, aye, aye, aye! Two.", ["One.", "Aye, aye, aye, aye!", "Two."], ["repetition"]
    ),
    Case("loop-word-tag", "No no no no [sadness weak] no! So.", [SAD, "No no no no!", "So."], ["repetition"]),
    Case("loop-word-endless", "no " * 30, ["no no no"], ["repetition", "repetition"]),
    Case("four-words", "No, no, no, no! Aye, aye, aye, aye.", ["No, no, no, no!", "Aye, aye, aye, aye."]),
    Case("figures", "It is 5 5 5 5 5 5.", ["It is 5 5 5 5 5 5."]),
    Case("loop-later", "Aye. " + "and then we go " * 9, ["Aye."], ["repetition"]),
    Case("cut", "Aye. I will mend your sw", ["Aye."], ["truncated"], complete=False),
    Case("cut-first", "I will mend your sw", ["I will mend your"], complete=False),
    Case("cut-only", "Wai", ["Wai"], complete=False),
    Case("cut-clean", "Aye. Fine.", ["Aye.", "Fine."], complete=False),
    Case("end-of-turn", "Aye.<|im_end|>user hello", ["Aye."]),
    Case("phonemes", "Hi [[h@l'oU]] there.", [NarrationText("h@l'oU"), "Hi there."]),
]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, split: str) -> None:
    events = parse(SPLITS[split](case.text), complete=case.complete, **case.options)

    assert script(events) == list(case.expected)
    assert codes(events) == case.notices


def test_a_long_line_without_commas_is_split_between_words() -> None:
    text = " ".join(f"word{number}" for number in range(120)) + " " + "x" * 290 + " " + "y" * 40

    sentences = speech(parse([text]))

    assert " ".join(sentences) == text
    assert all(len(sentence) <= 300 for sentence in sentences)


def test_a_long_line_prefers_commas_and_keeps_every_word() -> None:
    text = " ".join(f"word{number}," if number % 4 == 0 else f"word{number}" for number in range(90))

    sentences = speech(parse([text]))

    assert " ".join(sentences) == text
    assert len(sentences) > 1
    assert all(sentence.endswith(",") for sentence in sentences[:-1])
    assert all(len(sentence) <= 300 for sentence in sentences)


def test_numbers_with_blanks_are_not_split() -> None:
    text = "1 000 " * 80 + "men"

    assert all(len(part.split()) % 2 == 0 for part in speech(parse([text]))[:-1])


def test_words_leave_before_their_sentence_ends() -> None:
    parser = ReplyParser(**ROSTER)

    assert parser.feed("Leave it here") == [Words("Leave"), Words(" it")]
    assert parser.feed(" now.") == [Words(" here")]
    assert parser.feed(" ") == [Words(" now."), SentenceEnd()]


def test_later_sentences_wait_until_they_are_whole() -> None:
    parser = ReplyParser(**ROSTER)

    parser.feed("Aye. ")
    assert parser.feed("I will mend ") == []
    assert parser.feed("it. ") == [Words("I"), Words(" will"), Words(" mend"), Words(" it."), SentenceEnd()]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("One. Two. Three ", {"max_sentences": 2}),
        ("Aye.\nTamsin:", {}),
        ("go and go and go and go and go and go and go and go ", {}),
        ("Aye.</s>", {}),
        ("so many words", {"max_chars": 5}),
    ],
    ids=["limit", "foreign", "loop", "end-of-turn", "length"],
)
def test_finished_when_nothing_more_can_matter(text: str, options: dict[str, Any]) -> None:
    parser = ReplyParser(**{**ROSTER, **options})

    parser.feed(text)

    assert parser.finished
    assert parser.feed("More. [action wait]") == []


def test_not_finished_while_an_action_can_follow() -> None:
    parser = ReplyParser(**ROSTER, max_sentences=1)

    parser.feed("Leave it here. ")

    assert not parser.finished
    assert parser.feed("[action wait]") == [ActionTag("wait")]


def test_closing_twice_gives_nothing() -> None:
    parser = ReplyParser(**ROSTER)
    parser.feed("Aye.")
    parser.close()

    assert parser.close() == []
    assert parser.feed("More.") == []
