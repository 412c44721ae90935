"""Several pushes under way at a time, and each answer as soon as it is there."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final

from delivery.errors import SendFailure
from delivery.transports.contract import Outgoing, Result, unforeseen

Answer = str | SendFailure
#: Starts one push. What goes wrong is its answer; should it raise, or its future fail, that is this push's fault alone.
Begin = Callable[[Outgoing], Future[Answer]]

_MOMENT_SECONDS: Final = 0.1


def results(chunk: Iterable[Outgoing], begin: Begin, *, at_once: int) -> Iterator[Result | None]:
    """Yield the answers in the order of their arrival; `at_once` pushes at most are under way.

    None after each moment in which none came (delivery/transports/contract.py).

    When the caller stops asking, nothing more is begun, and what has not left is cancelled.
    """
    waiting = iter(chunk)
    under_way: dict[Future[Answer], Outgoing] = {}
    answered: SimpleQueue[Future[Answer]] = SimpleQueue()
    try:
        while True:
            for outgoing in islice(waiting, at_once - len(under_way)):
                future = _begun(begin, outgoing)
                under_way[future] = outgoing
                future.add_done_callback(answered.put)
            if not under_way:
                return
            try:
                future = answered.get(timeout=_MOMENT_SECONDS)
            except Empty:
                yield None
            else:
                yield Result(under_way.pop(future), _answer(future))
    finally:
        for future in under_way:
            future.cancel()


def _begun(begin: Begin, outgoing: Outgoing) -> Future[Answer]:
    try:
        return begin(outgoing)
    except Exception as error:  # those under way must not lose their answers by it
        return answered(unforeseen(error))


def _answer(future: Future[Answer]) -> Answer:
    try:
        return future.result()
    except Exception as error:  # as above
        return unforeseen(error)


def answered(answer: Answer) -> Future[Answer]:
    """Return a push whose answer is known before it has left."""
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future
