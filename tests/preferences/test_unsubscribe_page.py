"""The page behind the link in a mail, as a link scanner and a person see it."""

import re
from datetime import time
from typing import Any

import pytest
from django.contrib.staticfiles import finders

from preferences import people
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from tests.preferences.unsubscribing import (
    NO_MAIL,
    NO_TASKS,
    ONE_CLICK,
    chosen_by,
    path_of,
    press,
    text_of,
    undo_offered,
)


def offered(answer: Any) -> list[str]:
    """The choices that there are buttons for."""
    return re.findall(r'name="choice" value="(\w+)"', answer.text)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_follows_the_link_changes_nothing(browser, link, alice, method):
    answer = browser.generic(method, link)
    assert (answer.status_code, chosen_by(alice)) == (200, Choices())
    assert User.objects.get(id=alice.id).preferences_changed_at is None


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(browser, link, alice, method):
    assert browser.generic(method, link, "List-Unsubscribe=One-Click").status_code == 405
    assert chosen_by(alice) == Choices()


def test_the_page_offers_this_type_all_email_and_a_daily_digest_instead(browser, link):
    text = text_of(browser.get(link))
    assert "Email about “Task assigned to you”" in text
    for offer in ("Stop these emails", "One email a day", "Stop all email"):
        assert offer in text


def test_a_digests_page_has_no_type_to_offer(browser, link_to_all):
    text = text_of(browser.get(link_to_all))
    assert "Email notifications" in text
    assert "Stop these emails" not in text


def test_the_page_does_not_say_whose_it_is(browser, link, alice):
    page = browser.get(link).text
    assert alice.email not in page
    assert alice.name not in page


def test_the_page_runs_nothing_leaks_nothing_and_sets_no_cookie(browser, link):
    answer = browser.get(link)
    assert answer["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    assert not re.search(r"<script|<style|style=|\son\w+=|https?://(?!127\.0\.0\.1)", answer.text)


def test_the_page_finds_its_style_sheet(browser, link):
    address = re.search(r'rel="stylesheet" href="/static/([^"]+)"', browser.get(link).text).group(1)
    assert finders.find(address)


def test_the_page_says_how_things_stand_now(browser, link, alice):
    assert "You get no email about this." in text_of(browser.post(link, ONE_CLICK))
    assert "You get no email from us." in text_of(press(browser, link, choice="all"))
    daily = text_of(press(browser, path_of(alice, "mentioned"), choice="daily"))
    assert "You get them gathered, in one email a day at 09:00 (UTC)." in daily


@pytest.mark.parametrize(
    ("frequency", "when"),
    [("hourly", "one email an hour."), ("weekly", "one email a week, on Mondays at 07:30 (Europe/Paris).")],
)
def test_the_page_says_when_gathered_mail_comes(browser, link_to_all, alice, frequency, when):
    people.store_choices(
        alice.id, Choices(email_digest=DigestFrequency(frequency), timezone="Europe/Paris", digest_time=time(7, 30))
    )
    assert f"You get them gathered, in {when}" in text_of(browser.get(link_to_all))


def test_while_this_type_is_off_a_daily_mail_promises_only_the_others(browser, link, alice):
    people.store_choices(alice.id, NO_TASKS)
    assert "Everything but this kind gathered" in text_of(browser.get(link))
    chosen = text_of(press(browser, link, choice="daily"))
    assert "One email a day from now on, without this kind." in chosen
    assert "You get no email about this." in chosen


@pytest.mark.parametrize(
    ("chosen", "offers"),
    [
        (Choices(), ["type", "daily", "all"]),
        (NO_TASKS, ["again", "daily", "all"]),
        (Choices(email_digest=DigestFrequency.DAILY), ["type", "all"]),
    ],
)
def test_what_is_offered_is_what_would_change_something(browser, link, alice, chosen, offers):
    people.store_choices(alice.id, chosen)
    assert offered(browser.get(link)) == offers


@pytest.mark.parametrize(
    ("frequency", "offers"),
    [("immediate", ["all", "daily", "weekly"]), ("daily", ["all", "weekly"]), ("weekly", ["all", "daily"])],
)
def test_a_digests_page_offers_the_other_digests(browser, link_to_all, alice, frequency, offers):
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency(frequency)))
    assert offered(browser.get(link_to_all)) == offers


def test_those_who_get_no_mail_are_offered_a_daily_one_and_nothing_else(browser, link, alice):
    people.store_choices(alice.id, NO_MAIL)
    assert offered(browser.get(link)) == ["daily"]


# --- After a button was pressed ------------------------------------------------------------------------------


def test_a_browser_is_sent_to_a_page_that_it_can_load_again(browser, link, alice):
    sent = browser.post(link, {"choice": "all"})
    assert (sent.status_code, sent["Referrer-Policy"], sent.cookies) == (303, "no-referrer", {})
    assert sent["Location"].startswith(f"{link}?change=")
    pages = [browser.get(sent["Location"]) for _ in range(2)]
    assert "Unsubscribed from all email." in text_of(pages[0])
    assert undo_offered(pages[0]) == undo_offered(pages[1])
    assert chosen_by(alice) == NO_MAIL


def test_a_mail_program_is_sent_nowhere(browser, link):
    assert browser.post(link, ONE_CLICK).status_code == 200


def test_an_address_tells_of_a_change_only_while_it_holds(browser, link, alice):
    address = browser.post(link, {"choice": "all"})["Location"]
    people.store_choices(alice.id, Choices())
    assert "Everything is as it was before." in text_of(browser.get(address))
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.HOURLY))
    assert 'role="status"' not in browser.get(address).text


@pytest.mark.parametrize("forgery", ["x", "a.b.c", "%00", "%F0%9F%94%94", "a" * 3000])
def test_a_forged_change_is_not_told(browser, link, forgery):
    answer = browser.get(f"{link}?change={forgery}")
    assert answer.status_code == 200
    assert 'role="status"' not in answer.text


def test_another_persons_change_is_not_told(browser, link, bob):
    address = browser.post(path_of(bob, "task_assigned"), {"choice": "all"})["Location"]
    assert 'role="status"' not in browser.get(f"{link}?{address.partition('?')[2]}").text


def test_what_changes_nothing_leads_to_the_page_as_it_is(browser, link, alice):
    people.store_choices(alice.id, NO_MAIL)
    assert browser.post(link, {"choice": "all"})["Location"] == link
