"""The product's side of `benchmarks.outbound`: sends and collects, and prints the costs as JSON.

A program of its own, so that the harness needs no Django: `python -m benchmarks.outbound_work pushes 1000 5`.
"""

import json
import os
import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final, TypeVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from benchmarks import cpu  # noqa: E402
from benchmarks.costs import Stopwatch  # noqa: E402
from benchmarks.outbound_rows import backend_pid, give_phones, make_deliveries, make_people  # noqa: E402
from delivery import attempts, digests, dispatch  # noqa: E402
from delivery.dispatch import CHUNK  # noqa: E402
from delivery.models import DIGEST, Delivery, State  # noqa: E402
from delivery.recheck import recheck  # noqa: E402
from delivery.transports.apns import ApnsTransport  # noqa: E402
from delivery.transports.contract import Transport  # noqa: E402
from delivery.transports.email import SesTransport  # noqa: E402
from delivery.transports.fcm import FcmTransport  # noqa: E402
from delivery.transports.push import PushTransport  # noqa: E402
from preferences.catalog import Channel  # noqa: E402
from preferences.push_tokens import Platform  # noqa: E402

_ITEMS: Final = 3  # held for each user

#: The platforms of the phones, and what reaches these alone.
_PUSHES: Final[Mapping[str, tuple[Sequence[Platform], Callable[[], Transport]]]] = {
    "apns": ([Platform.IOS], ApnsTransport),
    "fcm": ([Platform.ANDROID], FcmTransport),
    "push": ([Platform.IOS, Platform.ANDROID], PushTransport),
}

Each = TypeVar("Each")
#: By what is measured.
Stopwatches = Mapping[str, Stopwatch]


def mails(stopwatches: Stopwatches, count: int) -> None:
    """Send so many mails by the transport alone, and again on the whole way of a worker."""
    make_people(count)
    _send(stopwatches["mail_transport"], make_deliveries(count, channel=Channel.EMAIL), Channel.EMAIL, SesTransport)
    _attempt(stopwatches["mail_worker"], make_deliveries(count, channel=Channel.EMAIL), Channel.EMAIL, SesTransport)


def pushes(stopwatches: Stopwatches, count: int) -> None:
    """Do the same with pushes: to phones of each kind, and to both mixed."""
    make_people(count)
    for name, (platforms, transport) in _PUSHES.items():
        give_phones(count, platforms)
        _send(stopwatches[f"{name}_transport"], make_deliveries(count, channel=Channel.PUSH), Channel.PUSH, transport)
        _attempt(
            stopwatches[f"{name}_worker"], make_deliveries(count, channel=Channel.PUSH), Channel.PUSH, PushTransport
        )


def digest_run(stopwatches: Stopwatches, users: int) -> None:
    """Make a digest for each of so many users with held items: with the calls of workers, and without."""
    make_people(users, preferences={"email_digest": "daily"})
    wake = dispatch.wake
    for name, wake_workers in (("digest", _call_nobody), ("digest_and_wake", wake)):
        make_deliveries(users, channel=Channel.EMAIL, state=State.HELD, each=_ITEMS)
        dispatch.wake = wake_workers
        with stopwatches[name].running():
            digests.collect()
        _expect(users, Delivery.objects.filter(type=DIGEST).count(), "digests")
    dispatch.wake = wake


#: Each does one round of so many.
_WORK: Final[Mapping[str, Callable[[Stopwatches, int], None]]] = {
    "mails": mails,
    "pushes": pushes,
    "digests": digest_run,
}


def _send(stopwatch: Stopwatch, ids: Sequence[int], channel: Channel, transport: Callable[[], Transport]) -> None:
    """Send what recheck has made ready, chunk by chunk, as a worker would."""
    ready = recheck(channel, list(Delivery.objects.filter(id__in=ids))).ready
    with stopwatch.running():
        results = [result for chunk in _chunks(ready) for result in transport().send(chunk) if result is not None]
    _expect(len(ids), sum(isinstance(result.answer, str) for result in results), "accepted")


def _attempt(stopwatch: Stopwatch, ids: Sequence[int], channel: Channel, transport: Callable[[], Transport]) -> None:
    with stopwatch.running():
        for chunk in _chunks(ids):
            attempts.attempt(channel, chunk, transport)
    _expect(len(ids), Delivery.objects.filter(id__in=ids, state=State.SENT).count(), "sent")


def _chunks(everything: Sequence[Each]) -> Iterator[Sequence[Each]]:
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


def _call_nobody(due: object) -> None:
    """In place of dispatch.wake."""


def _expect(wanted: int, found: int, what: str) -> None:
    """Raise RuntimeError when a round did less than its cost would say."""
    if found != wanted:
        raise RuntimeError(f"{found} of {wanted} {what}")


def main(what: str, count: int, rounds: int) -> None:
    """Print the rounds by name, and the memory of this process at its largest (MiB)."""
    work = _WORK[what]
    new_stopwatch = partial(Stopwatch, partial(cpu.seconds, backend_pid()))
    work(defaultdict(new_stopwatch), CHUNK)  # connects, and is not counted
    stopwatches: Stopwatches = defaultdict(new_stopwatch)
    for _ in range(rounds):
        work(stopwatches, count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    taken = {name: [asdict(one) for one in stopwatch.rounds] for name, stopwatch in stopwatches.items()}
    json.dump({"rounds": taken, "memory_mib": memory}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
