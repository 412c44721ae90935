"""What surrounds the words of a mail: its links, its headers, its two parts."""

import re
from collections.abc import Iterator

import pytest
from django.core.mail import EmailMultiAlternatives
from pytest_django import Settings

from preferences import unsubscribe
from preferences.catalog import TYPES
from tests.delivery.mails import (
    ALICE,
    NOTHING,
    Page,
    comments,
    delivery,
    digest_of,
    html_of,
    mail_of,
    received,
    token_in,
)

pytestmark = pytest.mark.usefixtures("our_addresses")


def every_kind_of_mail() -> Iterator[EmailMultiAlternatives]:
    for type_ in TYPES:
        yield mail_of(type_.name)
        yield mail_of(type_.name, **NOTHING)
        yield mail_of(type_.name, url="https://docs.example.com/a?b=1&c=2")
        yield mail_of(type_.name, params={"excerpt": "word " * 2000, "to": "word " * 2000})
    yield digest_of(*comments("Sarah", "Bob"))
    yield digest_of(*(delivery(resource_id=f"tsk_{number}") for number in range(60)))


def test_all_links_are_absolute():
    for mail in every_kind_of_mail():
        addresses = Page(html_of(mail)).addresses
        assert addresses
        assert [link for link in addresses if not re.match(r"https?://[\w.:-]+/", link)] == []


def test_links_of_other_hosts_stay_as_they_are():
    mail = mail_of(url="https://docs.example.com/a?b=1&c=2")
    assert "https://docs.example.com/a?b=1&c=2" in mail.body
    assert "https://docs.example.com/a?b=1&c=2" in Page(html_of(mail)).addresses


def test_mail_programs_can_unsubscribe_with_one_click():
    message = received(mail_of())
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert unsubscribe.read(token_in(message["List-Unsubscribe"])).user_id == ALICE


def test_no_header_begins_on_its_second_line():
    raw = mail_of(actor="سارة" * 9, title="料金ページ" * 9).message().as_bytes(linesep="\r\n")
    headers, _, _ = raw.partition(b"\r\n\r\n")
    assert b"\r\nList-Unsubscribe: <https://" in headers
    assert b"\r\nSubject: =?utf-8?" in headers


def test_ses_is_told_where_its_feedback_belongs(settings: Settings):
    settings.SES_CONFIGURATION_SET = "notifications"
    message = received(mail_of())
    assert message["X-SES-CONFIGURATION-SET"] == "notifications"
    assert message["X-SES-MESSAGE-TAGS"] == "delivery_id=7"


def test_without_a_configuration_set_its_header_is_left_out(settings: Settings):
    settings.SES_CONFIGURATION_SET = ""
    assert received(mail_of())["X-SES-CONFIGURATION-SET"] is None


def test_absence_notes_are_not_invited():
    assert received(mail_of())["Auto-Submitted"] == "auto-generated"


def test_text_comes_before_html_and_both_arrive_whole():
    mail = mail_of("comment_added", title="料金ページ", params={"excerpt": "ø" * 3000})
    message = received(mail)
    assert (message["From"], message["To"]) == ("Acme <notifications@example.com>", "alice@example.com")
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == mail.body
    assert html.get_content().strip() == html_of(mail).strip()
