"""What became of one event for one person: the bell, and what was left out for a reason of ours.

A fate is the one reading of the record that the answer, the list of an event's recipients and the timeline share.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from delivery.transports.registry import OUTBOUND
from notifications.tracing.evidence import Evidence
from notifications.tracing.grounds import because, clock_of
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason

NOUNS: Final[Mapping[Channel, str]] = {channel: outbound.noun for channel, outbound in OUTBOUND.items()}
#: The clause of whatever an account took with it.
GONE: Final = "it went with their account, which was deleted since"


class End(StrEnum):
    """How far a channel came."""

    ARRIVED = "arrived"  # it is there, or the provider took it
    WAITING = "waiting"  # it may still go out
    LOST = "lost"  # it was tried, and did not arrive
    LEFT_OUT = "left_out"  # it was not tried, for a reason of ours
    UNKNOWN = "unknown"  # nothing is on record


@dataclass(frozen=True, slots=True)
class Fate:
    """One channel's end, and a clause that says it: no capital before it, no full stop behind."""

    channel: Channel
    end: End
    clause: str
    reason: Reason | None = None  # of what was left out


def of_bell(evidence: Evidence) -> Fate:
    """Say what became of it in the inbox."""
    if evidence.notification is not None:
        return Fate(Channel.IN_APP, End.ARRIVED, _in_the_bell(evidence))
    reason = evidence.reason(Channel.IN_APP)
    if reason is None:
        return Fate(Channel.IN_APP, End.UNKNOWN, "it is not in the bell")
    if reason.outcome is Outcome.SUPPRESS:
        return left_out(evidence, Channel.IN_APP, reason)
    if evidence.is_of_deleted_account:
        return Fate(Channel.IN_APP, End.UNKNOWN, GONE)
    return Fate(Channel.IN_APP, End.LOST, "it should be in the bell and is not, which an engineer has to look into")


def left_out(evidence: Evidence, channel: Channel, reason: Reason) -> Fate:
    """Say why a channel was not used."""
    clause = f"{nothing_on([channel])}, because {because(evidence, channel, reason)}"
    return Fate(channel, End.LEFT_OUT, clause, reason)


def nothing_on(channels: list[Channel]) -> str:
    """Return "it is not in the bell, and no mail or push was sent", of these channels."""
    outbound = [NOUNS[channel] for channel in channels if channel in NOUNS]
    parts = ["it is not in the bell"] if Channel.IN_APP in channels else []
    if outbound:
        parts.append(f"no {' or '.join(outbound)} was sent")
    return ", and ".join(parts)


def _in_the_bell(evidence: Evidence) -> str:
    row, clock = evidence.notification, clock_of(evidence)
    assert row is not None
    if row.backfill_id is not None:
        return f"it was put into the bell afterwards, at {clock.tell(row.created_at)}, as read"
    has_it = f"it has been in the bell since {clock.tell(row.created_at)}"
    read = f"was read at {clock.tell(row.read_at)}" if row.read_at else "is unread"
    if row.displayed_at:
        return f"{has_it}, was first shown at {clock.tell(row.displayed_at)} and {read}"
    # Bells report what they show as it comes, and not what somebody finds in the list later.
    return f"{has_it} and {read}" if row.read_at else f"{has_it}, unread, and no open page has reported showing it"
