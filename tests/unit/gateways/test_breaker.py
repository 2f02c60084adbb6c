"""The circuit breaker: opens after failures in a row, rests, lets one call through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homecall.gateways.breaker import Breaker

REST = 10.0


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def broken(time: Time, failures: int = 3) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(failures=failures, rest_seconds=REST, clock=time)
    for _ in range(failures):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_opens_only_after_failures_in_a_row() -> None:
    breaker = Breaker(failures=3, rest_seconds=REST, clock=Time())
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.admits()


def test_rests_and_then_lets_one_call_through() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds = REST - 0.1
    assert not breaker.admits()
    time.seconds = REST
    assert breaker.admits()
    assert not breaker.admits(), "a second call was let through beside the first"


def test_a_call_let_through_that_succeeds_closes_it() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds = REST
    breaker.admits()
    breaker.succeeded()
    assert [breaker.admits() for _ in range(3)] == [True, True, True]
    breaker.failed()
    assert breaker.admits(), "failures from before it opened still counted"


def test_a_call_let_through_that_fails_opens_it_for_another_rest() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds = REST
    breaker.admits()
    breaker.failed()
    time.seconds = 2 * REST - 0.1
    assert not breaker.admits()
    time.seconds = 2 * REST
    assert breaker.admits()


def test_a_call_let_through_that_is_given_up_makes_room_for_the_next() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds = REST
    breaker.admits()
    breaker.dropped()
    assert breaker.admits()


def test_failures_of_calls_from_before_it_opened_do_not_make_the_rest_longer() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds = REST - 1
    breaker.failed()
    time.seconds = REST
    assert breaker.admits()


@given(
    st.lists(st.sampled_from(["succeeded", "failed", "dropped"]), max_size=30),
    st.integers(min_value=1, max_value=5),
)
def test_it_never_stays_open_for_ever(outcomes: list[str], limit: int) -> None:
    """Whatever became of the calls, one rest later a call is admitted, and its success closes it."""
    time = Time()
    breaker = Breaker(failures=limit, rest_seconds=REST, clock=time)
    for outcome in outcomes:
        time.seconds += 1
        if breaker.admits():
            getattr(breaker, outcome)()
    time.seconds += REST
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()


@given(st.integers(min_value=1, max_value=5), st.integers(min_value=1, max_value=50))
def test_a_gateway_that_is_down_gets_one_call_a_rest(limit: int, rests: int) -> None:
    time = Time()
    breaker = broken(time, limit)
    calls = 0
    for _ in range(rests * 10):
        time.seconds += REST / 10
        if breaker.admits():
            calls += 1
            breaker.failed()
    # The sum of tenths may fall short of a whole rest by a rounding: the call then comes a tenth later.
    assert rests * 10 // 11 <= calls <= rests
