"""A real Chromium with the bell in it, against the web process of this run.

Playwright is driven from the test's own event loop: its synchronous interface would leave a loop running in the
thread in which Django's ORM refuses to work.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from notifications.event_queue import EventQueue
from notifications_producer import Event, Producer, Resource
from preferences.authentication import issue_token
from preferences.models import User
from tests.conftest import ROOT, Web

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_STATIC = ROOT / "notifications" / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE = """<!doctype html><html lang="en"><title>A page</title>
<script type="module" src="/static/notifications/bell.js"></script><script type="module" src="/page.js"></script>
<button id="before">Before</button> <notification-bell></notification-bell> <a href="/elsewhere">After</a>"""

_PATIENCE = 20_000  # ms, on a busy machine
expect.set_options(timeout=_PATIENCE)

Publish = Callable[..., None]
OpenBell = Callable[..., Awaitable[Page]]


def _chromium() -> str:
    """Return where the browser is, or skip the test."""
    found = (os.environ.get("CHROMIUM_PATH"), *map(shutil.which, _NAMES))
    path = next(filter(None, found), None)
    if path is None:
        pytest.skip("no Chromium here: put one on the PATH, or its place into CHROMIUM_PATH")
    return path


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium; as root it cannot have its sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
async def window(web: Web, browser: Browser) -> BrowserContext:
    """One person's browser: its tabs share what a browser shares.

    Chromium does not know from what network a page comes that a test hands it, and would keep it from loopback.
    """
    return await browser.new_context(
        base_url=web.base_url, viewport={"width": 1000, "height": 800}, permissions=["local-network-access"]
    )


@pytest.fixture
def open_bell(web: Web, window: BrowserContext) -> OpenBell:
    """Opens a tab with a page on which this user has a bell."""

    async def open_tab(user: User) -> Page:
        page = await window.new_page()
        page.set_default_timeout(_PATIENCE)
        await _serve_page(page, web.base_url, token=issue_token(user))
        await page.goto("/page")
        return page

    return open_tab


async def _serve_page(page: Page, base_url: str, *, token: str) -> None:
    """Have the browser get the page and the bell's files from here, and all else from the web process."""
    sign_in = f"document.querySelector('notification-bell').getToken = async () => '{token}';"

    async def send_page(route: Route) -> None:
        await route.fulfill(body=_PAGE, content_type="text/html", headers={"Content-Security-Policy": _POLICY})

    async def send_script(route: Route) -> None:
        await route.fulfill(body=sign_in, content_type="text/javascript")

    async def send_file(route: Route) -> None:
        await route.fulfill(path=_STATIC / "notifications" / Path(route.request.url).name)

    await page.route(f"{base_url}/page", send_page)
    await page.route(f"{base_url}/page.js", send_script)
    await page.route(f"{base_url}/static/notifications/*", send_file)


@pytest.fixture
def publish(queue: EventQueue) -> Publish:
    """Publishes an event about a task for this user, as a producer would; `times` of them in one go."""
    producer = Producer(queue_url=queue.url, endpoint_url=os.environ["SQS_ENDPOINT_URL"])

    def publish_events(recipient: User, *, title: str = "Update pricing page", times: int = 1) -> None:
        resource = Resource(type="task", id="tsk_456", url="/tasks/tsk_456", title=title)
        producer.publish_many(
            Event(type="task_assigned", source="/services/tasks", recipients=[recipient.id], resource=resource)
            for _ in range(times)
        )

    return publish_events
