"""The way out of mail, as a mail program, a link scanner and a person use it."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from preferences import choices, people, unsubscribe
from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from tests.rest import PREFERENCES, Caller

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
NO_MAIL = Choices(email_digest=DigestFrequency.NEVER)
NO_TASKS = Choices(overrides={"task_assigned": {Channel.EMAIL: False}})


@pytest.fixture
def browser():
    """A browser or a mail program: no cookie, no token, and CSRF is checked as in production."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def link(alice):
    return path_of(alice, "task_assigned")


@pytest.fixture
def link_to_all(alice):
    return path_of(alice, None)


def path_of(user, type_name):
    return "/" + unsubscribe.link(user.id, type_name).split("/", 3)[3]


def chosen_by(user):
    return choices.from_stored(User.objects.get(id=user.id).notification_preferences)


def undo_offered(response):
    """The token behind the button "Undo"."""
    return re.search(r'<button name="undo" value="([^"]+)">', response.text).group(1)


def fields_of(response, choice):
    """What a browser sends when that button is pressed."""
    form = next(
        form for form in re.findall(r"<form.*?</form>", response.text, re.DOTALL) if f'value="{choice}"' in form
    )
    return {"choice": choice, "undo": re.search(r'name="undo" value="([^"]+)"', form).group(1)}


def text_of(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())


# --- Looking -------------------------------------------------------------------------------------------------


def test_a_link_is_absolute_and_names_neither_person_nor_address(alice, settings):
    settings.PUBLIC_URL = "https://notifications.example.com"
    link = unsubscribe.link(alice.id, "mentioned")
    assert link.startswith("https://notifications.example.com/email/unsubscribe/")
    assert "example.com" not in link.removeprefix("https://notifications.example.com")


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


# --- One click -----------------------------------------------------------------------------------------------


def test_a_link_of_the_secret_key_before_still_works(browser, link, alice, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [settings.SECRET_KEY]
    assert browser.post(link, ONE_CLICK).status_code == 200
    assert chosen_by(alice) == NO_TASKS


def test_one_click_in_a_mail_program_stops_this_type_alone(browser, link, alice):
    answer = browser.post(link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.cookies) == (200, {})
    assert chosen_by(alice) == NO_TASKS


def test_one_click_works_as_multipart_too(browser, link, alice):
    assert browser.post(link, ONE_CLICK).status_code == 200  # what the test client sends without being told
    assert chosen_by(alice) == NO_TASKS


def test_one_click_in_a_digest_stops_all_mail(browser, link_to_all, alice):
    assert browser.post(link_to_all, ONE_CLICK).status_code == 200
    assert chosen_by(alice) == NO_MAIL


def test_one_click_twice_is_as_good_as_once(browser, link, alice):
    answers = [browser.post(link, ONE_CLICK).status_code for _ in range(2)]
    assert (answers, chosen_by(alice)) == ([200, 200], NO_TASKS)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", "application/x-www-form-urlencoded"),
        ("List-Unsubscribe=Maybe", "application/x-www-form-urlencoded"),
        ("choice=everything", "application/x-www-form-urlencoded"),
        ("choice=%00&undo=", "application/x-www-form-urlencoded"),
        ("List-Unsubscribe=One-Click", "text/plain"),
        ('{"choice": "all"}', "application/json"),
        ("--broken", "multipart/form-data; boundary=other"),
    ],
)
def test_a_post_that_chooses_nothing_changes_nothing(browser, link, alice, body, content_type):
    assert browser.post(link, body, content_type=content_type).status_code == 400
    assert chosen_by(alice) == Choices()


def test_everything_else_that_was_chosen_stays(browser, link, alice):
    before = Choices(
        {"mentioned": {Channel.PUSH: False}, "task_assigned": {Channel.IN_APP: False}}, timezone="Asia/Tokyo"
    )
    people.store_choices(alice.id, before)
    User.objects.filter(id=alice.id).update(push_tokens=[{"token": "t"}])
    browser.post(link, ONE_CLICK)
    after = chosen_by(alice)
    assert after.overrides["task_assigned"] == {Channel.IN_APP: False, Channel.EMAIL: False}
    assert (after.overrides["mentioned"], after.timezone) == (before.overrides["mentioned"], "Asia/Tokyo")
    assert User.objects.get(id=alice.id).push_tokens == [{"token": "t"}]


def test_held_mail_hears_of_the_new_choice(browser, link_to_all, alice):
    before = timezone.now()
    browser.post(link_to_all, ONE_CLICK)
    assert User.objects.get(id=alice.id).preferences_changed_at > before


# --- Choosing and undo ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "after"),
    [("type", NO_TASKS), ("all", NO_MAIL), ("daily", Choices(email_digest=DigestFrequency.DAILY))],
)
def test_each_button_does_what_it_says_and_undo_takes_it_back(browser, link, alice, choice, after):
    before = Choices({"task_assigned": {Channel.EMAIL: True, Channel.PUSH: False}}, DigestFrequency.WEEKLY)
    people.store_choices(alice.id, before)
    done = browser.post(link, {"choice": choice})
    assert done.status_code == 200
    assert chosen_by(alice) != before
    undone = browser.post(link, {"undo": undo_offered(done)})
    assert (undone.status_code, chosen_by(alice)) == (200, before)
    people.store_choices(alice.id, Choices())
    browser.post(link, {"choice": choice})
    assert chosen_by(alice) == after


def test_undo_restores_a_default_as_a_default(browser, link, alice):
    browser.post(link, {"undo": undo_offered(browser.post(link, ONE_CLICK))})
    assert chosen_by(alice) == Choices()


def test_a_form_that_is_sent_twice_can_still_be_undone(browser, link, alice):
    fields = fields_of(browser.get(link), "all")
    browser.post(link, fields)
    undo = undo_offered(browser.post(link, fields))
    browser.post(link, {"undo": undo})
    assert chosen_by(alice) == Choices()


def test_undo_overwrites_nothing_that_was_chosen_since(browser, link, alice):
    undo = undo_offered(browser.post(link, {"choice": "all"}))
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.HOURLY))
    answer = browser.post(link, {"undo": undo})
    assert (answer.status_code, chosen_by(alice).email_digest) == (409, DigestFrequency.HOURLY)


def test_undo_leaves_alone_what_it_is_not_about(browser, link, alice):
    undo = undo_offered(browser.post(link, {"choice": "all"}))
    Caller(alice).put(PREFERENCES, {"email_digest": "never", "preferences": {"mentioned": {"push": False}}})
    browser.post(link, {"undo": undo})
    assert chosen_by(alice) == Choices({"mentioned": {Channel.PUSH: False}})


def test_undo_is_possible_for_an_hour(browser, link, alice):
    undo = undo_offered(browser.post(link, ONE_CLICK))
    with time_machine.travel(timezone.now() + unsubscribe.UNDO_LIFETIME + timedelta(seconds=2)):
        assert browser.post(link, {"undo": undo}).status_code == 400
    assert chosen_by(alice) == NO_TASKS


def test_undo_is_bound_to_its_person(browser, link, alice, bob):
    undo = undo_offered(browser.post(link, {"choice": "all"}))
    browser.post(path_of(bob, "task_assigned"), {"choice": "all"})
    answer = browser.post(path_of(bob, "task_assigned"), {"undo": undo})
    assert (answer.status_code, chosen_by(bob), chosen_by(alice)) == (400, NO_MAIL, NO_MAIL)


def test_undo_is_bound_to_the_type_of_its_link(browser, link, alice):
    undo = undo_offered(browser.post(link, ONE_CLICK))
    assert browser.post(path_of(alice, "mentioned"), {"undo": undo}).status_code == 400
    assert chosen_by(alice) == NO_TASKS


@pytest.mark.parametrize("forgery", ["x", "a.b.c", "\x00", "é" * 3000])
def test_a_forged_undo_changes_nothing(browser, link, alice, forgery):
    assert browser.post(link, {"undo": forgery}).status_code == 400
    assert chosen_by(alice) == Choices()


def test_a_link_is_no_undo_and_an_undo_is_no_link(browser, link, alice):
    undo = undo_offered(browser.post(link, ONE_CLICK))
    assert browser.post(link, {"undo": link.rsplit("/", 1)[1]}).status_code == 400
    assert browser.get(f"/email/unsubscribe/{undo}").status_code == 404


def test_the_page_says_how_things_stand_now(browser, link, alice):
    assert "You get no email about this." in text_of(browser.post(link, ONE_CLICK))
    assert "You get no email from us." in text_of(browser.post(link, {"choice": "all"}))
    assert "You get them gathered, daily." in text_of(browser.post(path_of(alice, "mentioned"), {"choice": "daily"}))


def test_those_who_get_no_mail_are_offered_a_daily_one_and_nothing_else(browser, link, alice):
    people.store_choices(alice.id, NO_MAIL)
    assert re.findall(r'name="choice" value="(\w+)"', browser.get(link).text) == ["daily"]


# --- Links that do not work ----------------------------------------------------------------------------------


def assert_refused(browser, link):
    """Every bad link has the same answer, to whatever method."""
    answers = [browser.get(link), browser.post(link, ONE_CLICK), browser.get("/email/unsubscribe/x")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.content for answer in answers}) == 1
    assert "This link does not work any more" in answers[0].text
    assert "default-src 'none'" in answers[0]["Content-Security-Policy"]


@pytest.mark.parametrize("position", [0, 30, 60, -50, -44, -1])
def test_a_tampered_link_is_refused(browser, link, alice, position):
    letters = list(link.rsplit("/", 1)[1])
    letters[position] = "B" if letters[position] == "A" else "A"
    assert_refused(browser, f"/email/unsubscribe/{''.join(letters)}")
    assert chosen_by(alice) == Choices()


def test_one_persons_signature_is_worth_nothing_on_another_persons_link(browser, link, alice, bob):
    of_bob, signature = path_of(bob, "task_assigned").split(".", 1)[0], link.split(".", 1)[1]
    assert_refused(browser, f"{of_bob}.{signature}")
    assert chosen_by(bob) == Choices()


def test_a_link_touches_nobody_else(browser, link, alice, bob):
    browser.post(link, {"choice": "all"})
    assert chosen_by(bob) == Choices()


def test_a_link_works_for_400_days_and_no_longer(browser, link, alice):
    sent_at = timezone.now()
    with time_machine.travel(sent_at + timedelta(days=399, hours=23)):
        assert browser.get(link).status_code == 200
    with time_machine.travel(sent_at + timedelta(days=400, seconds=2)):
        assert_refused(browser, link)


def test_a_link_of_someone_who_is_gone_is_refused_like_any_other(browser, db):
    nobody = User(id=uuid4())
    assert_refused(browser, path_of(nobody, "mentioned"))


def test_a_link_signed_with_another_secret_is_refused(browser, alice, settings):
    ours, settings.SECRET_KEY = settings.SECRET_KEY, "another secret"
    foreign = path_of(alice, None)
    settings.SECRET_KEY = ours
    assert_refused(browser, foreign)


@pytest.mark.parametrize("token", ["%00", "%F0%9F%94%94", "a" * 10_000, "..", "a.b.c", "%2e%2e.x.y"])
def test_nonsense_is_refused_without_a_stumble(browser, db, token):
    assert browser.get(f"/email/unsubscribe/{token}").status_code == 404


# --- Types that are special ----------------------------------------------------------------------------------


@pytest.fixture
def locked(monkeypatch):
    type_ = NotificationType(
        "task_assigned", "Task assigned to you", frozenset(Channel), locked=frozenset({Channel.EMAIL})
    )
    monkeypatch.setitem(CATALOG, "task_assigned", type_)


@pytest.mark.parametrize("body", [ONE_CLICK, {"choice": "type"}], ids=["one click", "button"])
def test_a_locked_type_stays_and_the_page_says_so_kindly(browser, link, alice, locked, body):
    answer = browser.post(link, body)
    assert (answer.status_code, chosen_by(alice)) == (403, Choices())
    assert "Sorry, these emails cannot be turned off alone. Nothing was changed." in text_of(answer)


def test_of_a_locked_type_the_other_ways_out_remain(browser, link, alice, locked):
    assert re.findall(r'name="choice" value="(\w+)"', browser.get(link).text) == ["daily", "all"]
    browser.post(link, {"choice": "all"})
    assert chosen_by(alice) == NO_MAIL


def test_a_digests_link_is_of_no_type_that_could_be_chosen(browser, link_to_all, alice):
    assert browser.post(link_to_all, {"choice": "type"}).status_code == 400
    assert chosen_by(alice) == Choices()


def test_a_type_that_is_gone_is_unsubscribed_already(browser, link, alice, monkeypatch):
    monkeypatch.delitem(CATALOG, "task_assigned")
    assert (browser.get(link).status_code, browser.post(link, ONE_CLICK).status_code) == (200, 200)
    assert chosen_by(alice) == Choices()
