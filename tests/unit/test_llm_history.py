"""What a character is told of the talk so far stays bounded, and its beginning stays the same for many turns."""

from itertools import pairwise

from npc_runtime.llm.history import History
from npc_runtime.llm.prompt import Exchange, estimated_tokens


def test_the_beginning_changes_seldom_and_the_newest_is_always_there() -> None:
    history = History(480)
    beginnings = []
    for number in range(200):
        history.add(Exchange(f"Question number {number}?", "An answer of some ten words, as they usually are here."))
        beginnings.append(next(iter(history)))
        assert list(history)[-1].player == f"Question number {number}?"
        assert sum(estimated_tokens(one.player + one.reply) for one in history) <= 480
    changes = sum(one != other for one, other in pairwise(beginnings))
    assert changes < 200 / 4


def test_one_endless_exchange_is_kept_alone() -> None:
    history = History(100)
    history.add(Exchange("Hello.", "Aye."))
    history.add(Exchange("word " * 1000, "Aye."))
    assert [one.reply for one in history] == ["Aye."]
