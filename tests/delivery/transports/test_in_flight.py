"""Several pushes at a time: what breaks one costs no other its answer."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from delivery.errors import TransientFailure
from delivery.transports import in_flight
from delivery.transports.contract import Outgoing
from delivery.transports.in_flight import Answer
from preferences.push_tokens import Platform
from tests.delivery.transports.pushes import push


def begin(outgoing: Outgoing) -> Future[Answer]:
    """Break by the token's words, or take it."""
    assert outgoing.device is not None
    if outgoing.device.token == "breaks at once":
        raise KeyError("title")
    future: Future[Answer] = Future()
    if outgoing.device.token == "breaks later":
        future.set_exception(ValueError("a body"))
    else:
        future.set_result("taken")
    return future


def answers(*tokens: str) -> list[Answer]:
    chunk = [push(Platform.IOS, token) for token in tokens]
    found = {id(result.outgoing): result.answer for result in in_flight.results(chunk, begin, at_once=2) if result}
    return [found[id(outgoing)] for outgoing in chunk]


@pytest.mark.parametrize(("fault", "code"), [("breaks at once", "KeyError"), ("breaks later", "ValueError")])
def test_a_push_that_breaks_is_tried_again_by_itself_and_the_others_have_their_answers(fault: str, code: str, caplog):
    first, broken, last = answers("fine", fault, "fine")
    assert (first, last) == ("taken", "taken")
    assert isinstance(broken, TransientFailure)
    assert broken.code == code
    assert "sending broke" in caplog.messages


def test_a_chunk_that_ends_early_is_begun_no_further_and_answered_as_far_as_it_went():
    def two() -> Iterator[Outgoing]:
        yield push(Platform.IOS)
        yield push(Platform.IOS)

    assert [result and result.answer for result in in_flight.results(two(), begin, at_once=32)] == ["taken", "taken"]


def test_who_stops_asking_has_nothing_more_begun() -> None:
    waiting: list[Future[Answer]] = []

    def hold(_: Outgoing) -> Future[Answer]:
        waiting.append(Future())
        if len(waiting) == 1:
            waiting[0].set_result("taken")
        return waiting[-1]

    results = in_flight.results([push(Platform.IOS) for _ in range(9)], hold, at_once=3)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(waiting) == 3
    assert [future.cancelled() for future in waiting] == [False, True, True]


def test_while_no_answer_comes_the_caller_has_a_turn_each_moment() -> None:
    future: Future[Answer] = Future()
    results = in_flight.results([push(Platform.IOS)], lambda _: future, at_once=2)
    assert [next(results), next(results)] == [None, None]
    future.set_result("taken")
    assert [result.answer for result in results if result] == ["taken"]
