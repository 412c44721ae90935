"""Several pushes under way at a time, and each answer as soon as it is there."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue

from delivery.errors import SendFailure
from delivery.transports.contract import Outgoing, Result

Answer = str | SendFailure
#: Starts one push. The future never fails: what goes wrong is its answer.
Begin = Callable[[Outgoing], Future[Answer]]


def results(chunk: Iterable[Outgoing], begin: Begin, *, at_once: int) -> Iterator[Result]:
    """Yield the answers in the order of their arrival; `at_once` pushes at most are under way.

    When the caller stops asking, nothing more is begun, and what has not left is cancelled.
    """
    waiting = iter(chunk)
    under_way: dict[Future[Answer], Outgoing] = {}
    answered: SimpleQueue[Future[Answer]] = SimpleQueue()
    try:
        while True:
            for outgoing in islice(waiting, at_once - len(under_way)):
                future = begin(outgoing)
                under_way[future] = outgoing
                future.add_done_callback(answered.put)
            if not under_way:
                return
            future = answered.get()
            yield Result(under_way.pop(future), future.result())
    finally:
        for future in under_way:
            future.cancel()


def answered(answer: Answer) -> Future[Answer]:
    """Return a push whose answer is known before it has left."""
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future
