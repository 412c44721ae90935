"""The page with the bell, and what its buttons do."""

from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from devstack.demo import faults, producing, ways
from devstack.demo.arrivals import arrived
from devstack.demo.devices import phones_of
from devstack.demo.faults import Fault
from devstack.demo.journals import Away
from devstack.demo.mails import page_of
from devstack.demo.people import AUDIENCE, Character, in_audience
from devstack.demo.producing import Published
from devstack.demo.services import LAUNCH, PRICING, SERVICES, WEBSITE, busy_morning, service_named, title_of
from notifications import ids
from notifications_producer import Event, PublishFailed
from preferences import rollout
from preferences.authentication import issue_token
from preferences.models import User

_COOKIE: Final = "demo_user"  # who looks, for pages that a notification leads to
_BUSY: Final = "busy"  # the button that is no service's own
_BUSY_EVENTS: Final = 40


def _content_security_policy() -> str:
    """Nothing but our own files, and no text that becomes markup or code."""
    socket = settings.PUBLIC_URL.replace("http", "ws", 1)
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {socket}; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


@never_cache
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the app with its bell; `?user=bob` looks at it as Bob."""
    return _page(request, "demo/home.html", tasks=[PRICING, LAUNCH, WEBSITE])


@never_cache
@require_GET
def resource(request: HttpRequest, folder: str, identifier: str) -> HttpResponse:
    """Show what a notification leads to."""
    return _page(request, "demo/resource.html", folder=folder, identifier=identifier, title=title_of(identifier))


@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Return a token of one of the page's users, as the app's own back end would."""
    character = in_audience(request.POST.get("user"))
    if character is None:
        return _refused("user")
    return JsonResponse({"token": issue_token(get_object_or_404(User, id=character.id))})


@never_cache
@require_GET
def arrivals(request: HttpRequest) -> HttpResponse:
    """Return what came to the chosen user's phones and mailbox; the simulators are of another origin than the page."""
    character = in_audience(request.GET.get("user"))
    if character is None:
        return _refused("user")
    try:
        return JsonResponse(arrived(get_object_or_404(User, id=character.id)))
    except Away:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "A simulator does not answer.")


@never_cache
@xframe_options_sameorigin
@require_GET
def mail(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Show a mail as a mail program does, for the frame of the mailbox."""
    try:
        return page_of(mail_id)
    except Away:
        return _error(HTTPStatus.NOT_FOUND, "NOT_FOUND", "The mailbox does not have this mail, or not any more.")


@never_cache
@require_GET
def story(request: HttpRequest) -> HttpResponse:
    """Return the ways of the chosen user's last events, and what is down."""
    character = in_audience(request.GET.get("user"))
    if character is None:
        return _refused("user")
    return JsonResponse({"ways": ways.latest(character.id), "faults": faults.switches()})


@require_POST
def fault(request: HttpRequest) -> HttpResponse:
    """Take something down or heal it (`state`: on, off); answer with how everything stands then."""
    name, state = request.POST.get("fault"), request.POST.get("state")
    if name not in list(Fault) or state not in {"on", "off"}:
        return _refused("fault")
    try:
        faults.turn(Fault(name), on=state == "on")
    except Away:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "Its simulator does not answer.")
    return JsonResponse({"faults": faults.switches()})


@require_POST
def publish(request: HttpRequest) -> HttpResponse:
    """Have a service publish what the button says; answer with the id that the notification of each event will have."""
    recipient = in_audience(request.POST.get("user"))
    if recipient is None:
        return _refused("user")
    events = _events_of(request.POST.get("service"), recipient)
    if not events:
        return _refused("service")
    try:
        published = producing.publish(events, recipient=recipient.id)
    except PublishFailed:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "Neither SQS nor the way by HTTP took the event.")
    return JsonResponse({"published": [_summary(one, recipient) for one in published]}, status=HTTPStatus.ACCEPTED)


def _events_of(button: str | None, recipient: Character) -> list[Event]:
    if button == _BUSY:
        return list(busy_morning(recipient, events=_BUSY_EVENTS))
    service = service_named(button)
    return [service.next_event(recipient)] if service else []


def _summary(published: Published, recipient: Character) -> dict[str, str]:
    event = published.event
    notification_id = ids.for_event(source=event.source, event_id=event.id, occurred_at=event.time)
    return {
        "type": event.type,
        "source": event.source,
        "path": published.path,
        "notification_id": notification_id(recipient.id),
    }


def _page(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    chosen = in_audience(request.GET.get("user"))
    viewer = chosen or in_audience(request.COOKIES.get(_COOKIE)) or AUDIENCE[0]
    stage = {
        "viewer": viewer,
        "has_bell": rollout.read().shows_bell(viewer.id),
        "audience": AUDIENCE,
        "services": SERVICES,
        "busy_events": _BUSY_EVENTS,
        "phones": phones_of(viewer),
        "switches": faults.SWITCHES,
    }
    response = render(request, template, {**stage, **context})
    response["Content-Security-Policy"] = _content_security_policy()
    if chosen:
        response.set_cookie(_COOKIE, chosen.key, httponly=True, samesite="Lax")
    return response


def _refused(field: str) -> JsonResponse:
    return _error(HTTPStatus.BAD_REQUEST, "INVALID_REQUEST", f"There is no such {field}.")


def _error(status: HTTPStatus, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message, "details": {}}}, status=status)
