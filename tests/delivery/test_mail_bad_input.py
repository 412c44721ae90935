"""Names, titles and addresses of people who mean harm, or who know no better."""

from typing import Any

import pytest
from django.template import TemplateDoesNotExist

from delivery.errors import PermanentFailure
from delivery.mail import compose
from delivery.models import DIGEST, Delivery
from delivery.transports.contract import Outgoing
from preferences.catalog import TYPES
from tests.delivery.mails import NOW, Page, delivery, digest_of, html_of, mail_of, received, user

pytestmark = pytest.mark.usefixtures("our_addresses")
#: Everything with which somebody could end a header and begin another.
BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"]


@pytest.mark.parametrize("type_name", [type_.name for type_ in TYPES])
@pytest.mark.parametrize("place", ["actor", "title", "kind", "excerpt", "to", "url"])
def test_html_is_shown_and_never_run(type_name, place):
    evil = '"><img src=x onerror=alert(1)></td><script>alert(1)</script>'
    assert tags_with(type_name, place, evil) == tags_with(type_name, place, "harmless")


def tags_with(type_name: str, place: str, text: str) -> list[list[str]]:
    """The tags of a mail and of a digest with this text in one place."""
    changes: dict[str, Any] = {"params": {place: text}} if place in ("excerpt", "to") else {place: text}
    if place == "kind":
        changes["title"] = ""  # then the sentence names the kind
    if place == "url":
        changes["url"] = f"/{text}"
    event = delivery(type_name, **changes)
    return [Page(html_of(mail)).tags for mail in (compose(Outgoing(event, user())), digest_of(event, event))]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("place", ["actor", "title", "kind"])
def test_no_name_or_title_adds_a_header(line_break, place):
    evil = {place: f"Sarah{line_break}Bcc: mallory@example.com{line_break}{line_break}Body"}
    for mail in (mail_of("comment_added", **evil), digest_of(delivery("comment_added", **evil))):
        message = received(mail)
        assert message["Bcc"] is None
        assert len(mail.subject.splitlines()) == 1
        assert set(message.keys()) == set(received(mail_of()).keys())


def test_marks_that_turn_the_direction_are_dropped():
    mail = mail_of(title="invoice\u202efdp.exe\u2066")
    assert mail.subject == "Sarah Kim assigned 'invoicefdp.exe' to you"
    assert not set("\u202e\u2066") & set(mail.body + html_of(mail))


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@example",
        "alice@example.com, bob@example.com",
        "Alice <alice@example.com>",
        "alice@example.com\r\nBcc: mallory@example.com",
        '"al\x01ice"@example.com',
        "älice@example.com",
        "ali\u017fe@example.com",  # a long s, which the case-blind validator takes for an s
        "alice@" + "a" * 63 + ".example" * 30 + ".com",
        "alice@exa\u2028mple.com",
    ],
)
def test_what_is_no_address_fails_for_good(address):
    with pytest.raises(PermanentFailure, match=r"^invalid_address$"):
        compose(Outgoing(delivery(), user(address)))


def test_an_international_domain_is_addressed_in_ascii():
    assert compose(Outgoing(delivery(), user("alice@bücher.example"))).to == ["alice@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "outgoing",
    [
        Outgoing(Delivery(id=1, type="no_such_type", occurred_at=NOW), user()),
        Outgoing(Delivery(id=1, type="../email", occurred_at=NOW), user()),
        Outgoing(Delivery(id=1, type=DIGEST), user()),  # with nothing in it
    ],
)
def test_what_cannot_be_rendered_fails_for_good_and_alone(outgoing):
    with pytest.raises(PermanentFailure, match=r"^template_error$"):
        compose(outgoing)


def test_the_log_says_what_broke_a_template(caplog):
    with pytest.raises(PermanentFailure):
        compose(Outgoing(Delivery(id=1, type="no_such_type", occurred_at=NOW), user()))
    [line] = caplog.records
    assert (line.message, line.delivery_id, line.exc_info[0]) == ("template broke", 1, TemplateDoesNotExist)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "tasks/1", "data:text/html,x", " /tasks/1"])
def test_an_address_that_is_neither_a_path_nor_https_is_no_link(url):
    assert url not in Page(html_of(mail_of(url=url))).addresses
