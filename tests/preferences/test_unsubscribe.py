"""The way out of mail, as a mail program and a person use it."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from preferences import people, unsubscribe_changes
from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from tests.preferences.unsubscribing import (
    NO_MAIL,
    NO_TASKS,
    ONE_CLICK,
    chosen_by,
    fields_of,
    path_of,
    press,
    text_of,
    undo_offered,
)
from tests.rest import PREFERENCES, Caller

# --- One click -----------------------------------------------------------------------------------------------


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
    [
        ("type", NO_TASKS),
        ("all", NO_MAIL),
        ("daily", Choices(email_digest=DigestFrequency.DAILY)),
    ],
)
def test_each_button_does_what_it_says_and_undo_takes_it_back(browser, link, alice, choice, after):
    before = Choices({"task_assigned": {Channel.EMAIL: True, Channel.PUSH: False}}, DigestFrequency.WEEKLY)
    people.store_choices(alice.id, before)
    done = press(browser, link, choice=choice)
    assert done.status_code == 200
    assert chosen_by(alice) != before
    undone = press(browser, link, undo=undo_offered(done))
    assert (undone.status_code, chosen_by(alice)) == (200, before)
    people.store_choices(alice.id, Choices())
    browser.post(link, {"choice": choice})
    assert chosen_by(alice) == after


def test_undo_restores_a_default_as_a_default(browser, link, alice):
    browser.post(link, {"undo": undo_offered(browser.post(link, ONE_CLICK))})
    assert chosen_by(alice) == Choices()


def test_a_form_that_is_sent_twice_can_still_be_undone(browser, link, alice):
    fields = fields_of(browser.get(link), "all")
    press(browser, link, **fields)
    undo = undo_offered(press(browser, link, **fields))
    browser.post(link, {"undo": undo})
    assert chosen_by(alice) == Choices()


def test_undo_overwrites_nothing_that_was_chosen_since(browser, link, alice):
    undo = undo_offered(press(browser, link, choice="all"))
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.HOURLY))
    answer = browser.post(link, {"undo": undo})
    assert (answer.status_code, chosen_by(alice).email_digest) == (409, DigestFrequency.HOURLY)


def test_undo_leaves_alone_what_it_is_not_about(browser, link, alice):
    undo = undo_offered(press(browser, link, choice="all"))
    Caller(alice).put(PREFERENCES, {"email_digest": "never", "preferences": {"mentioned": {"push": False}}})
    browser.post(link, {"undo": undo})
    assert chosen_by(alice) == Choices({"mentioned": {Channel.PUSH: False}})


def test_undo_is_possible_for_an_hour(browser, link, alice):
    undo = undo_offered(browser.post(link, ONE_CLICK))
    with time_machine.travel(timezone.now() + unsubscribe_changes.UNDO_LIFETIME + timedelta(seconds=2)):
        assert browser.post(link, {"undo": undo}).status_code == 400
    assert chosen_by(alice) == NO_TASKS


def test_undo_is_bound_to_its_person(browser, link, alice, bob):
    undo = undo_offered(press(browser, link, choice="all"))
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


# --- The way back --------------------------------------------------------------------------------------------


def test_mail_of_a_type_can_be_had_again_when_the_undo_is_gone(browser, link, alice):
    people.store_choices(alice.id, NO_TASKS)
    press(browser, link, **fields_of(browser.get(link), "again"))
    assert chosen_by(alice) == Choices()  # the default as a default


def test_having_a_type_again_can_be_undone_too(browser, link, alice):
    people.store_choices(alice.id, NO_TASKS)
    press(browser, link, undo=undo_offered(press(browser, link, choice="again")))
    assert chosen_by(alice) == NO_TASKS


def test_mail_of_a_type_that_is_off_by_default_is_on_again_by_choice(browser, alice):
    press(browser, path_of(alice, "comment_added"), choice="again")
    assert chosen_by(alice) == Choices({"comment_added": {Channel.EMAIL: True}})


def test_having_again_what_is_on_changes_nothing(browser, link, alice):
    press(browser, link, choice="again")
    assert chosen_by(alice) == Choices()


def test_mail_of_a_day_can_become_mail_of_a_week(browser, link_to_all, alice):
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.DAILY))
    press(browser, link_to_all, **fields_of(browser.get(link_to_all), "weekly"))
    assert chosen_by(alice) == Choices(email_digest=DigestFrequency.WEEKLY)


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
