"""The bell in a real browser, on the real pipeline: from SQS to pixels."""

import asyncio
import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from notifications_producer import Producer
from preferences.models import User
from tests.browser.conftest import OpenBell, Publish, task_assigned
from tests.browser.pages import bell, row, rows, toggle

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO_SECONDS = 2_000  # ms


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
    await toggle(page).first.click()
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


async def test_marking_one_in_unread_can_be_undone(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=2)
    await bell(page, unread=2).click()
    await page.get_by_role("tab", name="Unread").click()
    await toggle(page).first.click()
    await expect(rows(page)).to_have_count(1)
    await page.get_by_role("button", name="Undo").click()
    await expect(rows(page)).to_have_count(2)
    await expect(bell(page, unread=2)).to_be_visible()
    await expect(page.get_by_role("button", name="Undo")).to_be_hidden()


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


async def test_the_same_message_twice_shows_one_row(
    open_bell: OpenBell, publish: Publish, events: Producer, alice: User
):
    page = await open_bell(alice)
    event = task_assigned(alice)
    events.publish(event)
    events.publish(event)
    publish(alice, title="Behind both")  # once this is there, they have been
    await bell(page, unread=2).click()
    await expect(rows(page)).to_have_count(2)


async def test_a_middle_click_opens_the_resource_in_a_tab_of_its_own(
    open_bell: OpenBell, publish: Publish, alice: User, window: BrowserContext
):
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).click()
    async with window.expect_page() as opened:
        await page.get_by_role("link", name="New task assigned to you").click(button="middle")
    assert (await opened.value).url.endswith("/tasks/tsk_456")
    await expect(bell(page, unread=0)).to_be_visible()


async def test_the_server_hears_what_was_displayed(
    open_bell: OpenBell, publish: Publish, alice: User, window: BrowserContext
):
    displayed = asyncio.Event()

    def look(frame: bytes | str) -> None:
        if '"displayed"' in str(frame):
            displayed.set()

    def listen(page: Page) -> None:
        page.on("websocket", lambda socket: socket.on("framesent", look))

    window.on("page", listen)
    page = await open_bell(alice)
    await expect(bell(page, unread=0)).to_be_visible()
    publish(alice)
    async with asyncio.timeout(20):
        await displayed.wait()


async def test_the_bell_says_why_a_notification_came(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).click()
    await rows(page).hover()
    async with page.expect_response("**/explanation") as answered:
        await page.get_by_role("button", name="Why am I seeing this?").click()
    sentence = (await (await answered.value).json())["sentence"]
    await expect(rows(page).get_by_text(sentence)).to_be_visible()
