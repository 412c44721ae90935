"""The account of a drill: published = visible + suppressed with a reason + pending. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drills.books import Books, InInbox, OnRecord
from drills.providers import Taken
from preferences.catalog import Channel

# In the words of notifications.auditing.findings.Standing, which cannot be imported without Django.
_PENDING: Final = frozenset({"pending", "sending"})
_SUPPRESSED: Final = frozenset({"suppressed", "suppressed later"})
_OUT: Final = frozenset({"sent", "delivered", "bounced"})  # of deliveries: the provider took it
_VISIBLE: Final = frozenset({"stored", "sent", "delivered"})
_ACCOUNTED: Final = _VISIBLE | _SUPPRESSED | _PENDING | {"held"}


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """What became of what was published, on one channel, counted in recipients."""

    channel: Channel
    published: int
    visible: int  # in the inbox, or with the provider
    suppressed: int
    held: int  # for a digest
    pending: int
    lost: int  # everything else: not to be found, rejected, failed
    doubled: int
    repeated: int = 0  # taken a second time after a crash in mid-sending, which spec §6 allows

    @property
    def adds_up(self) -> bool:
        """Whether nothing is counted twice or left out."""
        return self.published == self.visible + self.suppressed + self.held + self.pending + self.lost


@dataclass(frozen=True, slots=True)
class Account:
    """All channels, and what the open bells were told."""

    events: int
    channels: list[ChannelAccount]
    reasons: Mapping[str, Mapping[str, int]]
    damages: Mapping[str, int]  # what the audit found
    rejected: Mapping[str, int]  # events by reason
    told: int  # notifications that their bell heard of
    untold: int
    rung_twice: int  # bells that were rung again for what they knew, and dropped it

    @property
    def lost(self) -> int:
        """How many are missing, on all channels and on the bells."""
        return sum(channel.lost for channel in self.channels) + self.untold

    @property
    def doubled(self) -> int:
        """How many are one too many, on all channels."""
        return sum(channel.doubled for channel in self.channels)

    @property
    def is_clean(self) -> bool:
        """Whether everything that was published is accounted for, once."""
        return not (self.lost or self.doubled or self.damages) and all(channel.adds_up for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What everybody says in the end."""

    published: Mapping[str, int]  # recipients of each event that its publisher handed over
    books: Books
    taken: Taken
    heard: Collection[str]  # notification ids
    rung_twice: int
    is_drained: bool  # nothing waits in a queue
    crashed: Collection[int] = ()  # deliveries that a worker had in hand when it was killed


def settle(evidence: Evidence) -> Account:
    """Compare what was published with what there is."""
    books = evidence.books
    stored = {row.id for row in books.inbox}
    return Account(
        events=len(evidence.published),
        channels=[_of_channel(channel, evidence) for channel in Channel],
        reasons=books.reasons,
        damages=books.damages,
        rejected=dict(Counter(books.rejected.values())),
        told=len(stored & set(evidence.heard)),
        untold=len(stored - set(evidence.heard)),
        rung_twice=evidence.rung_twice,
    )


def _of_channel(channel: Channel, evidence: Evidence) -> ChannelAccount:
    """Put everything in its column; what remains of what was published is lost, and what exceeds it is doubled."""
    standings = Counter(evidence.books.standings.get(channel, {}))
    missing, rejected = _not_on_ledger(evidence)
    lost = rejected + standings.total() - _sum(standings, _ACCOUNTED)
    figures: dict[str, Any] = {
        "visible": _sum(standings, _VISIBLE),
        "suppressed": _sum(standings, _SUPPRESSED),
        "held": standings["held"],
        "pending": _sum(standings, _PENDING),
    }
    if evidence.is_drained:
        lost += missing
    else:
        figures["pending"] += missing
    published = sum(evidence.published.values())
    rest = published - sum(figures.values()) - lost
    unseen, doubled, repeated = _compared_with_provider(channel, evidence)
    figures["visible"] -= unseen
    lost, doubled = lost + unseen + max(0, rest), doubled + max(0, -rest)
    return ChannelAccount(channel, published, **figures, lost=lost, doubled=doubled, repeated=repeated)


def _not_on_ledger(evidence: Evidence) -> tuple[int, int]:
    """Count the recipients of events that are not to be found, and of events that were rejected."""
    ledger, rejected = set(evidence.books.ledger), set(evidence.books.rejected)
    recipients = {event_id: count for event_id, count in evidence.published.items() if event_id not in ledger}
    of_rejected = sum(count for event_id, count in recipients.items() if event_id in rejected)
    return sum(recipients.values()) - of_rejected, of_rejected


def _sum(standings: Counter[str], names: Collection[str]) -> int:
    return sum(standings[name] for name in names)


def _compared_with_provider(channel: Channel, evidence: Evidence) -> tuple[int, int, int]:
    """Return how many are on record as sent and unknown to the provider, doubled, and repeated after a crash."""
    if channel is Channel.IN_APP:
        return 0, _surplus_rows(evidence.books.inbox), 0
    times = _times_taken(channel, evidence)
    unseen = sum(row.state in _OUT and not count for row, count in times.items())
    too_many = {row.id: count - (row.state in _OUT) for row, count in times.items() if count}
    repeated = sum(count for id_, count in too_many.items() if id_ in evidence.crashed)
    return unseen, sum(too_many.values()) - repeated, repeated


def _times_taken(channel: Channel, evidence: Evidence) -> dict[OnRecord, int]:
    """Return how often the provider took each delivery. Everybody has one phone."""
    rows = [row for row in evidence.books.deliveries if row.channel == channel]
    if channel is Channel.EMAIL:
        return {row: evidence.taken.mails[row.id] for row in rows}
    pushes: Counter[str] = Counter()
    for (notification_id, _), count in evidence.taken.pushes.items():
        pushes[notification_id] += count
    return {row: pushes[row.notification_id] for row in rows}


def _surplus_rows(inbox: Collection[InInbox]) -> int:
    rows = Counter((row.event_id, row.user_id) for row in inbox)
    return sum(count - 1 for count in rows.values())
