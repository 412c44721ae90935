"""Tabs and browsers of one person agree."""

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from preferences.models import User
from tests.browser.conftest import OpenBell, OpenWindow, Publish
from tests.browser.pages import bell, rows, toggle

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_two_tabs_share_one_socket(open_bell: OpenBell, publish: Publish, alice: User, window: BrowserContext):
    sockets: list[object] = []
    window.on("page", lambda page: page.on("websocket", lambda socket: sockets.append(socket)))
    first, second = await open_bell(alice), await open_bell(alice)
    publish(alice)
    await expect(bell(first, unread=1)).to_be_visible()
    await expect(bell(second, unread=1)).to_be_visible()
    assert len(sockets) == 1


async def test_two_tabs_agree_about_what_is_read(open_bell: OpenBell, publish: Publish, alice: User):
    first, second = await open_bell(alice), await open_bell(alice)
    publish(alice)
    await expect(bell(first, unread=1)).to_be_visible()
    await bell(second, unread=1).click()
    await toggle(second).click()
    await expect(bell(first, unread=0)).to_be_visible()
    await toggle(second, "Mark as unread").click()
    await expect(bell(first, unread=1)).to_be_visible()


async def test_two_browsers_agree_about_what_is_read(
    open_bell: OpenBell, publish: Publish, alice: User, open_window: OpenWindow
):
    desk, sofa = await open_bell(alice), await open_bell(alice, window=await open_window())
    publish(alice, times=3)
    await expect(bell(sofa, unread=3)).to_be_visible()
    await bell(desk, unread=3).click()
    await toggle(desk).first.click()
    await expect(bell(sofa, unread=2)).to_be_visible()
    await desk.get_by_role("button", name="Mark all as read").click()
    await expect(bell(sofa, unread=0)).to_be_visible()
    await desk.get_by_role("button", name="Undo").click()
    await expect(bell(sofa, unread=2)).to_be_visible()


async def test_a_tab_that_opens_later_believes_the_server(open_bell: OpenBell, publish: Publish, alice: User):
    first = await open_bell(alice)
    publish(alice, times=2)
    await expect(bell(first, unread=2)).to_be_visible()
    second = await open_bell(alice)
    await expect(bell(second, unread=2)).to_be_visible()
    publish(alice)
    await expect(bell(second, unread=3)).to_be_visible()
    await expect(bell(first, unread=3)).to_be_visible()


async def test_a_tab_misses_nothing_that_comes_while_it_opens(
    open_bell: OpenBell, publish: Publish, alice: User, window: BrowserContext
):
    first = await open_bell(alice)
    publish(alice)
    await expect(bell(first, unread=1)).to_be_visible()  # so its own question is answered

    async def answer_late(route: Route) -> None:
        one_unread = await route.fetch()
        publish(alice)
        await expect(bell(first, unread=2)).to_be_visible()
        await route.fulfill(response=one_unread)

    await window.route("**/api/v1/notifications/bell", answer_late)
    second = await open_bell(alice)
    await expect(bell(second, unread=2)).to_be_visible()


async def test_another_tab_takes_over_when_the_one_with_the_socket_closes(
    open_bell: OpenBell, publish: Publish, alice: User
):
    first, second = await open_bell(alice), await open_bell(alice)
    await expect(bell(first, unread=0)).to_be_visible()
    await expect(bell(second, unread=0)).to_be_visible()
    async with second.expect_event("websocket"):
        await first.close()
    publish(alice)
    await expect(bell(second, unread=1)).to_be_visible()


async def test_two_people_in_one_browser_share_nothing(
    open_bell: OpenBell, publish: Publish, alice: User, charlie: User
):
    hers, his = await open_bell(alice), await open_bell(charlie)
    publish(alice, times=2)
    publish(charlie)
    await expect(bell(hers, unread=2)).to_be_visible()
    await _shows_one(his)


async def _shows_one(page: Page) -> None:
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
