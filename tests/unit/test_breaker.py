"""The circuit breaker: when something that fails is left alone, for how long, and who tries it first."""

import math

import pytest
from tests.unit._scripted_models import Clock

from npc_runtime.breaker import LONGEST_REST_S, LONGEST_WAIT_S, Breaker
from npc_runtime.errors import EngineError, Failing, ServiceError

CRASH = EngineError("It crashed.")


def opened(clock: Clock, error: Exception = CRASH, times: int = 2) -> Breaker:
    breaker = Breaker(clock, first_rest=5)
    for _ in range(times):
        breaker.enter()
        breaker.failed(error)
    return breaker


def test_one_failure_is_forgiven_and_a_success_is_a_new_beginning() -> None:
    breaker = opened(Clock(), times=1)
    assert breaker.state == "closed"
    breaker.succeeded()
    breaker.failed(CRASH)
    assert breaker.allows()


def test_several_in_a_row_open_it_for_a_while() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert (breaker.state, breaker.allows(), breaker.wait) == ("open", False, 5)
    clock.at += 5
    assert (breaker.state, breaker.allows(), breaker.wait) == ("half-open", True, 0)


def test_only_one_tries_whether_it_works_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.at += 5
    breaker.enter()
    assert not breaker.allows()
    breaker.left()
    assert breaker.allows()
    breaker.enter()
    breaker.succeeded()
    assert (breaker.state, breaker.allows()) == ("closed", True)


def test_the_rest_doubles_up_to_a_bound_and_begins_anew() -> None:
    clock = Clock()
    breaker = opened(clock)
    rests = []
    for _ in range(9):
        rests.append(breaker.wait)
        clock.at += breaker.wait
        breaker.enter()
        breaker.failed(CRASH)
    assert rests == [5, 10, 20, 40, 80, 160, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]
    breaker.succeeded()
    assert opened(clock).wait == 5


def test_answers_begun_before_it_opened_do_not_prolong_it() -> None:
    breaker = opened(Clock(), times=6)
    assert breaker.wait == 5


@pytest.mark.parametrize(("failing", "rest"), [("key", LONGEST_REST_S), ("request", 5), ("limit", 5)])
def test_what_would_fail_again_opens_it_at_once(failing: Failing, rest: float) -> None:
    assert opened(Clock(), ServiceError("No.", failing=failing), times=1).wait == rest


@pytest.mark.parametrize("failing", ["prompt", "connect", "timeout", "server", "broken"])
def test_what_may_pass_does_not(failing: Failing) -> None:
    assert opened(Clock(), ServiceError("No.", failing=failing), times=1).state == "closed"


@pytest.mark.parametrize(
    ("said", "wait"), [(30.0, 30), (2.0, 5), (1e12, LONGEST_WAIT_S), (-4.0, 0), (math.nan, 0), (math.inf, 0)]
)
def test_a_service_is_obeyed_within_reason(said: float, wait: float) -> None:
    assert opened(Clock(), ServiceError("Busy.", retry_after=said), times=1).wait == wait
