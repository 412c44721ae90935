import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from queue import Empty, SimpleQueue

import pytest
from django.db import OperationalError

from delivery import dispatch, gathering
from delivery.dispatch import CHUNK, Due
from delivery.gathering import Gathering
from devstack.waiting import wait_until
from preferences.catalog import Channel

PATIENCE = 10  # seconds


class Calls:
    """What workers were called for; `fail` lets the next call break."""

    def __init__(self) -> None:
        self.made: SimpleQueue[list[int]] = SimpleQueue()
        self.fail: Exception | None = None

    def __call__(self, ids) -> None:
        failure, self.fail = self.fail, None
        if failure:
            raise failure
        self.made.put(list(ids))

    def next(self) -> list[int]:
        return self.made.get(timeout=PATIENCE)


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def gather(calls: Calls, monkeypatch) -> Iterator[Callable[[timedelta], Gathering]]:
    """Starts a gathering of chunks of ten, with so much time between two calls."""
    started = []

    def start(moment: timedelta) -> Gathering:
        monkeypatch.setattr(gathering, "MOMENT", moment)
        started.append(Gathering(calls, name="calls", chunk=10))
        return started[-1]

    yield start
    for one in started:
        one.close()


NEVER, SOON = timedelta(hours=1), timedelta(milliseconds=20)


def test_the_first_call_after_a_quiet_moment_goes_out_at_once(gather, calls):
    gather(NEVER).add([1])
    assert calls.next() == [1]


def test_what_follows_closely_goes_out_together_when_the_moment_is_over(gather, calls):
    gathered = gather(timedelta(seconds=1))
    gathered.add([1])
    assert calls.next() == [1]
    for number in (2, 3, 4):
        gathered.add([number])
    assert calls.next() == [2, 3, 4]


def test_a_full_call_does_not_wait_and_its_rest_waits_for_company(gather, calls):
    gathered = gather(NEVER)
    gathered.add([0])
    assert calls.next() == [0]
    gathered.add(range(1, 26))
    assert calls.next() == list(range(1, 21))
    with pytest.raises(Empty):
        calls.made.get_nowait()
    gathered.add(range(26, 31))
    assert calls.next() == list(range(21, 31))


def test_at_the_end_all_that_waits_goes_out(gather, calls):
    gathered = gather(NEVER)
    gathered.add([1])
    assert calls.next() == [1]
    gathered.add([2])
    gathered.close()
    assert calls.made.get_nowait() == [2]


@pytest.mark.parametrize("error", [OperationalError("PostgreSQL is away"), KeyError("a fault of ours")])
def test_a_call_that_breaks_keeps_no_other_from_going_out(gather, calls, error, caplog):
    gathered = gather(SOON)
    calls.fail = error
    gathered.add([1])
    assert wait_until(lambda: "calls lost" in caplog.messages, seconds=PATIENCE)
    gathered.add([2])
    assert calls.next() == [2]


def test_nothing_is_lost_when_many_threads_add_at_once(gather, calls):
    gathered = gather(SOON)
    threads = [threading.Thread(target=gathered.add, args=[[number]]) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gathered.close()
    made = [calls.made.get() for _ in range(calls.made.qsize())]
    assert sorted(id_ for ids in made for id_ in ids) == list(range(200))


# --- In a process that gathers -----------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, list[int]]]:
    """The tasks that SQS took, as channel and ids."""
    tasks: list[tuple[str, list[int]]] = []
    monkeypatch.setattr("celery.app.base.Celery.send_task", lambda _, name, call, **__: tasks.append(tuple(call)))
    return tasks


def test_calls_of_many_batches_become_few_tasks_each_of_one_channel(sent, monkeypatch):
    monkeypatch.setattr(gathering, "MOMENT", NEVER)
    with dispatch.gathered_calls():
        for number in range(1, 2 * CHUNK + 1):
            dispatch.wake([Due(number, Channel.PUSH), Due(-number, Channel.EMAIL)])
    assert len(sent) <= 2 * 4  # each channel's first, two of fifty at most, and the rest
    assert sorted(id_ for channel, ids in sent if channel == "push" for id_ in ids) == list(range(1, 2 * CHUNK + 1))
    assert all((id_ > 0) == (channel == "push") for channel, ids in sent for id_ in ids)


def test_a_process_that_does_not_gather_calls_at_once(sent):
    with dispatch.gathered_calls():
        pass
    dispatch.wake([Due(1, Channel.PUSH)])
    assert sent == [("push", [1])]
