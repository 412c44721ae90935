"""What an audit may find, and how it keeps count."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from delivery.models import State
from preferences import user_ids
from preferences.catalog import Channel


class Damage(StrEnum):
    """A kind of thing that is not as the pipeline leaves it."""

    LOST_DECISION = "lost_decision"  # the ledger names a recipient for whom nothing was decided
    MISSING_NOTIFICATION = "missing_notification"  # decided for the bell, and not in the inbox
    MISSING_DELIVERY = "missing_delivery"  # decided for mail or push, and not on record
    DOUBLED = "doubled"  # a second row for the same event, person and channel: another id, or a decision again
    STUCK_LEASE = "stuck_lease"  # a worker has it in hand, whose lease ran out long ago
    LOST_TASK = "lost_task"  # due, and no worker was called for long
    LOST_DIGEST = "lost_digest"  # held beyond its digest's instant, and no digest gathered it
    STRANDED_ITEM = "stranded_item"  # its digest has ended, and it still waits for it
    AGAINST_DECISION = "against_decision"  # there is a row though the decision says no


#: What --repair does about each.
REMEDIES: Final[Mapping[Damage, str]] = MappingProxyType(
    {
        Damage.LOST_DECISION: "decide now, and store what follows from it",
        Damage.MISSING_NOTIFICATION: "store it again under the same id, unread, and ring",
        Damage.MISSING_DELIVERY: "put it on record again",
        Damage.DOUBLED: "remove the second one, and count once",
        Damage.STUCK_LEASE: "take it back, and call a worker",
        Damage.LOST_TASK: "call a worker",
        Damage.LOST_DIGEST: "make the digest",
        Damage.STRANDED_ITEM: "let it share its digest's end",
        Damage.AGAINST_DECISION: "leave it, since nobody can take it back",
    }
)


class Standing(StrEnum):
    """Where one decision stands: each has exactly one, so that they add up to what was decided (spec §8)."""

    STORED = "stored"  # in the inbox
    SENT = "sent"  # this and the next six: the state of the delivery
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    HELD = "held"
    PENDING = "pending"
    SENDING = "sending"
    SUPPRESSED = "suppressed"  # decided against
    SUPPRESSED_LATER = "suppressed later"  # read meanwhile, too old, not wanted any more
    GONE = "gone since"  # the person was erased, or the row is older than its retention
    AGAINST = "against the decision"
    UNACCOUNTED = "unaccounted for"


#: Where a delivery that was decided for stands.
OF_STATE: Final[Mapping[str, Standing]] = MappingProxyType(
    {state.value: Standing(state.value) for state in State if state is not State.SUPPRESSED}
    | {State.SUPPRESSED.value: Standing.SUPPRESSED_LATER}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One damage. It names no person but by id, and holds no text of theirs."""

    damage: Damage
    channel: Channel | None = None  # None: all of them
    ledger_id: int = 0  # 0: no row tells which event, and so below
    event_id: str = ""
    user_id: UUID | None = None
    notification_id: str = ""  # of the row that is wrong or missing; of a digest, its own
    recipient: str = field(default="", repr=False)  # what the producer gave in place of an id

    def __str__(self) -> str:
        """Return it on one line."""
        return "  ".join(
            [
                f"{self.damage:<20}",
                f"{self.channel or 'all':<6}",
                f"event {self.event_id or '-'}",
                user_ids.show(self.user_id) if self.user_id else "not a user id" if self.recipient else "-",
                self.notification_id or "-",
            ]
        )


#: Decisions by channel and where they stand.
Tally = Counter[tuple[Channel, Standing]]


@dataclass(frozen=True, slots=True)
class Account:
    """What a stretch of the audit came to."""

    events: int = 0
    tally: Tally = field(default_factory=Counter)
    found: Sequence[Finding] = ()
    left: Sequence[Finding] = ()  # of what was found, after the repair; all of it, when there was none

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.events + other.events,
            self.tally + other.tally,
            [*self.found, *other.found],
            [*self.left, *other.left],
        )


@dataclass(slots=True)
class Report:
    """All accounts together, in memory that does not grow with them."""

    most_shown: int
    events: int = 0
    tally: Tally = field(default_factory=Counter)
    found: Counter[Damage] = field(default_factory=Counter)
    left: Counter[Damage] = field(default_factory=Counter)
    shown: list[Finding] = field(default_factory=list)

    def take(self, account: Account) -> None:
        """Add an account."""
        self.events += account.events
        self.tally.update(account.tally)
        self.found.update(finding.damage for finding in account.found)
        self.left.update(finding.damage for finding in account.left)
        self.shown.extend(account.found[: self.most_shown - len(self.shown)])

    def decided(self, channel: Channel) -> int:
        """Return how many decisions there are on the channel."""
        return sum(count for (of, _), count in self.tally.items() if of is channel)
