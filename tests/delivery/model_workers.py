"""Workers that stand still whenever they ask a provider, until the test says what it answers or that they are dead.

Each is a thread, of which one at a time runs, all on the test's own connection: so every interleaving that is asked
for happens exactly so, again and again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, NoReturn

from django.db import connection, connections
from django.utils import timezone

from delivery import attempts, shutdown
from delivery.errors import DeadToken, PermanentFailure, ProviderDown, SendFailure, Throttled, TransientFailure
from delivery.transports.contract import Outgoing, Result
from preferences.catalog import Channel

#: How many are sent at a time, as by the real transports: one mail, several pushes.
AT_ONCE: Final = {Channel.EMAIL: 1, Channel.PUSH: 2}

#: Whom something goes to: the delivery's id, and the device's or "".
Address = tuple[int, str]


class Answer(StrEnum):
    """What a provider may do when it is asked."""

    TAKEN = "taken"
    REFUSED = "refused"
    GONE = "gone"  # the device; a mail is just refused
    FAILED = "failed"  # this one, this time
    THROTTLED = "throttled"
    AWAY = "away"
    UNHEARD = "unheard"  # it took it, and its answer was lost


#: Those after which the provider has it.
HAS_IT: Final = frozenset({Answer.TAKEN, Answer.UNHEARD})

_WORDS: Final[dict[Answer, Callable[[], SendFailure]]] = {
    Answer.REFUSED: lambda: PermanentFailure("Refused"),
    Answer.GONE: lambda: DeadToken("Unregistered"),
    Answer.FAILED: lambda: TransientFailure("Failed"),
    Answer.THROTTLED: lambda: Throttled("Throttled", retry_after=timedelta(seconds=30)),
    Answer.AWAY: lambda: ProviderDown("Away"),
    Answer.UNHEARD: lambda: ProviderDown("Unheard", retry_after=timedelta(minutes=1)),
}


def address_of(outgoing: Outgoing) -> Address:
    """Return where it goes."""
    return outgoing.delivery.id, outgoing.device.device_id if outgoing.device else ""


class Killed(BaseException):
    """The process is no more."""


class Worker:
    """One task in one process; also the transport by which it sends."""

    def __init__(self, channel: Channel, ids: Collection[int]) -> None:
        self.channel = channel
        self.ids = list(ids)
        self.under_way: list[Outgoing] = []
        self.answers: list[tuple[Outgoing, Answer]] = []
        self.allowed: set[int] = set()  # what it may send, when it looked
        self.lease_ends = timezone.now()
        self.is_overdue = False  # it holds what it has claimed for longer than its lease
        self.is_stopping = False  # it was asked to
        self._depth = len(connection.savepoint_ids)  # of the test's own transactions
        self._orders: SimpleQueue[tuple[Outgoing, str | SendFailure] | None] = SimpleQueue()
        self._turns: SimpleQueue[BaseException | None] = SimpleQueue()  # those of the thread that are over
        self._thread = Thread(target=self._run, args=(connections["default"],), daemon=True)

    @property
    def is_busy(self) -> bool:
        """Whether it waits for a provider."""
        return bool(self.under_way)

    def start(self) -> None:
        """Let it work until it asks a provider, or has ended."""
        self._turn(self._thread.start)

    def hear(self, outgoing: Outgoing, answer: Answer, message_id: str) -> None:
        """Let the provider answer, and the worker go on."""
        self.under_way.remove(outgoing)
        self.answers.append((outgoing, answer))
        words = _WORDS[answer]() if answer in _WORDS else message_id
        self._turn(lambda: self._orders.put((outgoing, words)))

    def kill(self) -> None:
        """End the process, whatever is under way: nothing of what it does in its last breath reaches the database."""
        with connection.execute_wrapper(_nobody_hears):
            self._turn(lambda: self._orders.put(None))

    def _turn(self, begin: Callable[[], object]) -> None:
        """Let the thread run until it stands still again. Raises what it raised."""
        if self.is_stopping:
            shutdown.begin()
        begin()
        error = self._turns.get()
        shutdown._asked.clear()
        if error is not None and not isinstance(error, Killed):
            raise error

    # --- In the thread ---

    def _run(self, shared: Any) -> None:
        connections["default"] = shared
        error: BaseException | None = None
        try:
            attempts.attempt(self.channel, self.ids, lambda: self)
        except BaseException as raised:
            error = raised
        self._turns.put(error)

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result]:
        """Send each; see delivery.transports.contract."""
        waiting = iter(chunk)
        while True:
            self.under_way += islice(waiting, AT_ONCE[self.channel] - len(self.under_way))
            if not self.under_way:
                return
            assert len(connection.savepoint_ids) == self._depth, "a transaction is open while a provider is asked"
            self._turns.put(None)
            order = self._orders.get()
            if order is None:
                raise Killed
            yield Result(*order)


def _nobody_hears(*_: Any) -> NoReturn:
    raise Killed
