"""Reads the books and prints them as JSON: `python -m drills.bookkeeping`.

A program of its own, so that the harness needs no Django. Where each decision stands is found by the product's audit.
"""

import json
import os
import sys
from collections import Counter, defaultdict
from dataclasses import asdict

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()

from delivery.models import Delivery, State  # noqa: E402
from drills.books import Books, Counts, InInbox, OnRecord  # noqa: E402
from notifications.auditing import audit, window  # noqa: E402
from notifications.auditing.findings import Report  # noqa: E402
from notifications.models import Decision, Notification, ReceivedEvent, RejectedEvent, WaitingEvent  # noqa: E402
from preferences.catalog import Channel  # noqa: E402
from preferences.decisions import Outcome, Reason  # noqa: E402


def read() -> Books:
    """Read everything; the database holds nothing but the drill's events."""
    report = _audited()
    by_channel: dict[str, Counter[str]] = defaultdict(Counter)
    for (channel, standing), count in report.tally.items():
        by_channel[channel.value][standing.value] += count
    return Books(
        ledger=list(ReceivedEvent.objects.values_list("event_id", flat=True)),
        rejected=dict(RejectedEvent.objects.values_list("event_id", "reason")),
        waiting=WaitingEvent.objects.count(),
        standings={channel: dict(counts) for channel, counts in by_channel.items()},
        reasons=_reasons(),
        damages={damage.value: count for damage, count in report.found.items()},
        inbox=_inbox(),
        deliveries=[
            OnRecord(*row)
            for row in Delivery.objects.filter(digest=None).values_list("id", "notification_id", "channel", "state")
        ],
    )


def _audited() -> Report:
    report = Report(most_shown=0)
    for stage in audit.stages(window.open_window(), repair=False):
        for step in stage.steps:
            report.take(step.account)
    return report


def _reasons() -> Counts:
    found: dict[str, Counter[str]] = {channel.value: Counter() for channel in Channel}
    for codes in Decision.objects.values_list(*Channel):
        for channel, code in zip(Channel, codes, strict=True):
            if Reason(code).outcome is Outcome.SUPPRESS:
                found[channel][code] += 1
    for channel_name, code in Delivery.objects.filter(state=State.SUPPRESSED).values_list("channel", "reason"):
        found[channel_name][f"{code} (later)"] += 1
    return {channel: dict(counts) for channel, counts in found.items()}


def _inbox() -> list[InInbox]:
    rows = Notification.objects.values_list("id", "event__event_id", "user_id", "created_at")
    return [
        InInbox(id_, event_id or "", str(user_id), stored_at.timestamp()) for id_, event_id, user_id, stored_at in rows
    ]


if __name__ == "__main__":
    json.dump(asdict(read()), sys.stdout)
