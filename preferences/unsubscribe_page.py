"""/email/unsubscribe/{token}: looking at it changes nothing, and only a POST acts (spec §6, RFC 8058)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from preferences import unsubscribe
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.unsubscribe import InvalidLink, Link, TypeIsLocked
from preferences.unsubscribe_changes import Choice, InvalidUndo

_ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One button: a choice that is still open, with what undoes it."""

    choice: Choice
    undo: str


class Refusal(StrEnum):
    """Why a POST did nothing; the template has a sentence for each."""

    NOTHING_CHOSEN = "nothing_chosen"  # the body says nothing that we know
    TOO_LATE = "too_late"  # to undo, or with another link's token
    LOCKED = "locked"  # this type cannot be turned off alone
    CHANGED_SINCE = "changed_since"  # what was to be undone is not as it was left


_STATUS: Final[Mapping[Refusal, HTTPStatus]] = {
    Refusal.NOTHING_CHOSEN: HTTPStatus.BAD_REQUEST,
    Refusal.TOO_LATE: HTTPStatus.BAD_REQUEST,
    Refusal.LOCKED: HTTPStatus.FORBIDDEN,
    Refusal.CHANGED_SINCE: HTTPStatus.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class News:
    """What to tell: a choice that was made, with what undoes it; "undone"; or why nothing was done."""

    outcome: str
    undo: str = ""


class _SeeOther(HttpResponseRedirect):
    """Leads to another page, by GET."""

    status_code = HTTPStatus.SEE_OTHER


@csrf_exempt  # the token is the permission, and a mail program has no cookie
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what may be chosen; POST chooses: `choice`, `undo`, or the link's own meaning at one click.

    A browser is then sent to the page that tells of the `change`, so that "back" and "reload" send nothing again.
    """
    try:
        link = unsubscribe.read(token)
        if request.method != "POST":
            return _show(link, change=request.GET.get("change", ""))
        done = _act(request, link)
        if isinstance(done, Refusal):
            return _show(link, refusal=done)
        # A mail program follows no redirect (RFC 8058).
        return _show(link, change=done) if _is_one_click(request) else _see(request.path, change=done)
    except InvalidLink:
        return _page("preferences/unsubscribe_invalid.html", {}, status=HTTPStatus.NOT_FOUND)


def _is_one_click(request: HttpRequest) -> bool:
    name, value = _ONE_CLICK
    return request.POST.get(name) == value


def _act(request: HttpRequest, link: Link) -> str | Refusal:
    """Do what the form says; return the token that takes it back, "" when it changed nothing, or why it was not done.

    A form that was sent twice brings its own token, since the second one changes nothing.
    """
    given, undo = request.POST.get("choice", ""), request.POST.get("undo", "")
    if _is_one_click(request):
        given = link.meaning
    try:
        if given in link.choices:
            return unsubscribe.choose(link, Choice(given)) or undo
        if undo:
            return undo if unsubscribe.undo(link, undo) else Refusal.CHANGED_SINCE
    except TypeIsLocked:
        return Refusal.LOCKED
    except InvalidUndo:
        return Refusal.TOO_LATE
    return Refusal.NOTHING_CHOSEN


def _see(path: str, *, change: str) -> HttpResponse:
    """Send the browser to the page that tells of the change."""
    address = f"{path}?{urlencode({'change': change})}" if change else path
    return _guarded(_SeeOther(address))


def _show(link: Link, *, change: str = "", refusal: Refusal | None = None) -> HttpResponse:
    chosen = unsubscribe.choices_of(link)
    context = {
        "type": link.type,
        "meaning": link.meaning.value,
        "is_locked": link.is_locked,
        "type_wanted": link.type is not None and chosen.wants(link.type, Channel.EMAIL),
        "offers": _offers(link, chosen),
        "news": News(refusal) if refusal else _news(link, change, chosen),
        "is_refused": refusal is not None,
        "digest": chosen.email_digest.value,
        "digest_time": f"{chosen.digest_time:%H:%M}",
        "zone": chosen.zone.key,
    }
    return _page("preferences/unsubscribe.html", context, status=_STATUS[refusal] if refusal else HTTPStatus.OK)


def _news(link: Link, change: str, chosen: Choices) -> News | None:
    """Tell of a change as long as it holds; an address says nothing that is not so."""
    try:
        standing = unsubscribe.standing(link, change, chosen) if change else None
    except InvalidUndo:
        return None
    if standing is None:
        return None
    return News("undone") if standing.is_undone else News(standing.choice, undo=change)


def _offers(link: Link, chosen: Choices) -> list[Offer]:
    """Return the choices that would change something."""
    prepared = [(choice, unsubscribe.prepare_undo(link, choice, chosen)) for choice in _open_to(link, chosen)]
    return [Offer(choice, undo) for choice, undo in prepared if undo]


def _open_to(link: Link, chosen: Choices) -> list[Choice]:
    if chosen.email_digest is DigestFrequency.NEVER:
        return [Choice.DAILY]
    if link.type_name is None:
        return [Choice.ALL, Choice.DAILY, Choice.WEEKLY]
    if link.type is None or link.is_locked:
        return [Choice.DAILY, Choice.ALL]
    of_type = Choice.TYPE if chosen.wants(link.type, Channel.EMAIL) else Choice.AGAIN
    return [of_type, Choice.DAILY, Choice.ALL]


def _page(template: str, context: Mapping[str, object], *, status: HTTPStatus) -> HttpResponse:
    shared = {"product": settings.PRODUCT_NAME, "preferences_url": settings.PREFERENCES_URL}
    return _guarded(HttpResponse(render_to_string(template, {**shared, **context}), status=status))


def _guarded(response: HttpResponse) -> HttpResponse:
    """Let the page run nothing, and keep its address, which is a permission, from others."""
    response["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
