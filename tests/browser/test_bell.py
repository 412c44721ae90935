"""The bell in a real browser, on the real pipeline: from SQS to pixels."""

import asyncio
import re

import pytest
from playwright.async_api import Locator, Page, expect

from devstack.stack import Servers
from preferences.authentication import issue_token
from preferences.models import User
from tests.browser.conftest import OpenBell, Publish

pytestmark = pytest.mark.usefixtures("intake")

TWO_SECONDS = 2_000
AFTER_AN_OUTAGE = 30_000  # the reconnect of the channel layer, and the spread of the resync


def bell(page: Page, *, unread: int) -> Locator:
    name = f"Notifications, {unread} unread" if unread else "Notifications"
    return page.get_by_role("button", name=name, exact=True)


def rows(page: Page) -> Locator:
    return page.locator("notification-bell").get_by_role("listitem")


def row(page: Page, position: int) -> Locator:
    return page.locator(f"notification-bell li[aria-posinset='{position}']")


async def until_stored(page: Page, user: User) -> None:
    """Wait until the inbox holds something, whatever the bell shows."""
    headers = {"Authorization": f"Bearer {issue_token(user)}"}
    async with asyncio.timeout(20):
        while not (await (await page.request.get("/api/v1/notifications", headers=headers)).json())["unread_count"]:
            await asyncio.sleep(0.1)


async def test_an_event_is_in_the_bell_within_two_seconds(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await expect(bell(page, unread=1)).to_be_visible()  # every process is up and warm
    publish(alice)
    await expect(bell(page, unread=2)).to_be_visible(timeout=TWO_SECONDS)


async def test_an_open_panel_shows_what_arrives(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    await bell(page, unread=0).click()
    await expect(page.get_by_text("No notifications yet")).to_be_visible()
    publish(alice)
    await expect(rows(page)).to_have_count(1)
    await expect(page.get_by_role("link", name="New task assigned to you")).to_have_attribute(
        "href", re.compile("/tasks/tsk_456$")
    )


async def test_a_person_sees_nothing_of_anybody_else(open_bell: OpenBell, publish: Publish, alice: User, charlie: User):
    page = await open_bell(charlie)
    await expect(bell(page, unread=0)).to_be_visible()
    publish(alice)
    publish(charlie)
    await expect(bell(page, unread=1)).to_be_visible()


async def test_marking_one_as_read_outlives_a_reload(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=2)
    await bell(page, unread=2).click()
    await page.get_by_role("button", name="Mark as read: New task assigned to you").first.click()
    await expect(bell(page, unread=1)).to_be_visible()
    async with page.expect_response("**/notifications/bell"):
        await page.reload()
    await expect(bell(page, unread=1)).to_be_visible()


async def test_marking_all_as_read_can_be_undone(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=3)
    await bell(page, unread=3).click()
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.get_by_text("3 marked as read").first).to_be_visible()
    await expect(bell(page, unread=0)).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(bell(page, unread=3)).to_be_visible()


async def test_a_refused_mark_is_taken_back(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await page.route("**/read", lambda route: route.fulfill(status=503, json={"error": {"code": "UNAVAILABLE"}}))
    await bell(page, unread=1).click()
    await page.get_by_role("button", name="Mark as read: New task assigned to you").click()
    await expect(page.get_by_text("That could not be saved.").first).to_be_visible()
    await expect(bell(page, unread=1)).to_be_visible()


async def test_tabs_agree_about_what_is_read(open_bell: OpenBell, publish: Publish, alice: User):
    first, second = await open_bell(alice), await open_bell(alice)
    publish(alice)
    await expect(bell(first, unread=1)).to_be_visible()
    await bell(second, unread=1).click()
    await second.get_by_role("button", name="Mark as read: New task assigned to you").click()
    await expect(bell(first, unread=0)).to_be_visible()


async def test_a_tab_that_opens_later_believes_the_server(open_bell: OpenBell, publish: Publish, alice: User):
    first = await open_bell(alice)
    publish(alice, times=2)
    await expect(bell(first, unread=2)).to_be_visible()
    second = await open_bell(alice)
    await expect(bell(second, unread=2)).to_be_visible()
    publish(alice)
    await expect(bell(second, unread=3)).to_be_visible()
    await expect(bell(first, unread=3)).to_be_visible()


async def test_the_end_key_reaches_the_oldest_of_many(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=120)
    await bell(page, unread=120).click()
    await page.get_by_role("link", name="New task assigned to you").first.focus()
    for end_of_page in (25, 75):
        await page.keyboard.press("End")
        await expect(row(page, end_of_page + 1)).to_be_attached()
    await page.keyboard.press("End")
    await expect(row(page, 120)).to_be_in_viewport()


async def test_a_bell_left_open_survives_a_restart_of_valkey(
    open_bell: OpenBell, publish: Publish, alice: User, servers: Servers
):
    page = await open_bell(alice)
    await expect(bell(page, unread=0)).to_be_visible()
    await page.evaluate("window.isStillTheSamePage = true")
    servers.valkey.stop()
    publish(alice)
    await until_stored(page, alice)
    servers.valkey.start()
    await expect(bell(page, unread=1)).to_be_visible(timeout=AFTER_AN_OUTAGE)
    assert await page.evaluate("window.isStillTheSamePage")


async def test_nothing_from_an_event_is_html(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, title="<img src=x onerror=alert(1)>")
    await bell(page, unread=1).click()
    await expect(page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()
    await expect(page.locator("notification-bell img")).to_have_count(0)


async def test_the_keyboard_alone_opens_reads_and_closes(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).focus()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("dialog", name="Notifications")).to_be_visible()
    await page.get_by_role("button", name="Mark as read: New task assigned to you").press("Enter")
    await expect(bell(page, unread=0)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(bell(page, unread=0)).to_be_focused()


async def test_settings_are_saved_as_they_are_changed(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await bell(page, unread=0).click()
    await page.get_by_role("button", name="Notification settings").click()
    await page.get_by_role("switch", name="Comment added, Email").check()
    await expect(page.get_by_text("Saved").first).to_be_visible()
    await page.reload()
    await bell(page, unread=0).click()
    await page.get_by_role("button", name="Notification settings").click()
    await expect(page.get_by_role("switch", name="Comment added, Email")).to_be_checked()
