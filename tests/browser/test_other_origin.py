"""A page of another origin shows the bell when ALLOWED_ORIGINS names it, and only then."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from devstack.ports import free_port, http_status
from devstack.waiting import wait_until
from preferences.authentication import issue_token
from preferences.models import Flag, User
from tests.browser.conftest import Publish
from tests.browser.pages import SamplePage, bell, rows, serve
from tests.conftest import running_process

pytestmark = pytest.mark.asyncio(loop_scope="session")

APP = "https://app.example"
STRANGER = "https://stranger.example"


@pytest.fixture
def service(transactional_db: None, flag_on: Flag, tmp_path: Path) -> Iterator[str]:
    """A web process that lets the pages of APP in."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    environment = {"PORT": str(port), "PUBLIC_URL": base_url, "ALLOWED_ORIGINS": APP, "ROLLOUT_CACHE_MS": "0"}
    with running_process("web", environment, log=tmp_path / "web.log"):
        assert wait_until(lambda: http_status(port, "/healthz") is not None, seconds=30)
        yield base_url


async def _open(window: BrowserContext, service: str, user: User, *, origin: str) -> Page:
    page = await window.new_page()
    await serve(page, service, SamplePage(token=issue_token(user)), origin=origin)
    await page.goto(f"{origin}/page")
    return page


async def test_the_bell_works_on_an_allowed_page_and_on_no_other(
    service: str, window: BrowserContext, publish: Publish, alice: User
):
    page = await _open(window, service, alice, origin=APP)
    await expect(bell(page, unread=0)).to_be_visible()
    publish(alice)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
    elsewhere = await _open(window, service, alice, origin=STRANGER)
    await bell(elsewhere, unread=0).click()
    await expect(elsewhere.get_by_text("Notifications could not be loaded.")).to_be_visible()
    await expect(rows(elsewhere)).to_have_count(0)
