"""Ten thousand notifications cost what thirty cost."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import CDPSession, Page, Route, expect

from devstack.waiting import wait_on_loop
from preferences.models import User
from tests.browser.conftest import OpenBell
from tests.browser.pages import LIST_CALL, bell, comment, panel, row

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 10_000
NOW = datetime.now(UTC)
MEGABYTE = 1_000_000
ROWS_AT_MOST = 80

#: Scrolls on as soon as more is there, and notes the most rows that the document held.
_SCROLL_TO_THE_END = """async (many) => {
  const { shadowRoot } = document.querySelector("notification-bell");
  const list = shadowRoot.querySelector("[role=tabpanel]");
  let most = 0;
  while (!shadowRoot.querySelector(`li[aria-posinset="${many}"]`)) {
    list.scrollTop = list.scrollHeight;
    await new Promise(requestAnimationFrame);
    most = Math.max(most, shadowRoot.querySelectorAll("li").length);
  }
  return most;
}"""


def notification(number: int) -> dict[str, Any]:
    """The one with this number, newest first, ten minutes apart."""
    return comment(number, number=MANY - number, at=NOW - timedelta(minutes=10 * number))


async def send_page(route: Route) -> None:
    """Answer a list call; the server's own limit of 60 a minute would make this a test of patience."""
    query = parse_qs(urlsplit(route.request.url).query)
    start, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
    end = min(MANY, start + limit)
    has_more = end < MANY
    page = {
        "notifications": [notification(number) for number in range(start, end)],
        "unread_count": MANY,
        "has_more": has_more,
        "cursor": str(end) if has_more else None,
    }
    await route.fulfill(body=json.dumps(page), content_type="application/json")


async def heap(page: Page, session: CDPSession) -> float:
    """How much JavaScript holds on to, in bytes."""
    await session.send("HeapProfiler.collectGarbage")
    return float((await session.send("Runtime.getHeapUsage"))["usedSize"])


async def test_ten_thousand_are_scrolled_and_let_go(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    session = await page.context.new_cdp_session(page)
    await page.route(LIST_CALL, send_page)
    await bell(page, unread=0).click()
    await expect(row(page, 1)).to_be_in_viewport()
    before = await heap(page, session)
    most = await page.evaluate(_SCROLL_TO_THE_END, MANY)
    await expect(row(page, MANY)).to_be_in_viewport()
    assert most < ROWS_AT_MOST
    assert await heap(page, session) - before < 30 * MEGABYTE
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()

    async def is_let_go() -> bool:
        return await heap(page, session) - before < 3 * MEGABYTE

    # A collection finds free what nothing holds, but not always the first one.
    assert await wait_on_loop(is_let_go, seconds=60)


async def test_the_way_back_from_the_end_is_the_same_list(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await page.route(LIST_CALL, send_page)
    await bell(page, unread=0).click()
    await page.evaluate(_SCROLL_TO_THE_END, 1_025)
    for position in (700, 350, 1):
        await page.locator("notification-bell [role=tabpanel]").evaluate(
            "(list, share) => { list.scrollTop = list.scrollHeight * share; }", (position - 1) / 1_025
        )
        await expect(page.locator("notification-bell li").first).to_be_attached()
    await expect(row(page, 1)).to_be_in_viewport()
    await expect(row(page, 1)).to_contain_text("draft 0")
