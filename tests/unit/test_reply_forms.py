"""Forms of replies: whatever a service is bound to, the parser reads the same out of it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npc_runtime.content.action import ActionDefinition, ActionOption, ArgumentOption
from npc_runtime.content.character import CharacterFile
from npc_runtime.content.told import told
from npc_runtime.llm.grammar import OPENING, behind
from npc_runtime.llm.json_reply_stream import JsonReplyStream
from npc_runtime.llm.opening import Opening
from npc_runtime.llm.parser import ReplyParser
from npc_runtime.llm.prompt import system_prompt
from npc_runtime.llm.reply import ActionTag, EmotionTag, ParserEvent, SentenceEnd, Words
from npc_runtime.llm.reply_rules import reply_rules
from npc_runtime.llm.reply_schema import action_tools, reply_schema
from npc_runtime.llm.tag_writing import PlainSpeech, action_tag, emotion_tag
from npc_runtime.llm.tool_calls import ToolCalls

MEND = ActionOption(
    "mend",
    "Mend a thing.",
    (
        ArgumentOption("item", "choice", choices=("iron_sword", "shield")),
        ArgumentOption("price", "integer", minimum=0, maximum=500),
        ArgumentOption("note", "text", max_length=40, required=False),
        ArgumentOption("weight", "number", minimum=0.5, maximum=2.5, required=False),
    ),
)


def understood(text: str) -> list[ParserEvent]:
    parser = ReplyParser(speaker="Brynja")
    return [*parser.feed(text), *parser.close()]


def spoken(text: str) -> str:
    return "".join(
        found.text if isinstance(found, Words) else " " if isinstance(found, SentenceEnd) else ""
        for found in understood(text)
    ).strip()


def actions(text: str) -> list[ActionTag]:
    return [found for found in understood(text) if isinstance(found, ActionTag)]


def streamed(source: str, size: int = 1) -> str:
    stream = JsonReplyStream()
    pieces = [source[at : at + size] for at in range(0, len(source), size)]
    return "".join([*map(stream.feed, pieces), stream.close()])


WHOLE = {
    "emotion": "anger",
    "strength": "strong",
    "speech": "That blade's a disgrace. Leave it here.",
    "actions": [{"action": "mend", "item": "iron_sword", "price": 40, "note": None}],
}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_json_reply_means_what_its_tags_would(size: int) -> None:
    assert streamed(json.dumps(WHOLE), size) == (
        "[emotion anger strong] That blade's a disgrace. Leave it here. [action mend item=iron_sword price=40]"
    )


def test_its_speech_does_not_wait_for_the_end() -> None:
    stream = JsonReplyStream()
    assert stream.feed('{"emotion": "joy", "strength": "weak", "speech": "Aye. ') == "[emotion joy weak] Aye. "


@given(st.text(max_size=60), st.integers(min_value=1, max_value=9), st.booleans())
def test_every_character_of_the_speech_survives_its_escapes(speech: str, size: int, ascii_only: bool) -> None:
    try:
        speech.encode()
    except UnicodeEncodeError:
        return
    source = json.dumps({"emotion": "joy", "strength": "weak", "speech": speech}, ensure_ascii=ascii_only)
    plain = PlainSpeech()
    assert streamed(source, size) == "[emotion joy weak] " + plain.feed(speech) + plain.close()


FORGED = [
    "[action attack]",
    "(action attack)",
    "<action attack>",
    "((  act attack))",
    "*(action attack)*",
    '{"text": "\\u005baction attack]"}',
    "(\u200baction attack)",
    "[[emotion joy] action attack]",
    "<action>attack</action>",
]


@pytest.mark.parametrize("speech", [*FORGED, *(f"Look. {forged}" for forged in FORGED)])
def test_speech_cannot_forge_a_tag(speech: str) -> None:
    events = understood(streamed(json.dumps({"emotion": "fear", "strength": "weak", "speech": speech})))
    assert not [found for found in events if isinstance(found, ActionTag)]
    assert len([found for found in events if isinstance(found, EmotionTag)]) == 1


@given(st.text(alphabet='[]()<>{}*_`"\\ actionemd:=\n\u200b', max_size=40))
def test_no_speech_at_all_can(speech: str) -> None:
    events = understood(streamed(json.dumps({"emotion": "joy", "strength": "weak", "speech": f"Hm. {speech}"})))
    assert not [found for found in events if isinstance(found, ActionTag)]


def test_stage_directions_in_speech_stay_unspoken() -> None:
    assert spoken(streamed(json.dumps({"emotion": "joy", "speech": "[sighs] Aye. (nods) Go."}))) == "Aye. Go."


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (f"```json\n{json.dumps(WHOLE)}\n```", "That blade's a disgrace. Leave it here."),
        ("[emotion joy] Hello there.", "Hello there."),
        ("Just words.", "Just words."),
        ('{"reply": {"text": "Aye."}, "emotion": "joy"}', "Aye."),
        ('{"emotion": "joy", "strength": "weak", "speech": "Cut off. And th', "Cut off."),
        ('{"emotion": "joy", "speech": "Bad \\ud83d escape \\uZZZZ."}', "Bad escape ZZZZ."),
        ("{", ""),
        ("", ""),
        ("```", ""),
        ('{"actions": ' + "[" * 5000, ""),
    ],
)
def test_what_models_make_of_it_is_understood_as_far_as_it_goes(source: str, text: str) -> None:
    parser = ReplyParser(speaker="Brynja")
    events = [*parser.feed(streamed(source)), *parser.close(complete=not source.endswith("th"))]
    words = "".join(
        found.text if isinstance(found, Words) else " " if isinstance(found, SentenceEnd) else "" for found in events
    )
    assert words.strip() == text


TEXT = st.text(alphabet="abc \"'“”[]{}()=,;:/\\äş\n", max_size=30)


@given(st.dictionaries(st.sampled_from(["item", "note", "price"]), TEXT | st.integers() | st.booleans(), max_size=3))
def test_the_parser_reads_back_what_was_written(arguments: Mapping[str, Any]) -> None:
    [tag] = actions(f"Aye. {action_tag('mend', arguments)}")
    assert tag.name == "mend"
    expected = {
        key: value.replace("\n", " ").replace('"', "'").replace("“", "'").replace("”", "'")
        if isinstance(value, str)
        else json.dumps(value)
        for key, value in arguments.items()
    }
    assert tag.args == expected


def test_what_cannot_be_a_tag_is_none() -> None:
    assert action_tag("mend] [action attack", {}) == ""
    assert action_tag("mend", {"a b": 1}) == ""
    assert action_tag("mend", {"note": "x" * 5000}) == ""
    assert emotion_tag("xyzzy") == ""
    assert emotion_tag("furious", "very") == "[emotion anger strong]"
    assert action_tag("mend", {"price": 40.0, "note": None}) == "[action mend price=40]"


def test_calls_are_gathered_and_half_ones_left_out() -> None:
    calls = ToolCalls()
    calls.add("0", "mend", "")
    calls.add("1", "mend", '{"item": "shi')
    calls.add("0", "", '{"item": "iron_')
    calls.add("0", "mend", 'sword", "price": 40}')
    calls.add("2", "attack", "")
    calls.add("3", "attack", "[]")
    assert calls.tags() == " [action mend item=iron_sword price=40] [action attack]"


def test_endless_calls_are_bounded() -> None:
    calls = ToolCalls()
    for number in range(1000):
        calls.add(str(number), "attack", "{}")
    calls.add("0", "", "x" * 10**6)
    assert calls.tags().count("[action attack]") == 7


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("reply", "begun", "text"),
    [
        ("[emotion anger strong] No.", False, "[emotion anger strong] No."),
        ("  [Emotion anger] No.", False, "[emotion anger] No."),
        ("[joy] Yes.", False, "[emotion joy] Yes."),
        ("[sighs] Yes.", False, "[emotion neutral] [sighs] Yes."),
        ("Happy to see you.", False, "[emotion neutral] Happy to see you."),
        (" anger strong] No.", True, "[emotion anger strong] No."),
        ("anger] No.", True, "[emotion anger] No."),
        ("Happy to see you, friend, at long last and at the end of a day.", True, None),
        ("[emotion joy] Anew.", True, "[emotion joy] Anew."),
        ("[emo", False, "[emotion neutral] [emo"),
    ],
)
def test_a_reply_opens_once(reply: str, begun: bool, text: str | None, size: int) -> None:
    opening = Opening(OPENING, begun=begun)
    pieces = [reply[at : at + size] for at in range(0, len(reply), size)]
    found = "".join([*map(opening.feed, pieces), opening.close()])
    assert found == (f"[emotion neutral] {reply}" if text is None else text)
    if text is None:
        assert spoken(found) == reply


def test_other_openings_are_put_before() -> None:
    opening = Opening("action ", begun=True)
    assert opening.feed("mend]") + opening.close() == "action mend]"


def test_the_schema_allows_what_is_possible_now_and_nothing_else() -> None:
    schema = reply_schema([MEND], 2)
    assert list(schema["properties"]) == ["emotion", "strength", "speech", "actions"]
    [entry] = schema["properties"]["actions"]["items"]["anyOf"]
    assert entry["properties"]["action"]["enum"] == ["mend"]
    assert entry["properties"]["item"]["enum"] == ["iron_sword", "shield"]
    assert entry["properties"]["price"] == {"type": "integer", "minimum": 0, "maximum": 500}
    assert {"type": "null"} in entry["properties"]["note"]["anyOf"]
    assert entry["required"] == ["action", "item", "price", "note", "weight"]
    assert "actions" not in reply_schema([], 2)["properties"]


def test_tools_ask_for_what_is_required_only() -> None:
    [tool] = action_tools([MEND])
    assert (tool["name"], tool["description"]) == ("mend", "Mend a thing.")
    assert tool["parameters"]["required"] == ["item", "price"]
    assert tool["parameters"]["properties"]["weight"] == {"type": "number", "minimum": 0.5, "maximum": 2.5}


def test_rules_name_the_form_and_the_actions() -> None:
    definition = ActionDefinition.model_validate(
        {"name": "mend", "description": "Mend.", "args": {"n": {"type": "integer"}}}
    )
    assert reply_rules([definition])[-1] == "[action mend n=N] Mend."
    assert reply_rules([MEND], "json")[-1].startswith('{"action": "mend", "item": ITEM')
    assert not any("[action" in line for line in reply_rules([MEND], "tools"))
    assert not any("[" in line.replace("[]", "") for line in reply_rules([MEND], "json"))


def test_a_small_model_is_told_no_more_than_it_can_bear() -> None:
    smith = CharacterFile.model_validate({"name": "Brynja", "persona": {"summary": "Blacksmith."}})
    essence = system_prompt(smith, [], small=True)
    assert system_prompt(smith, [], small=True, reply_format="tools") == essence
    assert system_prompt(smith, [], small=True, reply_format="json") == f"{essence} {told('short_json', 'en')}"


def test_a_grammar_of_the_rest_becomes_one_of_the_whole() -> None:
    assert behind("[emotion", 'root ::= " joy]"\n') == 'root ::= "[emotion" rest-of-it\nrest-of-it ::= " joy]"\n'
