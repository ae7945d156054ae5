"""The commit gate: nothing has an effect before it is opened."""

from npc_runtime import events
from npc_runtime.outbox import Outbox


def notice(code: str) -> events.Notice:
    return events.Notice(code=code, message="")


def test_nothing_leaves_before_the_commit_and_everything_in_order_after() -> None:
    left: list[str] = []
    outbox = Outbox(lambda event: left.append(getattr(event, "code", "")))
    outbox.put(notice("one"))
    outbox.then(lambda: left.append("effect"))
    outbox.put(notice("two"))
    assert left == []
    assert not outbox.open
    outbox.commit()
    outbox.put(notice("three"))
    assert left == ["one", "effect", "two", "three"]
    assert outbox.open


def test_what_is_taken_back_never_happened() -> None:
    left: list[events.Event] = []
    outbox = Outbox(left.append)
    outbox.put(notice("one"))
    outbox.discard()
    outbox.put(notice("two"))
    outbox.commit()
    assert left == []
