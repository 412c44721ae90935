"""The page behind the link in a mail, in a real browser: what a press of its buttons leaves behind."""

import pytest
from playwright.async_api import BrowserContext, expect

from preferences.models import User
from tests.preferences.unsubscribing import path_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_back_and_reload_show_the_page_and_send_nothing_again(window: BrowserContext, alice: User):
    page = await window.new_page()
    await page.goto(path_of(alice, "task_assigned"))
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    await page.get_by_role("button", name="Stop all").click()
    await expect(page.get_by_role("status")).to_contain_text("Unsubscribed from all email.")
    await page.reload()
    await page.goto("/healthz")
    await page.go_back()
    await expect(page.get_by_role("status")).to_contain_text("Unsubscribed from all email.")
    assert sent.count("POST") == 1


async def test_the_way_back_is_on_the_page_when_the_undo_is_gone(window: BrowserContext, alice: User):
    page = await window.new_page()
    await page.goto(path_of(alice, "task_assigned"))
    await page.get_by_role("button", name="Unsubscribe").click()
    await page.goto(path_of(alice, "task_assigned"))
    await expect(page.get_by_role("main")).to_contain_text("You get no email about this.")
    await page.get_by_role("button", name="Subscribe again").click()
    await expect(page.get_by_role("main")).to_contain_text("You get each one at once.")
