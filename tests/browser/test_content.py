"""What events say is text, whatever it is, and a great many of them stay calm."""

import asyncio
from datetime import UTC, datetime

import pytest
from playwright.async_api import Route, expect

from preferences.models import User
from tests.browser.conftest import OpenBell, OpenWindow, Publish
from tests.browser.pages import LIST_CALL, bell, comment, panel, row, rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Notes what is said, and how far the row under the pointer strays, in every frame.
_WATCH = """() => {
  const { shadowRoot } = document.querySelector("notification-bell");
  const row = shadowRoot.querySelector("li");
  const { top } = row.getBoundingClientRect();
  const began = performance.now();
  const seen = (window.seen = { farthest: 0, seconds: 0, spoken: [] });
  window.heard = new Promise((resolve) => {
    const listen = ([{ target }]) => target.textContent && resolve(seen.spoken.push(target.textContent));
    for (const live of shadowRoot.querySelectorAll("[aria-live]")) {
      new MutationObserver(listen).observe(live, { childList: true, characterData: true, subtree: true });
    }
  });
  const look = () => {
    seen.farthest = Math.max(seen.farthest, Math.abs(row.getBoundingClientRect().top - top));
    seen.seconds = (performance.now() - began) / 1000;
    requestAnimationFrame(look);
  };
  look();
}"""
HOSTILE = {
    "markup": "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>",
    "5,000 characters": "W" * 5_000,
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 " * 30,
    "Arabic": "تحديث صفحة الأسعار " * 20,
    "overrides": "gnp.exe... \u202egnp.exe \u2066 \u200f",
}


@pytest.mark.parametrize("title", HOSTILE.values(), ids=HOSTILE.keys())
async def test_nothing_from_an_event_runs_or_breaks_the_layout(
    title: str, open_bell: OpenBell, publish: Publish, alice: User
):
    page = await open_bell(alice)
    publish(alice, title=title)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_contain_text(title.strip()[:10])
    await expect(page.locator("notification-bell").locator("img, script")).to_have_count(0)
    assert await page.title() == "A page"
    width, needed = await rows(page).evaluate("(row) => [row.clientWidth, row.scrollWidth]")
    assert needed <= width
    box = await rows(page).bounding_box()
    assert box is not None
    assert box["height"] < 160


@pytest.mark.parametrize("width", [1000, 375])
async def test_a_change_of_status_is_shown_to_its_last_word(
    width: int, open_bell: OpenBell, open_window: OpenWindow, alice: User
):
    page = await open_bell(alice, window=await open_window(viewport={"width": width, "height": 700}))
    text = "Sarah Kim changed the status of “Two test phones” from waiting for approval to approved"
    await page.route(LIST_CALL, lambda route: _with_body(route, text))
    await bell(page, unread=0).click()
    body = rows(page).locator(".body")
    await expect(body).to_have_text(text)
    shown, needed = await body.evaluate("(body) => [body.clientHeight, body.scrollHeight]")
    assert shown == needed


async def test_what_is_cut_is_told_to_the_pointer(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await page.route(LIST_CALL, lambda route: _with_body(route, "and so on " * 50))
    await bell(page, unread=0).click()
    await rows(page).locator(".body").hover()
    await expect(rows(page).locator(".body")).to_have_attribute("title", "and so on " * 50)
    await rows(page).locator(".title").hover()
    await expect(rows(page).locator(".title")).to_have_attribute("title", "")


async def _with_body(route: Route, body: str) -> None:
    one = {**comment(1, number=1, at=datetime.now(UTC)), "body": body}
    await route.fulfill(json={"notifications": [one], "unread_count": 1, "has_more": False, "cursor": None})


async def test_a_link_that_would_run_is_no_link(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await expect(bell(page, unread=1)).to_be_visible()
    await page.route(LIST_CALL, _with_a_running_link)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page).get_by_role("link")).to_have_count(0)


async def _with_a_running_link(route: Route) -> None:
    page = await (await route.fetch()).json()
    page["notifications"][0]["resource"]["url"] = "javascript:document.title='run'"
    await route.fulfill(json=page)


async def test_a_storm_is_a_few_sentences_and_no_jumps(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=10)
    await bell(page, unread=10).click()
    await expect(row(page, 10)).to_be_attached()
    await expect(bell(page, unread=10)).to_be_visible()
    await row(page, 1).hover()
    await page.evaluate(_WATCH)
    for count in range(20, 311, 10):
        publish(alice, times=10)
        await expect(bell(page, unread=count)).to_be_visible()
    async with asyncio.timeout(60):  # words come up to 5 s after those before them
        await page.evaluate("window.heard")
    seen = await page.evaluate("window.seen")
    assert seen["farthest"] <= 1, "the row under the pointer moved"
    assert 1 <= len(seen["spoken"]) <= 3 + seen["seconds"] / 5
    await page.get_by_role("button", name="300 new").click()
    await expect(row(page, 1)).to_be_in_viewport()


async def test_a_storm_over_a_closed_bell_keeps_the_page_small(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    await expect(bell(page, unread=0)).to_be_visible()
    publish(alice, times=400)
    await expect(bell(page, unread=400)).to_be_visible()
    await expect(page.locator("notification-bell .badge")).to_have_text("99+")
    await expect(page.locator("notification-bell li")).to_have_count(0)
    await expect(panel(page)).to_be_hidden()
