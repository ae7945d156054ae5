"""Wherever the models of a chain fail, what is passed on is the one reply that all of them would have written."""

from collections.abc import Callable, Sequence

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit._scripted_models import Clock, Script, Writer, is_a_model, told

from npc_runtime.breaker import Breaker
from npc_runtime.errors import EngineError, ServiceError
from npc_runtime.llm.backend import Completion, Message
from npc_runtime.llm.chain import ModelChain
from npc_runtime.llm.grammar import OPENING
from npc_runtime.llm.member import Member
from npc_runtime.llm.parser import ParserEvent, ReplyParser

REPLIES = (
    "[emotion anger strong] That blade's a disgrace. Leave it here, it is 3.50 crowns! "
    "[action repair_item item=iron_sword price=40]",
    "[emotion joy] Good day to you... (smiles) What d'you *want*? [emotion sadness weak] My brother is gone.",
    '[emotion neutral] He said: "Go!"  So I went.\nAye, at 5 < 6. [action tell what="a ] of b"]',
    "[emotion joy] Kılıcın burada. 剣を直します。はい、どうぞ。",
)
FAILURES = (ServiceError("It is silent.", failing="timeout"), EngineError("It crashed."), ServiceError("Busy."))


def parsed(text: str) -> list[ParserEvent]:
    parser = ReplyParser(speaker="Brynja")
    return [*parser.feed(text), *parser.close()]


def exact(reply: str, cuts: Sequence[int], length: int | None, failure: Exception) -> Callable[[Completion], Script]:
    """Goes on with the reply exactly behind what is written, in pieces, and fails after so many characters."""

    def write(request: Completion) -> Script:
        rest = reply[len(request.written) :] if request.written else reply
        assert reply.startswith(request.written), "it was given what nobody wrote"
        ends = sorted({cut for cut in cuts if cut < len(rest)} | {len(rest)})
        whole = rest if length is None else rest[:length]
        pieces = [whole[start:end] for start, end in zip([0, *ends], ends, strict=False) if whole[start:end]]
        return pieces if length is None else [*pieces, failure]

    return write


@pytest.mark.parametrize("reply", REPLIES)
@settings(max_examples=60, deadline=None)
@given(
    failing=st.lists(st.tuples(st.integers(0, 130), st.sampled_from(FAILURES)), max_size=4),
    cuts=st.lists(st.integers(1, 130), max_size=12),
)
def test_it_is_one_reply_wherever_they_fail(reply: str, failing: list[tuple[int, Exception]], cuts: list[int]) -> None:
    writers = [Writer(f"m{n}", write=exact(reply, cuts, length, how)) for n, (length, how) in enumerate(failing)]
    writers.append(Writer("last", write=exact(reply, cuts, None, FAILURES[0])))
    chain = ModelChain([Member(is_a_model(writer), Breaker(Clock())) for writer in writers])
    request = Completion(messages=(Message("user", "Hm?"),), opening=OPENING, max_sentences=9, max_tokens=400)
    text, finish = anyio.run(told, chain, request)
    assert finish is not None and finish.complete
    assert parsed(text) == parsed(reply)
