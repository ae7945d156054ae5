"""Requests to services: in the words of each, within what it can do, and changed after a refusal."""

from dataclasses import replace
from typing import Any

import pytest

from npc_runtime.content.action import ActionOption, ArgumentOption
from npc_runtime.llm.backend import Completion, Message, ReplyFormat
from npc_runtime.llm.online_events import (
    CallPiece,
    Ended,
    OnlineEvent,
    TextPiece,
    Used,
    chat_events,
    response_events,
)
from npc_runtime.llm.online_request import adapted, chat_body, first_shape, responses_body
from npc_runtime.llm.providers import Capabilities, Provider, Providers, custom

MEND = ActionOption("mend", "Mend a thing.", (ArgumentOption("item", "choice", choices=("sword", "axe")),))
ASK = Completion(
    messages=(Message("system", "You are Brynja."), Message("user", "Mend it.")),
    grammar='root ::= " joy]"',
    opening="[emotion",
    max_tokens=90,
    seed=7,
    conversation="brynja",
    options=(MEND,),
    max_sentences=2,
)
ALL = Capabilities(
    json_schema=True, tools=True, grammar=True, caching=True, cache_key=True, usage=True, prefill="message"
)


def body(request: Completion = ASK, provider: Provider | None = None, **changes: Any) -> dict[str, Any]:
    shape = first_shape(provider or custom("http://127.0.0.1:1/v1", can=ALL), "m", "tags")
    shape = replace(shape, **changes)
    return chat_body(request, shape, "m", shape.reply_format)


def test_tags_with_all_that_a_server_can_do() -> None:
    assert body() == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You are Brynja."},
            {"role": "user", "content": "Mend it."},
            {"role": "assistant", "content": "[emotion"},
        ],
        "stream": True,
        "max_tokens": 90,
        "temperature": 0.6,
        "seed": 7,
        "grammar": 'root ::= " joy]"',
        "stream_options": {"include_usage": True},
        "prompt_cache_key": "brynja",
    }


def test_a_service_of_which_nothing_is_known_gets_nothing_special() -> None:
    plain = body(provider=custom("http://127.0.0.1:1/v1"))
    assert set(plain) == {"model", "messages", "stream", "max_tokens", "temperature", "seed"}


def test_a_grammar_for_a_model_that_begins_itself_has_the_beginning() -> None:
    sent = body(can=Capabilities(grammar=True))
    assert sent["grammar"].startswith('root ::= "[emotion" rest')
    assert sent["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("prefill", ["prefix", "continue"])
def test_ways_to_begin_a_reply(prefill: str) -> None:
    sent = body(can=Capabilities.model_validate({"prefill": prefill}))
    assert sent["messages"][-1]["content"] == "[emotion"
    assert sent["messages"][-1].get("prefix", False) == (prefill == "prefix")
    assert sent.get("continue_final_message", False) == (prefill == "continue")


def test_who_cannot_be_begun_for_is_told_to_go_on() -> None:
    sent = body(replace(ASK, written="[emotion joy] Aye. [action mend item=sword]", opening=""), can=Capabilities())
    assert sent["messages"][-2] == {"role": "assistant", "content": "Aye."}
    assert "Go on" in sent["messages"][-1]["content"]
    assert body(replace(ASK, written="[joy]"), can=Capabilities())["messages"][-1]["content"] == "Mend it."


def test_json_and_tools() -> None:
    schema = body(reply_format="json")["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert "actions" in schema["schema"]["properties"]
    [tool] = body(reply_format="tools")["tools"]
    assert tool["function"]["name"] == "mend"
    assert "tools" not in body(replace(ASK, options=()), reply_format="tools")
    for form in ("json", "tools"):
        assert "grammar" not in body(reply_format=form)
        assert body(reply_format=form)["messages"][-1]["role"] == "user"


def test_a_model_that_knows_no_system_is_told_by_the_player() -> None:
    sent = body(can=Capabilities(system=False))
    assert sent["messages"] == [{"role": "user", "content": "You are Brynja.\n\nMend it."}]


def test_a_model_that_thinks_is_asked_to_think_little_and_given_room() -> None:
    provider = Providers.load().get("groq")
    sent = chat_body(ASK, first_shape(provider, "openai/gpt-oss-20b", "tags"), "openai/gpt-oss-20b", "tags")
    assert sent["reasoning_effort"] == "low"
    assert sent["max_tokens"] == 90 + 512
    calm = Providers.load().get("gemini")
    sent = chat_body(ASK, first_shape(calm, "gemini-2.5-flash", "json"), "gemini-2.5-flash", "json")
    assert (sent["reasoning_effort"], sent["max_tokens"], "seed" in sent) == ("none", 90, False)


def test_the_responses_api() -> None:
    shape = first_shape(custom("http://127.0.0.1:1/v1", can=ALL), "m", "tools")
    sent = responses_body(ASK, shape, "m", "tools")
    assert sent["input"][0] == {"role": "system", "content": "You are Brynja."}
    assert sent["max_output_tokens"] == 90
    assert sent["store"] is False
    assert sent["tools"][0]["name"] == "mend"
    sent = responses_body(ASK, replace(shape, reply_format="json", reasoning="low"), "m", "json")
    assert sent["text"]["format"]["type"] == "json_schema"
    assert sent["reasoning"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("complaint", "changes"),
    [
        ("Unknown parameter: 'stream_options'", {"usage": False}),
        (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead.",
            {},
        ),
        ("'temperature' does not support 0.6 with this model.", {}),
        ("Invalid parameter: seed", {}),
        ("reasoning_effort is not supported", {}),
        ("Unrecognized request argument supplied: grammar", {"grammar": False}),
        (
            "This model does not support assistant message prefill. The conversation must end with a user message.",
            {"prefill": ""},
        ),
        ("System role not supported", {"system": False}),
        ("prompt_cache_key: Extra inputs are not permitted", {"cache_key": False}),
    ],
)
def test_what_is_refused_is_left_out(complaint: str, changes: dict[str, Any]) -> None:
    shape = replace(first_shape(custom("http://a.b/v1", can=ALL), "m", "tags"), reasoning="low")
    changed = adapted(shape, complaint)
    assert changed is not None
    assert changed != shape
    assert changed.can == shape.can.model_copy(update=changes)
    assert adapted(changed, complaint) is None or "max_completion_tokens" in complaint


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ("json", "'response_format' of type 'json_schema' is not supported with this model"),
        ("json", "Invalid schema for response_format 'reply'"),
        ("tools", "No endpoints found that support tool use."),
        ("tools", "`tools` is not supported"),
    ],
)
def test_a_form_of_reply_that_is_refused_becomes_tags_with_their_rules(form: ReplyFormat, complaint: str) -> None:
    shape = first_shape(custom("http://a.b/v1", can=ALL), "m", form)
    changed = adapted(shape, complaint)
    assert changed is not None
    assert changed.reply_format == "tags"
    sent = chat_body(ASK, changed, "m", shape.reply_format)
    assert sent["messages"][0]["content"].endswith("[action mend item=ITEM] Mend a thing.")


def test_a_server_that_knows_json_objects_alone_gets_the_schema_with_one() -> None:
    shape = first_shape(custom("http://a.b/v1", can=ALL), "m", "json")
    complaint = "response_format type: Input should be 'text' or 'json_object'"
    changed = adapted(shape, complaint)
    assert changed is not None
    sent = chat_body(ASK, changed, "m", "json")["response_format"]
    assert sent["type"] == "json_object"
    assert "speech" in sent["schema"]["properties"]
    again = adapted(changed, complaint)
    assert again is not None
    assert again.reply_format == "tags"


@pytest.mark.parametrize("complaint", ["", "context length exceeded", "content policy"])
def test_other_refusals_change_nothing(complaint: str) -> None:
    assert adapted(first_shape(custom("http://a.b/v1", can=ALL), "m", "tags"), complaint) is None


@pytest.mark.parametrize(
    ("data", "events"),
    [
        ({"choices": []}, []),
        ({"choices": None, "usage": None}, []),
        ({"choices": [{"delta": None, "finish_reason": None}]}, []),
        (
            {"choices": [{"delta": {"content": [{"type": "text", "text": "a"}, {"type": "thinking"}]}}]},
            [TextPiece("a")],
        ),
        ({"choices": [{"delta": {"content": ""}, "finish_reason": "length"}]}, [Ended("length")]),
        ({"choices": [{"delta": {}, "finish_reason": "error"}]}, [Ended("failed", "the model broke off")]),
        (
            {"choices": [{"delta": {"tool_calls": [{"function": {"name": "a", "arguments": None}}]}}]},
            [CallPiece("0", "a", "")],
        ),
        ({"choices": [], "x_groq": {"usage": {"prompt_tokens": 3}}}, [Used(3, 0, 0)]),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 10**12}}, [Used(0, 0, 0)]),
        ({"error": {"message": "no"}}, [Ended("failed", "no")]),
    ],
)
def test_chunks(data: object, events: list[OnlineEvent]) -> None:
    assert list(chat_events(data)) == events


@pytest.mark.parametrize("data", [None, 5, [], "x", {"choices": 5}, {"choices": [5]}, {"choices": [{"delta": 5}]}])
def test_chunks_that_are_none(data: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        list(chat_events(data))


@pytest.mark.parametrize(
    ("data", "events"),
    [
        ({"type": "response.created"}, []),
        ({"type": "response.output_text.delta", "delta": "a"}, [TextPiece("a")]),
        (
            {"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "name": "a"}},
            [CallPiece("1", "a", "")],
        ),
        (
            {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{"},
            [CallPiece("1", "", "{")],
        ),
        (
            {"type": "response.completed", "response": {"usage": {"input_tokens": 4, "output_tokens": 2}}},
            [Used(4, 0, 2), Ended("done")],
        ),
        ({"type": "response.incomplete", "response": {}}, [Ended("length")]),
        ({"type": "response.failed", "response": {"error": {"message": "no"}}}, [Ended("failed", "no")]),
        ({"type": "error", "message": "no"}, [Ended("failed", "no")]),
    ],
)
def test_events(data: object, events: list[OnlineEvent]) -> None:
    assert list(response_events(data)) == events
