"""Everything without a pointer."""

import pytest
from playwright.async_api import Page, expect

from preferences.models import User
from tests.browser.conftest import OpenBell, Publish
from tests.browser.pages import bell, panel, row, toggle

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_tab_leads_into_the_bell_and_out_of_it(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await expect(bell(page, unread=0)).to_be_visible()
    await page.locator("#before").focus()
    await page.keyboard.press("Tab")
    await expect(bell(page, unread=0)).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="After")).to_be_focused()


@pytest.mark.parametrize("key", ["Space", "Enter"])
async def test_the_bell_opens_by_key_and_escape_gives_the_focus_back(key: str, open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await bell(page, unread=0).press(key)
    await expect(panel(page)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()
    await expect(bell(page, unread=0)).to_be_focused()


async def test_a_person_without_a_mouse_reads_marks_undoes_and_follows(
    open_bell: OpenBell, publish: Publish, alice: User
):
    page = await open_bell(alice)
    publish(alice, times=3)
    await bell(page, unread=3).press("Enter")
    await expect(row(page, 3)).to_be_visible()
    await _tab_to(page, "Mark all as read")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    await _tab_to(page, "Undo")
    await page.keyboard.press("Enter")
    await expect(bell(page, unread=3)).to_be_visible()
    await row(page, 1).get_by_role("link").focus()
    await page.keyboard.press("ArrowDown")
    await expect(row(page, 2).get_by_role("link")).to_be_focused()
    await _tab_to(page, "Mark as read Someone assigned")
    await page.keyboard.press("Space")
    await expect(bell(page, unread=2)).to_be_visible()
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tasks/tsk_456")


async def _tab_to(page: Page, name: str, *, most: int = 12) -> None:
    """Press Tab until this button has the focus; a keyboard user would give up after that many."""
    button = page.get_by_role("button", name=name)
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await button.and_(page.locator(":focus")).count():
            return
    pytest.fail(f"Tab does not lead to {name!r}")


async def test_marking_in_unread_leaves_the_focus_in_the_list(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=2)
    await bell(page, unread=2).click()
    await page.get_by_role("tab", name="All").press("ArrowRight")
    await expect(page.get_by_role("tab", name="Unread")).to_be_focused()
    await toggle(page).first.press("Enter")
    await expect(toggle(page)).to_have_count(1)
    await expect(row(page, 1).locator(":focus")).to_have_count(1)


async def test_settings_can_be_left_by_key(open_bell: OpenBell, alice: User):
    page = await open_bell(alice)
    await bell(page, unread=0).press("Enter")
    await page.get_by_role("button", name="Notification settings").press("Enter")
    await expect(page.get_by_role("switch", name="Comment added, Email")).to_be_visible()
    await expect(page.get_by_role("button", name="Back to notifications")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Notification settings")).to_be_focused()
