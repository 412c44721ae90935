"""`make screenshots`: the demo's page at work, for the README. No test by its name, as screenshots.py."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from devstack.demo.management.commands import seed_demo
from devstack.demo.people import AUDIENCE
from preferences.models import User
from tests.browser.demo_stage import open_demo, running_demo
from tests.browser.screenshots import FOLDER
from tests.mailbox import Mailbox
from tests.phones import Phones

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALICE = AUDIENCE[0]
DESK = {"width": 1440, "height": 990}
PHONE = {"width": 390, "height": 844}
FOUR_HUNDRED_KILOBYTES = 400_000
PRESSED = ("Write a comment", "Mention in a document", "Assign a task")
PATIENCE = 90_000  # ms; workers may have to start first


@pytest.fixture
def demo_url(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """A demo that sends mail and push; one for each picture, since it remembers what its page has published."""
    with running_demo(tmp_path, workers=("email", "push")) as url:
        yield url


@pytest.fixture(autouse=True)
def _people(transactional_db: None, flag_on: object, mailbox: Mailbox, fcm: Phones, apns: Phones) -> None:
    """The demo's people, with nothing on their phones; Alice wants her mail at once."""
    seed_demo.Command().handle()
    User.objects.filter(id=ALICE.id).update(notification_preferences={"email_digest": "immediate"})


async def shoot(page: Page, name: str) -> None:
    """Keep a picture, when it is small enough for a repository."""
    await page.mouse.move(1, 1)
    picture = await page.screenshot(animations="disabled")
    assert len(picture) < FOUR_HUNDRED_KILOBYTES
    (FOLDER / f"demo-{name}.png").write_bytes(picture)


async def busy_page(browser: Browser, url: str, **options: Any) -> Page:
    """Open the page and press three buttons; return when mail and push have gone out."""
    window = await browser.new_context(**{"base_url": url, "viewport": DESK, **options})
    window.set_default_timeout(PATIENCE)
    page = await open_demo(window)
    for number, name in enumerate(PRESSED, start=1):
        await page.get_by_role("button", name=name).click()
        await expect(page.locator(".way")).to_have_count(number)
    for channel in ("email", "push"):
        newest = page.locator(".way").first.locator(f'[data-channel="{channel}"]')
        await expect(newest).to_contain_text("went out", timeout=PATIENCE)
    await expect(page.locator(".mail")).to_have_count(2)
    await expect(page.frame_locator(".reading iframe").get_by_text(re.compile("Open task|View"))).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_desk(scheme: str, browser: Browser, demo_url: str):
    page = await busy_page(browser, demo_url, color_scheme=scheme)
    await shoot(page, scheme)
    await page.context.close()


async def test_phone(browser: Browser, demo_url: str):
    page = await busy_page(browser, demo_url, viewport=PHONE, is_mobile=True, has_touch=True)
    await page.locator(".story").evaluate("story => story.scrollIntoView()")
    await shoot(page, "phone")
    await page.context.close()
