"""What somebody points at, has the keyboard on, or reads stays where it is, however new rows come."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Route, WebSocketRoute, expect

from preferences.models import User
from tests.browser.conftest import OpenBell
from tests.browser.pages import LIST_CALL, bell, comment, panel

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOW: Final = datetime.now(UTC)
OLD: Final = 25  # rows before anything arrives

#: Numbers in each frame of the socket. A storm's frames keep no order, and how many are drawn at once is chance.
BURSTS: Final = {
    "in order": [[25], [26, 27]],
    "the newest before the rest of its batch": [[34], range(25, 34)],
    "a late batch": [range(35, 45), range(25, 35)],
    "more than are drawn": [range(25, 65)],
    "more than are drawn, twice": [range(25, 65), range(65, 125)],
}


# --- An inbox in the test's hands ----------------------------------------------------------------------------


def notification(number: int) -> dict[str, Any]:
    """The one with this number, counted from the oldest."""
    return comment(number, number=number, at=NOW + timedelta(milliseconds=number))


def newest_first(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """As the server lists them."""
    return [notification(number) for number in sorted(numbers, reverse=True)]


@dataclass
class Inbox:
    """One person's inbox: what a list call answers, and what the socket brings."""

    page: Page
    socket: WebSocketRoute
    numbers: set[int]

    async def send_page(self, route: Route) -> None:
        """Answer a list call with everything."""
        items = newest_first(self.numbers)
        answer = {"notifications": items, "unread_count": len(items), "has_more": False, "cursor": None}
        await route.fulfill(body=json.dumps(answer), content_type="application/json")

    def bring(self, numbers: Iterable[int]) -> None:
        """Have the socket bring the notifications with these numbers, in one frame."""
        self.numbers.update(numbers)
        self.socket.send(json.dumps({"type": "missed", "notifications": newest_first(numbers), "has_more": False}))


OpenInbox = Callable[[int], Awaitable[Inbox]]


@pytest.fixture
def open_inbox(open_bell: OpenBell, alice: User, window: BrowserContext) -> OpenInbox:
    """Opens a panel on so many notifications, numbered from the oldest on."""

    async def open_panel(size: int) -> Inbox:
        sockets: asyncio.Queue[WebSocketRoute] = asyncio.Queue()
        await window.route_web_socket("**/ws/notifications", lambda socket: _pass_on(socket, sockets))
        page = await open_bell(alice)
        inbox = Inbox(page, await sockets.get(), set(range(size)))
        await page.route(LIST_CALL, inbox.send_page)
        await bell(page, unread=0).click()
        await expect(row(page, size - 1)).to_be_in_viewport()
        await panel(page).evaluate("(panel) => Promise.all(panel.getAnimations().map(({ finished }) => finished))")
        return inbox

    return open_panel


def _pass_on(socket: WebSocketRoute, sockets: asyncio.Queue[WebSocketRoute]) -> None:
    socket.connect_to_server()
    sockets.put_nowait(socket)


def row(page: Page, number: int) -> Locator:
    """The row of the notification with this number."""
    return page.locator(f"notification-bell li[data-id='{notification(number)['id']}']")


def scroller(page: Page) -> Locator:
    """What holds the rows."""
    return page.locator("notification-bell [role=tabpanel]")


def pill(page: Page, new: int) -> Locator:
    """The button that says how many wait above."""
    return page.get_by_role("button", name=f"↑ {new} new", exact=True)


# --- What somebody does -----------------------------------------------------------------------------------------------


Attend = Callable[[Locator], Awaitable[None]]


async def point_at(row: Locator) -> None:
    """Put the pointer on the row."""
    await row.hover()


async def focus_on(row: Locator) -> None:
    """Put the keyboard on the row."""
    await row.get_by_role("link").focus()


async def read_on_from(row: Locator) -> None:
    """Scroll the row to the top."""
    await row.evaluate("(row) => row.scrollIntoView()")


@pytest.mark.parametrize("bursts", BURSTS.values(), ids=BURSTS)
@pytest.mark.parametrize(
    ("attend", "number"), [(point_at, OLD - 1), (point_at, OLD - 4), (focus_on, OLD - 1), (read_on_from, OLD - 9)]
)
async def test_the_row_of_interest_stays(
    attend: Attend, number: int, bursts: list[Iterable[int]], open_inbox: OpenInbox
):
    inbox = await open_inbox(OLD)
    await attend(row(inbox.page, number))
    element = await row(inbox.page, number).element_handle()
    before = await element.bounding_box()
    for numbers in bursts:
        inbox.bring(numbers)
        await expect(pill(inbox.page, len(inbox.numbers) - OLD)).to_be_visible()
        assert await element.bounding_box() == pytest.approx(before, abs=1)


async def test_the_row_of_interest_stays_while_the_browser_goes_offline_and_comes_back(
    open_inbox: OpenInbox, window: BrowserContext
):
    inbox = await open_inbox(OLD)
    await point_at(row(inbox.page, OLD - 2))
    before = await row(inbox.page, OLD - 2).bounding_box()
    banner = inbox.page.locator("notification-bell .banner")
    await window.set_offline(True)
    await expect(banner).to_be_visible()
    assert await row(inbox.page, OLD - 2).bounding_box() == before
    await window.set_offline(False)
    await expect(banner).to_be_hidden()
    assert await row(inbox.page, OLD - 2).bounding_box() == before


async def test_the_end_of_the_list_is_not_behind_the_words_that_say_offline(
    open_inbox: OpenInbox, window: BrowserContext
):
    inbox = await open_inbox(OLD)
    await window.set_offline(True)
    banner = inbox.page.locator("notification-bell .banner")
    await expect(banner).to_be_visible()
    await scroller(inbox.page).evaluate("(list) => list.scrollTo(0, list.scrollHeight)")
    await expect(row(inbox.page, 0)).to_be_in_viewport(ratio=1)
    last, words = await row(inbox.page, 0).bounding_box(), await banner.bounding_box()
    assert last is not None
    assert words is not None
    assert last["y"] + last["height"] <= words["y"]


async def test_the_keyboard_stays_on_its_row(open_inbox: OpenInbox):
    inbox = await open_inbox(OLD)
    await focus_on(row(inbox.page, OLD - 1))
    inbox.bring(range(OLD, OLD + 40))
    await expect(pill(inbox.page, 40)).to_be_visible()
    await expect(row(inbox.page, OLD - 1).get_by_role("link")).to_be_focused()


async def test_a_list_too_short_to_scroll_stays_under_the_pointer(open_inbox: OpenInbox):
    inbox = await open_inbox(2)
    await point_at(row(inbox.page, 1))
    before = await row(inbox.page, 1).bounding_box()
    for number in (2, 3):
        inbox.bring([number])
        await expect(pill(inbox.page, number - 1)).to_be_visible()
        assert await row(inbox.page, 1).bounding_box() == pytest.approx(before, abs=1)


async def test_a_short_list_is_short_again_once_its_new_rows_are_seen(open_inbox: OpenInbox):
    inbox = await open_inbox(2)
    await point_at(row(inbox.page, 1))
    inbox.bring([2])
    await pill(inbox.page, 1).click()
    await expect(row(inbox.page, 2)).to_be_in_viewport(ratio=1)
    await expect(pill(inbox.page, 1)).to_be_hidden()
    assert await scroller(inbox.page).evaluate("(list) => list.scrollHeight <= list.clientHeight")


async def test_a_short_list_shows_at_once_what_comes_while_nobody_points_at_it(open_inbox: OpenInbox):
    inbox = await open_inbox(2)
    for number in (2, 3):
        inbox.bring([number])
        await expect(row(inbox.page, number)).to_be_in_viewport(ratio=1)
    await expect(pill(inbox.page, 1)).to_be_hidden()
