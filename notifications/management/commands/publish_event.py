import json
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.event_queue import EventQueue
from notifications_producer import (
    Event,
    HttpFallback,
    InvalidEvent,
    NotConfigured,
    Producer,
    PublishFailed,
    Resource,
    fallback_of_environment,
)
from preferences.authentication import issue_service_token
from preferences.catalog import CATALOG
from preferences.models import User

_SERVICE: Final = "shell"  # in SERVICE_TOKEN_SOURCES, with the default source


class Command(BaseCommand):
    help = "Publish an event to SQS, or over HTTP when SQS is away, as a producer service would."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("type", choices=CATALOG, help="what happened")
        parser.add_argument("recipients", nargs="+", metavar="RECIPIENT", help="user ids or addresses")
        parser.add_argument("--actor", help="who did it: user id or address")
        parser.add_argument("--resource", metavar="TYPE:ID", help="what it is about, such as task:tsk_456")
        parser.add_argument("--url", help="where the resource is: a path, or https on an allowed host")
        parser.add_argument("--title", help="what the resource is called")
        parser.add_argument("--params", type=json.loads, default={}, help='such as {"excerpt": "Looks good"}')
        parser.add_argument("--source", default="/shell", help="(source, id) identifies the event (default: /shell)")
        parser.add_argument("--id", help="the same id again is the same event (default: a new one)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            event = Event(
                type=options["type"],
                source=options["source"],
                recipients=[_user_id(recipient) for recipient in options["recipients"]],
                actor=_user_id(options["actor"]) if options["actor"] else None,
                resource=_resource(options),
                params=options["params"],
                **({"id": options["id"]} if options["id"] else {}),
            )
            _producer().publish(event)
        except (InvalidEvent, NotConfigured, PublishFailed) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Published {event.type} {event.id}.")


def _producer() -> Producer:
    return Producer(
        queue_url=_queue_url(),
        endpoint_url=settings.SQS_ENDPOINT_URL or None,
        region=settings.AWS_REGION,
        fallback=fallback_of_environment() or _own_fallback(),
    )


def _queue_url() -> str:
    try:
        return EventQueue().url
    except (ClientError, BotoCoreError) as error:
        raise CommandError(
            f"SQS does not tell the queue's address ({type(error).__name__}): EVENTS_QUEUE_URL may say it."
        ) from error


def _own_fallback() -> HttpFallback | None:
    """Return the way over our own web process, for which a token can be signed in development alone."""
    if not (settings.DEMO or settings.DEBUG):
        return None
    return HttpFallback(f"{settings.PUBLIC_URL}/api/v1/events", token=lambda: issue_service_token(_SERVICE))


def _user_id(text: str) -> str:
    """Return the id of the user with this address; ids go out as they are, also wrong ones."""
    if "@" not in text:
        return text
    user = User.objects.filter(email=text.lower()).first()
    if user is None:
        raise CommandError(f"Nobody has the address {text}.")
    return str(user.id)


def _resource(options: dict[str, Any]) -> Resource | None:
    if not options["resource"]:
        if options["url"] or options["title"]:
            raise CommandError("--url and --title need --resource.")
        return None
    type_, _, id_ = options["resource"].partition(":")
    return Resource(type=type_, id=id_, url=options["url"], title=options["title"])
