"""Mails composed from events of the tests' own, and what a reader's program makes of them."""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any, Final
from uuid import UUID

from django.core.mail import EmailMultiAlternatives

from delivery.mail import compose
from delivery.models import DIGEST, Delivery
from delivery.rendering import render
from delivery.transports.contract import Outgoing
from preferences.models import User

NOW: Final = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
ALICE: Final = UUID(int=1)
#: An event about which there is nothing to say.
NOTHING: Final = {"actor": "", "title": "", "kind": "", "resource_id": "", "url": ""}


def delivery(
    type_name: str = "task_assigned",
    *,
    actor: str = "Sarah Kim",
    title: str = "Update pricing page",
    kind: str = "task",
    resource_id: str = "tsk_456",
    url: str = "/tasks/tsk_456",
    params: dict[str, Any] | None = None,
    minutes_ago: int = 0,
) -> Delivery:
    """What the pipeline puts on record for such an event; it is not in the database."""
    about = {"resource_type": kind or None, "resource_title": title or None}
    content = render(type_name, actor_name=actor or None, **about, params=params or {})
    return Delivery(
        id=7,
        type=type_name,
        title=content.title,
        body=content.body,
        actor_name=actor,
        resource_type=kind,
        resource_id=resource_id,
        resource_url=url,
        resource_title=title,
        occurred_at=NOW - timedelta(minutes=minutes_ago),
    )


def user(email: str | None = "alice@example.com", **stored: Any) -> User:
    """Alice, with preferences as they are stored."""
    return User(id=ALICE, email=email, name="Alice Moreau", notification_preferences=stored)


def mail_of(type_name: str = "task_assigned", **changes: Any) -> EmailMultiAlternatives:
    """Alice's mail about one event, which is described as for `delivery`."""
    return compose(Outgoing(delivery(type_name, **changes), user()))


def digest_of(*items: Delivery, **stored: Any) -> EmailMultiAlternatives:
    """Alice's digest of these, with preferences as they are stored."""
    return compose(Outgoing(Delivery(id=8, type=DIGEST), user(**stored), items))


def comments(*actors: str) -> list[Delivery]:
    """A comment of each on the same task, the first one's the newest."""
    return [
        delivery("comment_added", actor=actor, params={"excerpt": f"says {actor}"}, minutes_ago=minutes)
        for minutes, actor in enumerate(actors)
    ]


def html_of(mail: EmailMultiAlternatives) -> str:
    """The mail's HTML, which is its only part beside the text."""
    ((html, mimetype),) = mail.alternatives
    assert mimetype == "text/html"
    assert isinstance(html, str)
    return html


def received(mail: EmailMultiAlternatives) -> EmailMessage:
    """The mail as its reader's program takes it apart."""
    return message_from_bytes(mail.message().as_bytes(), policy=policy.default)


class Page(HTMLParser):
    """A page's tags, the addresses in it, and the texts that find their own direction."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.directed: list[str] = []
        self._last: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and what it leads to or loads."""
        self._last = dict(attrs)
        self.tags.append(tag)
        self.addresses.extend(value for name, value in attrs if name in ("href", "src", "background", "action"))

    def handle_data(self, data: str) -> None:
        """Note the text, if it stands straight below an element with dir="auto"."""
        if self._last.get("dir") == "auto":
            self.directed.append(data.strip())


def first_text(html: str) -> str:
    """The first words of the body, which is what lists of mails show."""
    body = html.partition("<body")[2].partition(">")[2]
    return re.sub(r"<[^>]*>", " ", body).strip()


def token_in(header: str) -> str:
    """The token of a List-Unsubscribe header."""
    match = re.fullmatch(r"<https://app\.example\.com/email/unsubscribe/(\S+)>", header)
    assert match, header
    return match[1]
