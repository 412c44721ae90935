"""axe finds nothing, in any state, light and dark; and the bell suits how people look at it."""

import json
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

from preferences.models import User
from tests.browser.conftest import OpenBell, OpenWindow, Publish
from tests.browser.pages import LIST_CALL, bell, panel, row, rows, toggle

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 390, "height": 844}


async def findings(page: Page) -> str:
    """What axe objects to within the bell, as JSON; "[]" when there is nothing."""
    report = await Axe().run(page, "notification-bell")
    found: list[dict[str, Any]] = report.response["violations"]
    return json.dumps([{"rule": rule["id"], "at": [node["html"] for node in rule["nodes"]]} for rule in found])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_closed_open_and_in_the_settings(
    scheme: str, open_bell: OpenBell, open_window: OpenWindow, publish: Publish, alice: User
):
    page = await open_bell(alice, window=await open_window(color_scheme=scheme, reduced_motion="reduce"))
    publish(alice, times=3)
    await expect(bell(page, unread=3)).to_be_visible()
    assert await findings(page) == "[]"
    await bell(page, unread=3).click()
    await toggle(page).first.click()
    await expect(rows(page)).to_have_count(3)
    assert await findings(page) == "[]"
    await page.get_by_role("button", name="Notification settings").click()
    await expect(page.get_by_role("switch")).not_to_have_count(0)
    assert await findings(page) == "[]"


async def test_axe_finds_nothing_empty_and_failed(open_bell: OpenBell, open_window: OpenWindow, alice: User):
    page = await open_bell(alice, window=await open_window(reduced_motion="reduce"))
    await bell(page, unread=0).click()
    await expect(page.get_by_text("No notifications yet")).to_be_visible()
    assert await findings(page) == "[]"
    await page.route(LIST_CALL, lambda route: route.abort())
    await page.get_by_role("tab", name="Unread").click()
    await expect(page.get_by_text("Notifications could not be loaded.")).to_be_visible()
    assert await findings(page) == "[]"


async def test_axe_would_find_an_image_without_words(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await expect(bell(page, unread=0)).to_be_visible()
    await bell(page, unread=0).evaluate("(button) => button.after(document.createElement('img'))")
    assert "image-alt" in await findings(page)


async def test_on_a_phone_the_panel_is_the_whole_screen(
    open_bell: OpenBell, open_window: OpenWindow, publish: Publish, alice: User
):
    phone = await open_window(viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = await open_bell(alice, window=phone)
    publish(alice, title="A long title " * 20, times=12)
    await bell(page, unread=12).tap()
    assert await panel(page).bounding_box() == pytest.approx({"x": 0, "y": 0, **PHONE}, abs=0.5)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await expect(row(page, 1)).to_be_in_viewport(ratio=1)
    await page.get_by_role("button", name="Close").tap()
    await expect(panel(page)).to_be_hidden()


async def test_each_button_of_a_row_has_a_name_of_its_own(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    for title in ("First page", "Second page"):
        publish(alice, title=title)
    await bell(page, unread=2).click()
    for name in ("Mark as read", "Why am I seeing this?"):
        for title in ("First page", "Second page"):
            await expect(page.get_by_role("button", name=f"{name} Someone assigned '{title}' to you")).to_have_count(1)


@pytest.mark.parametrize("pointer", ["mouse", "finger"])
async def test_marking_as_read_and_as_unread_look_different(
    pointer: str, open_bell: OpenBell, open_window: OpenWindow, publish: Publish, alice: User
):
    touch = pointer == "finger"
    page = await open_bell(alice, window=await open_window(has_touch=touch, is_mobile=touch, reduced_motion="reduce"))
    publish(alice)
    await bell(page, unread=1).click()
    await row(page, 1).hover()
    to_read = await toggle(page).screenshot()
    await toggle(page).click()
    await expect(toggle(page, "Mark as unread")).to_be_visible()
    assert await toggle(page, "Mark as unread").locator(".icon").is_hidden()
    assert await toggle(page, "Mark as unread").screenshot() != to_read


async def test_right_to_left_turns_the_layout(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice, html='dir="rtl"')
    publish(alice)
    await bell(page, unread=1).click()
    heading, settings = page.get_by_role("heading", name="Notifications"), page.get_by_role("button", name="settings")
    assert await _left(heading) > await _left(settings)
    assert await _left(row(page, 1).locator(".avatar")) > await _left(row(page, 1).locator(".tools"))
    assert await _left(panel(page)) >= 0


async def _left(part: Locator) -> float:
    box = await part.bounding_box()
    assert box is not None
    return box["x"]


async def test_a_bell_that_starts_anew_says_that_its_panel_is_closed(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await bell(page, unread=0).click()
    await expect(bell(page, unread=0)).to_have_attribute("aria-expanded", "true")
    await page.locator("notification-bell").evaluate("(bell) => { bell.strings = {}; }")
    await expect(panel(page)).to_be_hidden()
    await expect(bell(page, unread=0)).to_have_attribute("aria-expanded", "false")


async def test_forced_colours_keep_the_unread_apart(
    open_bell: OpenBell, open_window: OpenWindow, publish: Publish, alice: User
):
    page = await open_bell(alice, window=await open_window(forced_colors="active"))
    publish(alice)
    await bell(page, unread=1).click()
    border = await panel(page).evaluate("(panel) => getComputedStyle(panel).borderTopStyle")
    dot, row_behind = [
        await row(page, 1).locator(part).first.evaluate("(part) => getComputedStyle(part).backgroundColor")
        for part in (".dot", "xpath=.")
    ]
    assert border == "solid"
    assert dot != row_behind


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
async def test_nothing_moves_for_who_asked_for_less_motion(
    motion: str, moves: bool, open_bell: OpenBell, open_window: OpenWindow, alice: User
):
    page = await open_bell(alice, window=await open_window(reduced_motion=motion))
    await page.route(LIST_CALL, lambda _: None)  # never answered: skeletons shimmer for as long
    await bell(page, unread=0).click()
    await expect(page.locator("notification-bell .skeleton").first).to_be_attached()
    moving = await page.locator("notification-bell").evaluate("(bell) => bell.shadowRoot.getAnimations().length")
    assert bool(moving) is moves
