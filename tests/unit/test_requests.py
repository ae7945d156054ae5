"""Requests: whatever the game answers, every action that has left for it ends exactly once."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from npc_runtime.actions.requests import (
    CONFIRM_SECONDS,
    MOST_OPEN,
    SILENT_SECONDS,
    Ended,
    Outcome,
    Requests,
    Status,
)
from npc_runtime.errors import InputError
from npc_runtime.events import Action

STATES = ("done", "failed", "refused", "timed_out")
PATIENCE = 5.0


def action(id: str, *, needs_result: bool = False, needs_confirm: bool = False) -> Action:
    return Action(turn=1, id=id, name="mend", args={}, needs_result=needs_result, needs_confirm=needs_confirm)


def asked(*actions: Action, now: float = 0.0) -> Requests:
    requests = Requests()
    for one in actions:
        assert requests.left(one, PATIENCE, now) == ()
    return requests


def refused(requests: Requests, id: str) -> str:
    with pytest.raises(InputError) as error:
        requests.told(id, Outcome("done"))
    return error.value.code


@pytest.mark.parametrize(
    ("needs_result", "needs_confirm", "seconds", "status"),
    [
        (True, False, PATIENCE, "timed_out"),
        (False, False, SILENT_SECONDS, "done"),
        (False, True, CONFIRM_SECONDS, "timed_out"),
        (True, True, CONFIRM_SECONDS, "timed_out"),
    ],
)
def test_what_nobody_answers_ends_by_itself(
    needs_result: bool, needs_confirm: bool, seconds: float, status: Status
) -> None:
    requests = asked(action("a", needs_result=needs_result, needs_confirm=needs_confirm), now=100.0)
    assert requests.due == 100.0 + seconds
    assert requests.expired(99.9 + seconds) == ()
    [ended] = requests.expired(100.0 + seconds)
    assert ended.outcome.status == status and bool(ended.outcome.reason) == (status == "timed_out")
    assert requests.due is None and requests.expired(1e9) == ()


def test_consent_starts_the_time_again() -> None:
    requests = asked(action("a", needs_result=True, needs_confirm=True))
    run = requests.confirmed("a", allow=True, now=50.0)
    assert run == action("a", needs_result=True)
    assert requests.due == 50.0 + PATIENCE
    [ended] = requests.expired(55.0)
    assert ended == Ended(action("a", needs_result=True), Outcome("timed_out", reason="the game did not answer"))


def test_what_is_over_is_told_from_what_never_was() -> None:
    requests = asked(action("a"))
    requests.told("a", Outcome("failed"))
    assert refused(requests, "a") == "action_over"
    assert refused(requests, "b") == "unknown_action"


def test_too_many_actions_end_the_oldest() -> None:
    requests = asked(action("0", needs_result=True), *(action(str(number)) for number in range(1, MOST_OPEN)))
    [first] = requests.left(action("x"), PATIENCE, 0)
    [second] = requests.left(action("y"), PATIENCE, 0)
    assert (first.action.id, first.outcome.status) == ("0", "timed_out")
    assert (second.action.id, second.outcome.status) == ("1", "done")  # nobody needed to know how it went
    assert refused(requests, "0") == "action_over"


def test_what_the_game_says_is_bounded() -> None:
    told = Outcome.told("failed", "it\n broke" + "!" * 1000, "")
    assert told.message.startswith("it broke!") and len(told.message) == 400
    assert told.result is None


class Games(RuleBasedStateMachine):
    """Any game: it answers anything at any time, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = Requests()
        self.now = 0.0
        self.open: dict[str, Action] = {}
        """What has left and not ended, as the game was told of it last."""
        self.ended: dict[str, Outcome] = {}
        self.count = 0

    ids = Bundle("ids")

    @rule(target=ids, needs_result=st.booleans(), needs_confirm=st.booleans(), patience=st.floats(0.1, 100))
    def leave(self, needs_result: bool, needs_confirm: bool, patience: float) -> str:
        self.count += 1
        one = action(str(self.count), needs_result=needs_result, needs_confirm=needs_confirm)
        self.open[one.id] = one
        self.end(*self.requests.left(one, patience, self.now))
        return one.id

    @rule(target=ids, id=st.text(max_size=3))
    def invent(self, id: str) -> str:
        return id

    @rule(id=ids, status=st.sampled_from(STATES[:3]))
    def answer(self, id: str, status: Status) -> None:
        if id in self.open:
            self.end(self.requests.told(id, Outcome.told(status, None, None)))
            assert self.ended[id].status == status
        else:
            assert refused(self.requests, id) == ("action_over" if id in self.ended else "unknown_action")

    @rule(id=ids, allow=st.booleans())
    def confirm(self, id: str, allow: bool) -> None:
        if id not in self.open or not self.open[id].needs_confirm:
            with pytest.raises(InputError):
                self.requests.confirmed(id, allow, self.now)
            return
        answer = self.requests.confirmed(id, allow, self.now)
        if isinstance(answer, Ended):
            assert not allow and answer.outcome.status == "refused"
            self.end(answer)
        else:
            assert allow and answer.id == id and not answer.needs_confirm
            self.open[id] = answer

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.end(*self.requests.expired(self.now))
        assert self.requests.due is None or self.requests.due > self.now

    @rule(id=consumes(ids))
    def forget(self, id: str) -> None:
        """The game forgets an action: nobody answers it any more."""

    @rule()
    def leave_the_game(self) -> None:
        self.end(*self.requests.abandon())
        assert not self.open and self.requests.due is None

    @invariant()
    def bounded(self) -> None:
        assert len(self.open) <= MOST_OPEN

    def end(self, *ended: Ended) -> None:
        for one in ended:
            assert self.open.pop(one.action.id) == one.action, "it was under way, and no other"
            assert one.action.id not in self.ended, "it has ended before"
            assert one.outcome.status in STATES
            self.ended[one.action.id] = one.outcome

    def teardown(self) -> None:
        self.leave_the_game()
        assert len(self.ended) == self.count


TestGames = Games.TestCase
TestGames.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
