"""Requests made for one model, as another one can answer them in its own window."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npc_runtime.content.action import ActionOption
from npc_runtime.llm.backend import Completion, Message
from npc_runtime.llm.fit import continued, fitted, simplified
from npc_runtime.llm.grammar import OPENING, reply_grammar, rest_grammar, speech_grammar
from npc_runtime.llm.prompt import PER_MESSAGE, estimated_tokens

pytestmark = pytest.mark.anyio

LEAVE = ActionOption("leave", "Go away.")
SYSTEM = (
    "You are Brynja. A smith.\nYou are blunt.\nBegin with a feeling, like [emotion joy weak].\n" + "Long ago. " * 200
)
NOW = (
    "(Place: smithy. You know: The bridge is out. It rains. You are angry. Tamsin says:)\nHow do I (quickly)\nget out?"
)
REQUEST = Completion(
    messages=(
        Message("system", SYSTEM),
        *(Message(role, f"{role} {n} " + "word " * 60) for n in range(8) for role in ("user", "assistant")),
        Message("user", NOW),
    ),
    grammar=reply_grammar((LEAVE,), max_sentences=3),
    opening=OPENING,
    options=(LEAVE,),
    max_sentences=3,
    max_tokens=200,
)


async def by_byte(texts: Sequence[str]) -> list[int]:
    """The worst tokenizer there is."""
    return [len(text.encode()) for text in texts]


async def by_estimate(texts: Sequence[str]) -> list[int]:
    return [estimated_tokens(text) for text in texts]


def rest(passed: str, **changes: object) -> Completion:
    found = continued(replace(REQUEST, **changes), passed, small=False)  # type: ignore[arg-type]  # by keyword
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("passed", "left", "within"),
    [
        ("[emotion joy]", 3, False),
        ("[emotion joy] That blade's ", 3, True),
        ("[emotion joy] That is 3.", 2, False),
        ("[emotion joy] Aye. No! Well, ", 1, True),
        ("[emotion joy] Aye. No! Well. ", 0, False),
    ],
)
def test_the_rest_of_a_reply_has_a_grammar_of_its_own(passed: str, left: int, within: bool) -> None:
    request = rest(passed)
    assert request.grammar == rest_grammar((LEAVE,), small=False, max_sentences=left, within=within)
    assert (request.written, request.opening) == (passed.rstrip(), "")


def test_without_a_grammar_there_is_none_for_the_rest() -> None:
    assert rest("[emotion joy] Aye ", grammar=None).grammar is None


@pytest.mark.parametrize("passed", ["Aye. [action leave]", "One. Two. Three."])
def test_nothing_is_asked_for_when_nothing_is_left(passed: str) -> None:
    assert continued(replace(REQUEST, options=()), passed, small=False) is None


def test_nothing_has_begun_with_a_blank() -> None:
    assert continued(REQUEST, " ", small=False) == REQUEST


def test_a_small_model_gets_the_essence() -> None:
    small = simplified(REQUEST)
    assert small.messages[0] == Message("system", "You are Brynja. A smith. You are blunt.")
    assert small.messages[-1] == Message("user", "(You know: The bridge is out.)\nHow do I (quickly)\nget out?")
    assert [message.text.split()[:2] for message in small.messages[1:-1]][-2:] == [["user", "7"], ["assistant", "7"]]
    assert 4 <= len(small.messages) < 12 and len(small.messages) % 2 == 0
    assert (small.written, small.opening, small.options) == ("[neutral]", "", ())
    assert small.grammar == speech_grammar(max_sentences=3, may_act=False)


@pytest.mark.parametrize(
    ("language", "known"), [("de", "Du weißt: Die Brücke ist fort."), ("tr", "Bildiklerin: Köprü yıkıldı.")]
)
def test_a_small_model_is_told_what_is_known_in_every_language(language: str, known: str) -> None:
    now = f"(Hier. {known} Mehr.)\nWas nun?"
    request = replace(REQUEST, messages=(Message("system", "S."), Message("user", now)), language=language)
    assert simplified(request).messages[-1].text == f"({known})\nWas nun?"


def test_sentences_are_counted_by_the_rules_of_their_language() -> None:
    begun = "[emotion joy] Das ist z. B. eine Axt."
    assert rest(begun, language="de").grammar == rest_grammar((LEAVE,), small=False, max_sentences=2, within=False)


def test_a_small_model_goes_on_in_its_own_form() -> None:
    small = simplified(rest("[emotion anger strong] That blade's "))
    assert small.written == "[anger] That blade's"
    assert small.grammar == rest_grammar((), small=True, max_sentences=3, within=True)


def test_words_without_a_block_stay_as_they_are() -> None:
    request = replace(REQUEST, messages=(Message("system", "S."), Message("user", "(Hm)")))
    assert simplified(request).messages[-1].text == "(Hm)"


async def test_what_fits_is_not_touched() -> None:
    assert await fitted(REQUEST, context_tokens=8192, count=by_estimate) == REQUEST


async def test_the_oldest_goes_first_and_the_players_words_last() -> None:
    fit = await fitted(REQUEST, context_tokens=2048, count=by_estimate)
    assert fit.messages[0].text == SYSTEM and fit.messages[-1].text == NOW
    kept = [message.text.split()[1] for message in fit.messages[1:-1]]
    assert kept and kept == sorted(kept) and kept[-1] == "7" and len(kept) < 16
    tight = await fitted(REQUEST, context_tokens=512, count=by_estimate)
    assert len(tight.messages) == 2 and tight.messages[-1].text == NOW
    assert SYSTEM.startswith(tight.messages[0].text) and tight.messages[0].text.startswith("You are Brynja.")


TEXT = st.one_of(st.text(max_size=300), st.sampled_from(["word " * 4000, "剣" * 3000, "x" * 9000, "}{)(" * 2000, ""]))


@settings(max_examples=80, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=7), window=st.integers(512, 4096), written=st.text(max_size=200))
async def test_no_window_is_overrun(texts: list[str], window: int, written: str) -> None:
    roles = ["system", *("user", "assistant") * 4]
    messages = tuple(Message(role, text) for role, text in zip(roles, texts, strict=False))  # type: ignore[arg-type]
    request = Completion(messages=messages, written=written, max_tokens=5000)
    for count in (by_byte, by_estimate):
        for one in (request, simplified(request)):
            fit = await fitted(one, context_tokens=window, count=count)
            sizes = await count([*(message.text for message in fit.messages), fit.written])
            assert sum(sizes) + PER_MESSAGE * len(fit.messages) + fit.max_tokens <= window
