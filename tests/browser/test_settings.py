"""The settings, beside what changes them elsewhere: another tab, or a link in a mail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from playwright.async_api import BrowserContext, Locator, Page, Response, Route, expect

from devstack.waiting import wait_until
from preferences import choices, people
from preferences.authentication import issue_token
from preferences.models import User
from tests.browser.conftest import OpenBell
from tests.browser.pages import SamplePage, bell, panel, refuse, serve
from tests.conftest import Web

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFERENCES_CALL = "**/api/v1/notifications/preferences"


async def open_settings(page: Page) -> None:
    """Open the panel, and the settings in it."""
    await bell(page, unread=0).click()
    await page.get_by_role("button", name="Notification settings").click()
    await expect(page.get_by_role("switch")).not_to_have_count(0)


def status(page: Page) -> Locator:
    """What the settings say of the last save, to the eye."""
    return page.locator("notification-bell [part=settings-status]")


def switch(page: Page, name: str) -> Locator:
    return page.get_by_role("switch", name=name)


async def turn(page: Page, name: str, *, on: bool) -> None:
    """Turn a switch, and wait until that is stored."""
    async with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        await switch(page, name).set_checked(on)
    await expect(status(page)).to_have_text("Saved")


async def choose(user: User, **body: Any) -> None:
    """Store the user's choices, as another tab or a mail's link would."""

    def store() -> None:
        people.store_choices(user.id, choices.from_request(body))
        connection.close()  # of a thread that nobody else uses

    await asyncio.to_thread(store)


async def chosen_by(user: User) -> dict[str, Any]:
    """The user's choices as stored."""

    def read() -> dict[str, Any]:
        stored: dict[str, Any] = User.objects.get(id=user.id).notification_preferences
        connection.close()
        return stored

    return await asyncio.to_thread(read)


async def chooses(user: User, key: str, value: object) -> bool:
    """Whether that is stored among the user's choices soon."""

    def wait() -> bool:
        is_stored = wait_until(
            lambda: User.objects.get(id=user.id).notification_preferences.get(key) == value, seconds=20
        )
        connection.close()
        return is_stored

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
    assert await chooses(alice, "preferences", {"comment_added": {"email": True}})


async def test_a_change_outlives_a_bell_that_is_taken_from_its_page(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await switch(page, "Comment added, Email").check()
    await page.evaluate("document.querySelector('notification-bell').remove()")
    assert await chooses(alice, "preferences", {"comment_added": {"email": True}})


async def test_the_last_word_counts_though_the_one_before_waits_for_a_new_token(
    web: Web, window: BrowserContext, alice: User
):
    page = await window.new_page()
    token = issue_token(alice)
    script = f"""let asked = 0;
        const renewal = new Promise((resolve) => (window.renew = resolve));
        bell.getToken = async () => {{ if (asked++) await renewal; return "{token}"; }};"""
    await serve(page, web.base_url, SamplePage(token=token, script=script))
    await page.goto("/page")
    await open_settings(page)
    answers: list[int] = []

    async def refuse_the_first(route: Route) -> None:
        is_first_save = route.request.method == "PATCH" and not answers
        await (route.fulfill(status=401, json={}) if is_first_save else route.continue_())

    def is_answered(times: int) -> Callable[[Response], bool]:
        def note(answer: Response) -> bool:
            if answer.request.method == "PATCH":
                answers.append(answer.status)
            return len(answers) == times

        return note

    await page.route(PREFERENCES_CALL, refuse_the_first)
    async with page.expect_response(is_answered(1)):
        await switch(page, "You were mentioned, Email").uncheck()
    await switch(page, "You were mentioned, Email").check()
    async with page.expect_response(is_answered(3)):
        await page.keyboard.press("Escape")
        await page.evaluate("window.renew()")
    assert answers == [401, 200, 200]
    assert (await chosen_by(alice))["preferences"] == {"mentioned": {"email": True}}


async def test_what_could_not_be_saved_is_said_though_the_next_change_could(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    saves: list[str] = []
    is_next_made = asyncio.Event()

    async def refuse_the_first(route: Route) -> None:
        if route.request.method != "PATCH":
            return await route.continue_()
        saves.append(route.request.method)
        if len(saves) > 1:
            return await route.continue_()
        await is_next_made.wait()
        return await route.fulfill(status=503, json={})

    await page.route(PREFERENCES_CALL, refuse_the_first)
    async with page.expect_request(lambda request: request.method == "PATCH"):
        await switch(page, "Comment added, Email").check()
    await switch(page, "You were mentioned, Email").uncheck()
    async with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        is_next_made.set()
    await page.evaluate("new Promise(requestAnimationFrame)")
    await expect(status(page)).to_have_text("Your change could not be saved.")
    await expect(switch(page, "Comment added, Email")).not_to_be_checked()
    await expect(switch(page, "You were mentioned, Email")).not_to_be_checked()


async def test_what_could_not_be_saved_behind_a_closed_panel_is_said_at_its_next_opening(
    open_bell: OpenBell, alice: User
):
    page = await open_bell(alice)
    await open_settings(page)
    await refuse(page, PREFERENCES_CALL)
    async with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        await switch(page, "Comment added, Email").check()
        await page.keyboard.press("Escape")
    await page.unroute(PREFERENCES_CALL)
    await open_settings(page)
    await expect(status(page)).to_have_text("Your change could not be saved.")
    await expect(switch(page, "Comment added, Email")).not_to_be_checked()


async def test_settings_that_do_not_load_show_no_older_ones(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await refuse(page, PREFERENCES_CALL)
    await switch(page, "Comment added, Email").check()
    await page.get_by_role("button", name="Back to notifications").click()
    await page.get_by_role("button", name="Notification settings").click()
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await expect(status(page)).to_have_text("Your change could not be saved.")
    await expect(page.get_by_role("switch")).to_have_count(0)


async def test_a_time_can_be_typed(open_bell: OpenBell, alice: User):
    await choose(alice, email_digest="daily")
    page = await open_bell(alice)
    await open_settings(page)
    await page.get_by_label("At", exact=True).focus()
    await page.keyboard.type("0630PM")
    assert await chooses(alice, "digest_time", "18:30")


async def test_a_refused_change_is_taken_back(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await open_settings(page)
    await page.route(
        PREFERENCES_CALL,
        lambda route: route.fulfill(status=503, json={}) if route.request.method == "PATCH" else route.continue_(),
    )
    await switch(page, "Comment added, Email").check()
    await expect(status(page)).to_have_text("Your change could not be saved.")
    await expect(switch(page, "Comment added, Email")).not_to_be_checked()


async def test_a_weekly_mail_names_its_day(open_bell: OpenBell, alice: User):
    await choose(alice, email_digest="weekly")
    page = await open_bell(alice)
    await open_settings(page)
    await expect(page.get_by_role("combobox", name="Email arrives").locator("option:checked")).to_have_text(
        "Every Monday"
    )
