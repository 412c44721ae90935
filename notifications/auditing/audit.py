"""Is every accepted event accounted for? (spec §8: decided = sent + suppressed + held + failed + pending)

An audit has four stages. From the ledger outwards: is every recipient decided, and every decision carried out? From
the inboxes and the deliveries inwards: is there a row too many? And of what waits: does anything move it on? Each
stage goes in small steps that hold no lock, beside live traffic, in memory that does not grow with what there is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from notifications.auditing import doubles, ledger, outbox, removals, repairs
from notifications.auditing.findings import Account
from notifications.auditing.window import Window, portions

#: Recipients of one step through the ledger; one event of 10,000 is a step of its own.
STEP: Final = 5_000


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a stage: how far it went, in what the stage counts, and what it came to."""

    done: int
    account: Account


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the audit, which goes on as its steps are taken."""

    counts: str  # what its progress is measured in
    total: int | None  # about how many of them; None: nobody knows
    steps: Iterator[Progress]


def stages(window: Window, *, repair: bool, step: int = STEP) -> list[Stage]:
    """Return the stages, to be taken in this order: a repair of one leaves the next something to find."""
    return [
        Stage("events", window.events, _ledger(window, repair=repair, step=step)),
        Stage("notifications", None, _doubles(doubles.walk_inbox(window), repair=repair)),
        Stage("deliveries", None, _doubles(doubles.walk_outbox(window), repair=repair)),
        Stage("waiting", None, _waiting(repair=repair, step=step)),
    ]


def _ledger(window: Window, *, repair: bool, step: int) -> Iterator[Progress]:
    for ledger_ids in portions(window, size=step):
        account = ledger.look_twice(ledger_ids)
        if repair and account.found:
            account = repairs.mend_events(ledger_ids)
        yield Progress(len(ledger_ids), account)


def _doubles(walk: Iterator[doubles.Step], *, repair: bool) -> Iterator[Progress]:
    for step in walk:
        left = removals.remove(step.doubled) if repair else step.doubled
        yield Progress(
            step.rows,
            Account(
                found=[*(stray.finding for stray in step.doubled), *step.against],
                left=[*(stray.finding for stray in left), *step.against],
            ),
        )


def _waiting(*, repair: bool, step: int) -> Iterator[Progress]:
    is_clean = True
    for found in outbox.find(limit=step):
        is_clean = False
        yield Progress(len(found), Account(found=found, left=() if repair else found))
    if repair and not is_clean:
        outbox.move_on()
        for left in outbox.find(limit=step):
            yield Progress(0, Account(left=left))
