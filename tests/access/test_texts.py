"""What people and producers write, wherever it is shown: as text, on one line of a header, on one line of a log."""

import email
import email.policy
import io
import json
import logging
import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from delivery import mail
from delivery.models import Delivery
from delivery.transports.contract import Outgoing
from notifications import pipeline
from notifications.models import Notification, Path, RejectedEvent
from preferences.models import User
from telemetry.logs import JsonLines, PlainLines
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.staff import browse_as, superuser

pytestmark = pytest.mark.django_db

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "<!-- --!><script>alert(1)</script>",
    "{{ settings.SECRET_KEY }}{% debug %}",
    "javascript:alert(1)",
    "\u202e<b>txet</b>\u202c",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "</textarea><iframe src=//evil.example>",
]  # fmt: skip
BREAKS = [
    "\r\nBcc: x@evil.example",
    "\nBcc: x@evil.example\n\n<b>",
    "\r",
    "\u2028Bcc: x",
    "\x85Bcc: x",
    "\x1eBcc: x",
    "\x0b",
]


OUR_SCRIPTS = ("/static/", "/admin/jsi18n/")


class Page(HTMLParser):
    """What a browser would run of a page: elements that no template of ours has, handlers, and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("b", "object", "embed") or (
            tag == "script" and not (given.get("src") or "").startswith(OUR_SCRIPTS)
        ):
            self.wrong.append(tag)
        if tag in ("iframe", "img") and not re.match("/|data:", given.get("src") or ""):
            self.wrong.append(f"{tag} {given.get('src')}")
        self.wrong += [name for name in given if name.startswith("on")]
        self.wrong += [
            value or ""
            for name, value in attrs
            if name in ("href", "action") and re.match(r"\s*\w*script:", value or "")
        ]


def published(alice: User, text: str) -> str:
    """Publish an event that says the text wherever it can; return its id."""
    actor = User.objects.create_user(f"{abs(hash(text))}@example.com", name=text)
    alice.name = text
    alice.save()
    data = {
        "actor": {"id": str(actor.id)},
        "resource": {"type": text[:50], "id": text[:50], "url": "/x", "title": text},
        "params": {"excerpt": text, "from": text, "to": text},
    }
    event = event_for(alice, id=text, source=text, type="mentioned", data=data)
    pipeline.process([message(event), message(event_for(alice, id=text, type=text))], path=Path.SQS)
    return str(Notification.objects.get(user=alice).id)


@pytest.fixture
def admin() -> Client:
    return browse_as(superuser())


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_in_the_admin(admin, alice, text):
    row = published(alice, text)
    one, rejected = Delivery.objects.order_by("id").first(), RejectedEvent.objects.get()
    assert one is not None
    pages = [admin.get("/admin/trace", asked) for asked in ({"event": text}, {"event": text, "user": str(alice.id)})]
    pages += [admin.get("/admin/trace", {"event": text, "source": text, "user": text, "after": text})]
    pages += [admin.get("/admin/explain", {"user": text, "type": text, "actor": text, "age": text})]
    pages += [admin.get("/admin/notifications/account/", {"q": text})]
    pages += [admin.get(f"/admin/{page}/change/") for page in (
        f"notifications/account/{alice.id}", f"delivery/delivery/{one.id}", f"notifications/rejectedevent/{rejected.id}",
        f"preferences/user/{alice.id}",
    )]  # fmt: skip
    pages += [admin.post(f"/admin/{page}/body/") for page in (
        f"delivery/delivery/{one.id}", f"notifications/rejectedevent/{rejected.id}",
        f"notifications/account/{alice.id}/notifications/{row}",
    )]  # fmt: skip
    pages += [
        admin.get(f"/admin/{page}/") for page in ("delivery/delivery", "notifications/rejectedevent", "admin/logentry")
    ]
    for page in pages:
        assert page.status_code == 200, page.request["PATH_INFO"]
        assert Page(page.content.decode()).wrong == [], page.request["PATH_INFO"]


def written(alice: User, text: str) -> email.message.EmailMessage:
    """The mail about what the text says, as it goes over the wire, read by another library than the one that wrote."""
    fields = {"title": text, "body": text, "actor_name": text, "resource_title": text, "resource_type": text[:50]}
    row = delivery(alice, type="comment_added", **fields)
    raw = mail.compose(Outgoing(row, alice)).message().as_bytes()
    return email.message_from_bytes(raw, policy=email.policy.default)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_runs_in_a_mail(alice, text):
    html = written(alice, text).get_body(("html",)).get_content()
    assert [wrong for wrong in Page(html).wrong if not wrong.startswith("img https")] == []


@pytest.mark.parametrize("text", [f"New{breaking}" for breaking in BREAKS])
def test_nothing_becomes_a_header_of_a_mail(alice, text):
    usual = written(alice, "Plain")
    alice.name = text
    found = written(alice, text)
    assert found.keys() == usual.keys()
    assert "evil" not in f"{found['To']}{found['From']}{found['List-Unsubscribe']}{found['X-SES-MESSAGE-TAGS']}"
    assert found.get_body(("plain",)) is not None


def test_an_address_of_a_person_becomes_one_recipient(alice):
    for address in (
        "a@example.com,b@evil.example",
        "a@example.com\r\nBcc: b@evil.example",
        '"a\r\n"@example.com',
        "a b@x.y",
    ):
        alice.email = address
        with pytest.raises(Exception, match="invalid_address"):
            written(alice, "x")


# --- Logs ----------------------------------------------------------------------------------------------------

BREAKS_OF_LINES = ["\n", "\r\n", "\x1b[2J", "\x1b]0;x\x07", "\u2028", "\x85", "\0", "\x08"]


@pytest.mark.parametrize("formatter", [JsonLines(), PlainLines()], ids=["json", "plain"])
@pytest.mark.parametrize("breaking", BREAKS_OF_LINES, ids=ascii)
def test_a_line_of_the_log_stays_one_line_without_orders_to_a_terminal(formatter, breaking):
    record = logging.getLogger("notifications").makeRecord(
        "notifications", logging.WARNING, "", 0, "event rejected", (), None,
        extra={"event_id": f"a{breaking}WARNING forged", "event_source": breaking},
    )  # fmt: skip
    line = formatter.format(record)
    assert re.search("[\x00-\x1f\x7f]", line) is None
    assert isinstance(formatter, JsonLines) or line.isprintable()  # in JSON, only a line feed ends a line


def test_what_is_asked_for_is_in_no_line(admin, client, alice):
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    try:
        client.get("/api/v1/x%0aforged", headers={"Authorization": "Bearer forged\nforged", "X-Forged": "forged"})
        client.get("/admin/forged", {"forged": "forged"})
        client.post("/webhooks/ses", b'{"Type": "forged"}', content_type="application/json")
        client.get("/email/unsubscribe/forged")
        client.post("/admin/login/", {"username": "forged@example.com", "password": "forged"})
    finally:
        logging.getLogger().removeHandler(handler)
    assert "forged" not in lines.getvalue()
    assert all(json.loads(line)["message"] for line in lines.getvalue().splitlines())
