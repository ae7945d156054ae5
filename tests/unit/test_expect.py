"""What authors expect of a turn: when it is met, and what is told when it is not."""

from typing import Any

import pytest

from npc_runtime import events
from npc_runtime.content.conversation import Expectation
from npc_runtime.conversations.expect import contains, misses, sentences
from npc_runtime.conversations.outcome import Outcome, outcome

NOTHING = events.Relation()


def feeling(
    label: events.EmotionLabel, *, pleasure: float = 0.0, trust: float = 0.0, of: str = "ann"
) -> events.Emotion:
    return events.Emotion(
        character=of,
        label=label,
        strength="normal",
        intensity=0.5,
        pad=(0, 0, 0),
        mood=events.Mood(label="neutral", strength="slightly", pad=(pleasure, 0.1, -0.2)),
        relation=events.Relation(trust=trust),
    )


def act(name: str, target: str | None = None, **args: Any) -> events.Action:
    return events.Action(turn=1, id="1.1", name=name, args=args, target=target)


def say(text: str) -> events.Say:
    return events.Say(turn=1, clause=0, text=text, start_ms=0)


def told(*happened: events.Event, before: events.Relation = NOTHING) -> Outcome:
    return outcome("Hi", "ann", happened, before)


def missed(found: Outcome, **expected: Any) -> list[tuple[str, str, str]]:
    judged = misses(Expectation.model_validate(expected), found, "en")
    return [(".".join(map(str, miss.at)), miss.wanted, miss.found) for miss in judged]


def test_what_an_outcome_is_made_of() -> None:
    found = told(
        events.Heard(text="Hi", final=True, language="en"),
        feeling("joy", trust=0.3),
        say("Aye."),
        say("Leave it."),
        act("mend"),
        feeling("anger", of="bob"),
        feeling("interest", pleasure=0.4, trust=0.2),
    )
    assert (found.said, found.failure) == ("Aye. Leave it.", "")
    assert [emotion.label for emotion in found.emotions] == ["joy", "interest"]
    assert found.mood is not None and found.mood.pad[0] == 0.4
    assert (found.before.trust, found.after.trust) == (0.0, 0.2)


def test_nothing_felt_changes_nothing() -> None:
    found = told(say("Aye."), before=events.Relation(trust=0.5))
    assert (found.mood, found.after) == (None, found.before)


def test_a_turn_that_failed_is_one_miss() -> None:
    found = told(say("Lost my thread."), events.Error(code="engine", message="The model is away."))
    assert missed(found, action="mend", max_sentences=1) == [("player", "an answer", "The model is away.")]


@pytest.mark.parametrize(
    ("happened", "expected", "miss"),
    [
        ([], {"action": "mend"}, [("expect.action", "mend", "no action")]),
        ([act("trade")], {"action": "mend"}, [("expect.action", "mend", "trade")]),
        ([act("trade"), act("mend")], {"action": "mend"}, []),
        ([], {"action": "none"}, []),
        ([act("trade"), act("mend")], {"action": "none"}, [("expect.action", "no action", "trade, mend")]),
        ([act("trade")], {}, []),
        ([act("mend", item="sword", price=40)], {"action": "mend", "args": {"item": "sword"}}, []),
        ([act("mend", price=40)], {"action": "mend", "args": {"price": 40.0}}, []),
        ([act("mend", note="40")], {"action": "mend", "args": {"note": 40}}, []),
        ([act("mend", now=True)], {"action": "mend", "args": {"now": True}}, []),
        (
            [act("mend", now=1)],
            {"action": "mend", "args": {"now": True}},
            [("expect.args.now", "now=True", "1")],
        ),
        (
            [act("mend", item="axe")],
            {"action": "mend", "args": {"item": "sword", "price": 5}},
            [("expect.args.item", "item=sword", "axe"), ("expect.args.price", "price=5", "nothing")],
        ),
        (
            [act("mend", item="axe", price=5), act("mend", item="sword", price=6)],
            {"action": "mend", "args": {"item": "sword", "price": 5}},
            [("expect.args.item", "item=sword", "axe")],
        ),
        ([act("mend", item="axe"), act("mend", item="bow")], {"action": "mend", "args": {"item": "bow"}}, []),
        ([act("mend", target="player")], {"action": "mend", "args": {"target": "player"}}, []),
    ],
)
def test_actions(happened: list[events.Event], expected: dict[str, Any], miss: list[tuple[str, str, str]]) -> None:
    assert missed(told(*happened), **expected) == miss


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["joy"], None),
        (["joy", "interest"], None),
        (["anger"], "anger"),
        (["joy", "anger"], "joy, anger"),
        ([], "no emotion"),
    ],
)
def test_every_emotion_must_be_among_those(labels: list[events.EmotionLabel], found: str | None) -> None:
    judged = missed(told(*map(feeling, labels)), emotion_in=["joy", "interest"])
    assert judged == ([] if found is None else [("expect.emotion_in", "joy or interest", found)])


def test_words_that_must_and_must_not_be_said() -> None:
    found = told(say("As an AI, I mend swords."))
    assert missed(found, said=["swords", "axe"], not_said=["as an ai", "price"]) == [
        ("expect.said.1", '"axe"', "not said"),
        ("expect.not_said.0", 'not "as an ai"', "said"),
    ]


@pytest.mark.parametrize(
    ("said", "text", "language", "there"),
    [
        ("As an AI, I cannot.", "as an ai", "en", True),
        ("As an aid, I can.", "as an AI", "en", False),
        ("Two swords.", "sword", "en", True),
        ("A password.", "sword", "en", False),
        ("A password, a sword.", "sword", "en", True),
        ("I don’t  know.", "don't know", "en", True),
        ("IŞIK yok.", "ışık", "tr", True),
        ("Schwerter aus STRASSE", "schwert", "de", True),
        ("我是AI语言模型", "AI", "zh", True),
        ("我是人工智能", "人工", "zh", True),
        ("E = mc2", "= m", "en", False),
        ("It is 5.", "5", "en", True),
        ("", "x", "en", False),
    ],
)
def test_where_a_text_is_found(said: str, text: str, language: str, there: bool) -> None:
    assert contains(said, text, language) is there


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), ("Aye", 1), ("Aye. No!", 2), ("Dr. Reed is here. Sit.", 2), ("Hm… well?", 1), ("好。走！", 2)],
)
def test_sentences_are_counted(text: str, number: int) -> None:
    assert sentences(text, "en") == number


def test_too_many_sentences() -> None:
    assert missed(told(say("Aye. No.")), max_sentences=1) == [("expect.max_sentences", "at most 1 sentence", "2")]
    assert missed(told(say("Aye. No.")), max_sentences=2) == []


@pytest.mark.parametrize(
    ("wanted", "met"),
    [("> 0", True), ("< 0", False), (">= 0.25", True), ("<= 0.25", True), ("== 0.25", True), ("==0.3", False)],
)
def test_moods(wanted: str, met: bool) -> None:
    judged = missed(told(feeling("joy", pleasure=0.25)), mood={"pleasure": wanted})
    assert judged == ([] if met else [("expect.mood.pleasure", f"pleasure {wanted}", "0.25")])


def test_moods_on_other_axes_and_none_at_all() -> None:
    assert missed(told(feeling("joy")), mood={"arousal": "> 0", "dominance": "< 0"}) == []
    assert missed(told(), mood={"arousal": "> 0"}) == [("expect.mood.arousal", "arousal > 0", "no mood")]


@pytest.mark.parametrize(
    ("before", "after", "wanted", "found"),
    [
        (0.1, 0.2, "increases", None),
        (0.1, 0.1, "increases", "0.1 → 0.1"),
        (0.2, 0.1, "decreases", None),
        (0.1, 0.2, "decreases", "0.1 → 0.2"),
        (0.1, 0.1, "unchanged", None),
        (0.1, 0.2, "unchanged", "0.1 → 0.2"),
        (0.1, 0.2, "> 0.15", None),
        (0.1, 0.2, "< 0.15", "0.2"),
    ],
)
def test_relations(before: float, after: float, wanted: str, found: str | None) -> None:
    turn = told(feeling("joy", trust=after), before=events.Relation(trust=before))
    judged = missed(turn, relation={"trust": wanted})
    assert judged == ([] if found is None else [("expect.relation.trust", f"trust {wanted}", found)])
