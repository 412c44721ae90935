"""From the ledger outwards: is every recipient decided once, and is every decision carried out?

A portion of events is looked at with half a dozen statements, whatever its size. Ledger, decisions and rows are
committed together, so an event that is seen at all is seen whole, and no grace is needed for live traffic. What goes
away in the meantime (a person who is erased) is told from damage by a second look, which must agree with the first.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from delivery.models import Delivery, State
from notifications.auditing.findings import OF_STATE, Account, Damage, Finding, Standing, Tally
from notifications.auditing.rows import (
    Decided,
    Entry,
    Named,
    Rows,
    existing,
    read_decisions,
    read_entries,
    read_named,
    read_rows,
)
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason

#: States in which a digest takes nothing with it any more.
ENDED: Final = (State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.SUPPRESSED)
_LOOKS: Final = 4  # at most, until two agree
_IS_WANTED: Final[Mapping[str, bool]] = {reason.value: reason.outcome is not Outcome.SUPPRESS for reason in Reason}


class Case(NamedTuple):
    """A decision about a person on one channel, to be compared with what there is."""

    entry: Entry
    user_id: UUID
    notification_id: str
    channel: Channel
    reason: str


@dataclass(slots=True)
class _Sums:
    tally: Tally = field(default_factory=Counter)
    found: list[Finding] = field(default_factory=list)


def look_twice(ledger_ids: Sequence[int]) -> Account:
    """Look at these events until two looks agree on what is wrong with them."""
    account = look(ledger_ids)
    for _ in range(_LOOKS - 1):
        if not account.found:
            break
        again = look(ledger_ids)
        if again.found == account.found:
            break
        account = again
    return account


def look(ledger_ids: Sequence[int]) -> Account:
    """Compare the events with their decisions, and the decisions with the rows that they led to."""
    entries = read_entries(ledger_ids)
    decisions = [decided for decided in read_decisions(ledger_ids) if decided.ledger_id in entries]
    cases = list(_cases(entries, decisions))
    rows = read_rows({case.notification_id for case in cases})
    sums = _Sums()
    _find_undecided(entries, read_named(entries), decisions, sums)
    _count_malformed(entries, decisions, sums)
    _compare(cases, rows, sums)
    _find_stranded(cases, rows, sums)
    return Account(len(entries), sums.tally, sums.found, sums.found)


# --- Decisions ---------------------------------------------------------------------------------------------------


def _find_undecided(
    entries: Mapping[int, Entry], named: Sequence[Named], decisions: Sequence[Decided], sums: _Sums
) -> None:
    """Find recipients without a decision; those of people who do not exist any more went with them."""
    decided: dict[int, set[UUID | str]] = defaultdict(set)
    for row in decisions:
        decided[row.ledger_id].add(row.user_id or row.recipient)
    lost = [(entries[of], user_id) for of, user_ids, _ in named for user_id in user_ids if user_id not in decided[of]]
    known = existing({user_id for _, user_id in lost})
    sums.found.extend(
        Finding(Damage.LOST_DECISION, None, entry.id, entry.event_id, user_id, entry.id_of(user_id))
        for entry, user_id in lost
        if user_id in known
    )
    sums.found.extend(
        Finding(Damage.LOST_DECISION, None, of, entries[of].event_id, recipient=recipient)
        for of, _, malformed in named
        for recipient in malformed
        if recipient not in decided[of]
    )


def _count_malformed(entries: Mapping[int, Entry], decisions: Sequence[Decided], sums: _Sums) -> None:
    """Count the decisions about what is no user id. Only these can be doubled: no constraint keeps them apart."""
    about = Counter((row.ledger_id, row.recipient) for row in decisions if row.user_id is None)
    for (ledger_id, recipient), times in about.items():
        sums.tally.update({(channel, Standing.SUPPRESSED): times for channel in Channel})
        doubled = Finding(Damage.DOUBLED, None, ledger_id, entries[ledger_id].event_id, recipient=recipient)
        sums.found.extend([doubled] * (times - 1))


# --- Rows --------------------------------------------------------------------------------------------------------


def _cases(entries: Mapping[int, Entry], decisions: Sequence[Decided]) -> Iterator[Case]:
    """Yield each person's decisions, with the id that the notification has or would have."""
    for ledger_id, user_id, _, in_app, email, push in decisions:
        if user_id is None:
            continue
        entry = entries[ledger_id]
        notification_id = entry.id_of(user_id)
        yield Case(entry, user_id, notification_id, Channel.IN_APP, in_app)
        yield Case(entry, user_id, notification_id, Channel.EMAIL, email)
        yield Case(entry, user_id, notification_id, Channel.PUSH, push)


def _compare(cases: Sequence[Case], rows: Rows, sums: _Sums) -> None:
    missing = []
    for case in cases:
        standing = _standing(case, rows)
        if standing is Standing.UNACCOUNTED:
            missing.append(case)
        else:
            sums.tally[case.channel, standing] += 1
            if standing is Standing.AGAINST:
                sums.found.append(_finding(Damage.AGAINST_DECISION, case))
    known = existing({case.user_id for case in missing})
    for case in missing:
        is_gone = case.user_id not in known
        sums.tally[case.channel, Standing.GONE if is_gone else Standing.UNACCOUNTED] += 1
        if not is_gone:
            is_in_app = case.channel is Channel.IN_APP
            sums.found.append(_finding(Damage.MISSING_NOTIFICATION if is_in_app else Damage.MISSING_DELIVERY, case))


def _standing(case: Case, rows: Rows) -> Standing:
    """Return where the decision stands; of a row that is missing, whether it should be there."""
    return _in_inbox(case, rows) if case.channel is Channel.IN_APP else _in_outbox(case, rows)


def _in_inbox(case: Case, rows: Rows) -> Standing:
    if not _IS_WANTED[case.reason]:
        # A row of a backfill, or of an earlier life of the event, was not stored by this decision.
        is_of_this = rows.stored.get(case.notification_id) == case.entry.id
        return Standing.AGAINST if is_of_this else Standing.SUPPRESSED
    if case.notification_id in rows.stored:
        return Standing.STORED
    return Standing.UNACCOUNTED if case.entry.has_inbox else Standing.GONE


def _in_outbox(case: Case, rows: Rows) -> Standing:
    delivery = rows.deliveries.get((case.notification_id, case.channel))
    if not _IS_WANTED[case.reason]:
        # One that is older than the ledger's row is of an earlier life of the event, which was pruned since.
        is_of_this = delivery is not None and delivery.created >= case.entry.received_at.timestamp()
        return Standing.AGAINST if is_of_this else Standing.SUPPRESSED
    if delivery is not None:
        return OF_STATE[delivery.state]
    return Standing.UNACCOUNTED if case.entry.has_outbox else Standing.GONE


def _find_stranded(cases: Sequence[Case], rows: Rows, sums: _Sums) -> None:
    """Find what still waits for a digest that has ended: both change together, so there is no grace."""
    waiting = [
        (case, delivery.digest_id)
        for case in cases
        if case.channel is Channel.EMAIL
        and (delivery := rows.deliveries.get((case.notification_id, case.channel))) is not None
        and delivery.state == State.HELD
        and delivery.digest_id is not None
    ]
    digests = Delivery.objects.filter(id__in={digest_id for _, digest_id in waiting}, state__in=ENDED)
    ended = set(digests.values_list("id", flat=True)) if waiting else set()
    sums.found.extend(_finding(Damage.STRANDED_ITEM, case) for case, digest_id in waiting if digest_id in ended)


def _finding(damage: Damage, case: Case) -> Finding:
    return Finding(damage, case.channel, case.entry.id, case.entry.event_id, case.user_id, case.notification_id)
