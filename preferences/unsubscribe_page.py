"""/email/unsubscribe/{token}: looking at it changes nothing, and only a POST acts (spec §6, RFC 8058)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from preferences import unsubscribe
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.unsubscribe import Choice, InvalidLink, InvalidUndo, Link, TypeIsLocked

_ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One button: a choice that is still open, with what undoes it."""

    choice: Choice
    undo: str


class Outcome(StrEnum):
    """What became of a POST; the template has a sentence for each."""

    CHOSEN_TYPE = "type"  # those of the three choices
    CHOSEN_ALL = "all"
    CHOSEN_DAILY = "daily"
    UNDONE = "undone"
    NOTHING_CHOSEN = "nothing_chosen"  # the body says nothing that we know
    TOO_LATE = "too_late"  # to undo, or with another link's token
    LOCKED = "locked"  # this type cannot be turned off alone
    CHANGED_SINCE = "changed_since"  # what was to be undone is not as it was left


_STATUS: Final[Mapping[Outcome, HTTPStatus]] = {
    Outcome.NOTHING_CHOSEN: HTTPStatus.BAD_REQUEST,
    Outcome.TOO_LATE: HTTPStatus.BAD_REQUEST,
    Outcome.LOCKED: HTTPStatus.FORBIDDEN,
    Outcome.CHANGED_SINCE: HTTPStatus.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class News:
    """What to tell after a POST; `undo` takes it back."""

    outcome: Outcome
    undo: str = ""


@csrf_exempt  # the token is the permission, and a mail program has no cookie
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what may be chosen; POST chooses: `choice`, `undo`, or the link's own meaning at one click."""
    try:
        link = unsubscribe.read(token)
        news = _act(request, link) if request.method == "POST" else None
        return _answer(link, news)
    except InvalidLink:
        return _page("preferences/unsubscribe_invalid.html", {}, status=HTTPStatus.NOT_FOUND)


def _act(request: HttpRequest, link: Link) -> News:
    """Do what the form says, and return what to tell."""
    name, value = _ONE_CLICK
    given, undo = request.POST.get("choice", ""), request.POST.get("undo", "")
    if request.POST.get(name) == value:
        return _choose(link, link.meaning, undo)
    if given in link.choices:
        return _choose(link, Choice(given), undo)
    return _undo(link, undo) if undo else News(Outcome.NOTHING_CHOSEN)


def _choose(link: Link, choice: Choice, prepared: str) -> News:
    """Make the choice. A form that was sent twice undoes with what it brings, since the second changes nothing."""
    try:
        return News(Outcome(choice), undo=unsubscribe.choose(link, choice) or prepared)
    except TypeIsLocked:
        return News(Outcome.LOCKED)


def _undo(link: Link, token: str) -> News:
    try:
        return News(Outcome.UNDONE if unsubscribe.undo(link, token) else Outcome.CHANGED_SINCE)
    except InvalidUndo:
        return News(Outcome.TOO_LATE)


def _answer(link: Link, news: News | None) -> HttpResponse:
    chosen = unsubscribe.choices_of(link)
    status = _STATUS.get(news.outcome, HTTPStatus.OK) if news else HTTPStatus.OK
    context = {
        "type": link.type,
        "meaning": link.meaning.value,
        "is_locked": link.is_locked,
        "type_wanted": link.type is not None and chosen.wants(link.type, Channel.EMAIL),
        "offers": _offers(link, chosen),
        "news": news,
        "is_refused": status is not HTTPStatus.OK,
        "digest": chosen.email_digest.value,
        "digest_time": f"{chosen.digest_time:%H:%M}",
        "zone": chosen.zone.key,
    }
    return _page("preferences/unsubscribe.html", context, status=status)


def _offers(link: Link, chosen: Choices) -> list[Offer]:
    """Return the choices that would change something."""
    prepared = [(choice, unsubscribe.prepare_undo(link, choice, chosen)) for choice in _open_to(link, chosen)]
    return [Offer(choice, undo) for choice, undo in prepared if undo]


def _open_to(link: Link, chosen: Choices) -> list[Choice]:
    if chosen.email_digest is DigestFrequency.NEVER:
        return [Choice.DAILY]
    if link.type_name is None:
        return [Choice.ALL, Choice.DAILY]
    if link.type is None or link.is_locked or not chosen.wants(link.type, Channel.EMAIL):
        return [Choice.DAILY, Choice.ALL]
    return [Choice.TYPE, Choice.DAILY, Choice.ALL]


def _page(template: str, context: Mapping[str, object], *, status: HTTPStatus) -> HttpResponse:
    shared = {"product": settings.PRODUCT_NAME, "preferences_url": settings.PREFERENCES_URL}
    response = HttpResponse(render_to_string(template, {**shared, **context}), status=status)
    response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response["Referrer-Policy"] = "no-referrer"  # the address is a permission
    response["X-Robots-Tag"] = "noindex"
    return response
