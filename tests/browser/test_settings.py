"""The settings, beside what changes them elsewhere: another tab, or a link in a mail."""

import asyncio
from typing import Any

import pytest
from django.db import connection
from playwright.async_api import Locator, Page, expect

from devstack.waiting import wait_until
from preferences import choices, people
from preferences.models import User
from tests.browser.conftest import OpenBell
from tests.browser.pages import bell, panel

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFERENCES_CALL = "**/api/v1/notifications/preferences"


async def open_settings(page: Page) -> None:
    """Open the panel, and the settings in it."""
    await bell(page, unread=0).click()
    await page.get_by_role("button", name="Notification settings").click()
    await expect(page.get_by_role("switch")).not_to_have_count(0)


def switch(page: Page, name: str) -> Locator:
    return page.get_by_role("switch", name=name)


async def turn(page: Page, name: str, *, on: bool) -> None:
    """Turn a switch, and wait until that is stored."""
    async with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        await switch(page, name).set_checked(on)
    await expect(page.get_by_text("Saved").first).to_be_visible()


async def choose(user: User, **body: Any) -> None:
    """Store the user's choices, as another tab or a mail's link would."""

    def store() -> None:
        people.store_choices(user.id, choices.from_request(body))
        connection.close()  # of a thread that nobody else uses

    await asyncio.to_thread(store)


async def chosen_by(user: User, *, within: float = 0) -> dict[str, Any]:
    """The user's choices as stored, once there are any or that many seconds have passed."""

    def read() -> dict[str, Any]:
        stored: dict[str, Any] = User.objects.get(id=user.id).notification_preferences
        return stored

    def wait() -> dict[str, Any]:
        wait_until(lambda: bool(read()), seconds=within)
        stored = read()
        connection.close()
        return stored

    return await asyncio.to_thread(wait)


async def test_settings_show_at_every_opening_what_holds_then(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await expect(switch(page, "You were mentioned, Email")).to_be_checked()
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()
    await choose(alice, preferences={"mentioned": {"email": False}})
    await open_settings(page)
    await expect(switch(page, "You were mentioned, Email")).not_to_be_checked()


async def test_settings_that_are_open_bring_nothing_back_that_was_turned_off_elsewhere(
    open_bell: OpenBell, alice: User
):
    here, there = await open_bell(alice), await open_bell(alice)
    await open_settings(here)
    await open_settings(there)
    await turn(there, "Status changed, Phone", on=False)
    await turn(here, "Comment added, Email", on=True)
    assert (await chosen_by(alice))["preferences"] == {
        "status_changed": {"push": False},
        "comment_added": {"email": True},
    }
    await expect(switch(here, "Status changed, Phone")).not_to_be_checked()


async def test_only_what_was_chosen_is_stored_and_a_no_that_is_the_default_stays_one(open_bell: OpenBell, alice: User):
    await choose(alice, preferences={"status_changed": {"email": False}})
    page = await open_bell(alice)
    await open_settings(page)
    await turn(page, "Comment added, Email", on=True)
    await turn(page, "Comment added, Email", on=False)
    assert await chosen_by(alice) == {
        "preferences": {"status_changed": {"email": False}, "comment_added": {"email": False}},
        "email_digest": "immediate",
    }


async def test_when_mail_arrives_is_kept_beside_other_changes(open_bell: OpenBell, alice: User):
    await choose(alice, email_digest="daily", timezone="Asia/Tokyo", digest_time="07:30")
    page = await open_bell(alice)
    await open_settings(page)
    await turn(page, "You were mentioned, Phone", on=False)
    assert await chosen_by(alice) == {
        "preferences": {"mentioned": {"push": False}},
        "email_digest": "daily",
        "timezone": "Asia/Tokyo",
        "digest_time": "07:30",
    }


async def test_a_tab_that_is_looked_at_again_shows_what_holds_then(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await choose(alice, preferences={"mentioned": {"email": False}})
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(switch(page, "You were mentioned, Email")).not_to_be_checked()


async def test_a_change_outlives_a_page_that_is_left_at_once(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await switch(page, "Comment added, Email").check()  # it waits for more
    await page.goto("about:blank")
    assert (await chosen_by(alice, within=20))["preferences"] == {"comment_added": {"email": True}}


async def test_a_refused_change_is_taken_back(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await page.route(
        PREFERENCES_CALL,
        lambda route: route.fulfill(status=503, json={}) if route.request.method == "PATCH" else route.continue_(),
    )
    await switch(page, "Comment added, Email").check()
    await expect(page.get_by_text("Your change could not be saved.").first).to_be_visible()
    await expect(switch(page, "Comment added, Email")).not_to_be_checked()


async def test_a_weekly_mail_names_its_day(open_bell: OpenBell, alice: User):
    await choose(alice, email_digest="weekly")
    page = await open_bell(alice)
    await open_settings(page)
    await expect(page.get_by_role("combobox", name="Email arrives").locator("option:checked")).to_have_text(
        "Every Monday"
    )
