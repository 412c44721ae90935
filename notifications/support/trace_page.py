"""The page "Why did or didn't she get it?": a question, its answer to paste, and the timeline behind it (spec §8).

Titles are visible; what an event says beyond that is on no page of support without a record of who read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from notifications.tracing import clock, trace
from notifications.tracing.event_recipients import RecipientRow
from notifications.tracing.fates import End, Fate
from notifications.tracing.findings import Trace
from notifications.tracing.reason_words import WORDS
from notifications.tracing.steps import NAMES, Step
from preferences import people

_LONGEST: Final = 300  # characters of anything asked for
#: How support.css marks how far a channel came, and the word for it.
_CHIPS: Final[Mapping[End, tuple[str, str]]] = {
    End.ARRIVED: ("ok", "yes"),
    End.WAITING: ("warn", "not yet"),
    End.LOST: ("bad", "failed"),
    End.LEFT_OUT: ("", "no"),
    End.UNKNOWN: ("", "not on record"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as it was typed."""

    text: str  # id of an event, of a notification or of a digest
    source: str
    user: str
    after: str

    def about(self, **changes: str) -> str:
        """Return the query string of this question with changes."""
        asked = {"event": self.text, "source": self.source, "user": self.user, **changes}
        return urlencode({name: value for name, value in asked.items() if value})


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step with its times as the page writes them; "" where there is none."""

    step: Step
    utc: str
    local: str  # in the person's own zone, when that is another one


@dataclass(frozen=True, slots=True)
class ShownRecipient:
    """One of an event's recipients in the list."""

    row: RecipientRow
    query: str  # to that person's own timeline
    cells: list[tuple[str, str, str, str]]  # channel, chip, word, why; of what arrived, no why


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Answer `?event=…&source=…&user=…` or `?notification=…`; without either, ask."""
    question = _read(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Why did or didn't she get it?",
        "question": question,
    }
    if question.text:
        found = trace.find(question.text, source=question.source, user=question.user, after=question.after)
        context |= _answer(request, question, found)
    elif question.user:
        context["person"] = people.find(question.user)
    return TemplateResponse(request, "admin/support/trace.html", context)


def _read(request: HttpRequest) -> Question:
    given = {name: request.GET.get(name, "").strip()[:_LONGEST] for name in ("event", "source", "user", "after")}
    notification = request.GET.get("notification", "").strip()[:_LONGEST]
    return Question(notification or given["event"], given["source"], given["user"], given["after"])


def _answer(request: HttpRequest, question: Question, found: Trace) -> dict[str, Any]:
    zone = found.addressee.choices.zone if found.addressee else UTC
    recipients = found.recipients
    may_retry = request.user.has_perm("delivery.retry_delivery")
    return {
        "trace": found,
        "steps": [_shown(step, zone) for step in found.steps],
        "failed": [one for one in found.deliveries if one.has_failed] if may_retry else [],
        "may_open_rejected": request.user.has_perm("notifications.view_rejectedevent"),
        "sources": [(source, question.about(source=source)) for source in found.sources],
        "channels": list(NAMES.values()),
        "recipients": [_recipient(row, question, found) for row in recipients.rows] if recipients else [],
        "next": question.about(after=recipients.next) if recipients and recipients.next else "",
    }


def _recipient(row: RecipientRow, question: Question, found: Trace) -> ShownRecipient:
    query = question.about(user=row.key, source=found.source) if row.key else ""
    return ShownRecipient(row, query, [_cell(fate) for fate in row.fates])


def _cell(fate: Fate) -> tuple[str, str, str, str]:
    return NAMES[fate.channel], *_CHIPS[fate.end], "" if fate.end is End.ARRIVED else _why(fate)


def _why(fate: Fate) -> str:
    return WORDS[fate.reason].in_short if fate.reason else fate.clause


def _shown(step: Step, zone: tzinfo) -> ShownStep:
    if step.at is None:
        return ShownStep(step, "", "")
    utc, local = step.at.astimezone(UTC), step.at.astimezone(zone)
    exact = clock.to_the_millisecond(utc)
    return ShownStep(step, exact, "" if local.utcoffset() == utc.utcoffset() else _beside(utc, local, zone))


def _beside(utc: datetime, local: datetime, zone: tzinfo) -> str:
    """Return the local time for a place beside UTC, with the day where that is another one."""
    day = "" if local.date() == utc.date() else f"{local:%Y-%m-%d} "
    return f"{day}{local:%H:%M:%S} {zone}"
