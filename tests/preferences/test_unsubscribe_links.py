"""What a link in a mail can do, for how long, and for whom alone."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from preferences import unsubscribe
from preferences.choices import Choices
from preferences.models import User
from tests.preferences.unsubscribing import NO_TASKS, ONE_CLICK, chosen_by, path_of, undo_offered


def test_a_link_is_absolute_and_names_neither_person_nor_address(alice, settings):
    settings.PUBLIC_URL = "https://notifications.example.com"
    link = unsubscribe.link(alice.id, "mentioned")
    assert link.startswith("https://notifications.example.com/email/unsubscribe/")
    assert "example.com" not in link.removeprefix("https://notifications.example.com")


def test_a_link_of_the_secret_key_before_still_works(browser, link, alice, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new one", [settings.SECRET_KEY]
    assert browser.post(link, ONE_CLICK).status_code == 200
    assert chosen_by(alice) == NO_TASKS


def test_a_link_is_no_undo_and_an_undo_is_no_link(browser, link, alice):
    undo = undo_offered(browser.post(link, ONE_CLICK))
    assert browser.post(link, {"undo": link.rsplit("/", 1)[1]}).status_code == 400
    assert browser.get(f"/email/unsubscribe/{undo}").status_code == 404


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
