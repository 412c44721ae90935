"""A real Chromium with the bell in it, against the web process of this run.

Playwright is driven from an event loop of pytest-asyncio: its synchronous interface would leave a loop running in the
thread in which Django's ORM refuses to work. One Chromium serves the whole run, one intake a module; every test has
windows of its own.
"""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from django.test import override_settings
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from devstack import chromium
from notifications.event_queue import EventQueue
from notifications_producer import Event, Producer, Resource
from preferences.authentication import issue_token
from preferences.models import User
from tests.browser.pages import PATIENCE, SamplePage, serve
from tests.browser.staff_pages import with_password
from tests.conftest import Web, running_process
from tests.staff import supporter

expect.set_options(timeout=PATIENCE)

OpenWindow = Callable[..., Awaitable[BrowserContext]]
OpenBell = Callable[..., Awaitable[Page]]
Publish = Callable[..., None]


# --- Browser, windows, tabs ----------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(pytestconfig: pytest.Config) -> AsyncIterator[Browser]:
    """The Chromium of this run; without one the tests are left out, and the summary says so."""
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium here: `make test` brings one, or says why not")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(web: Web, browser: Browser) -> AsyncIterator[OpenWindow]:
    """Opens a window as on another machine; its tabs share what a browser shares. Options are Playwright's.

    Chromium does not know from what network a page comes that a test hands it, and would keep it from loopback.
    """
    opened: list[BrowserContext] = []

    async def open_one(**options: Any) -> BrowserContext:
        usual = {"base_url": web.base_url, "viewport": {"width": 1000, "height": 800}}
        window = await browser.new_context(**{**usual, **options}, permissions=["local-network-access"])
        window.set_default_timeout(PATIENCE)
        opened.append(window)
        return window

    yield open_one
    for window in opened:
        await window.close()


@pytest_asyncio.fixture(loop_scope="session")
async def window(open_window: OpenWindow) -> BrowserContext:
    """One person's browser."""
    return await open_window()


@pytest.fixture
def open_bell(web: Web, window: BrowserContext) -> OpenBell:
    """Opens a tab with a page on which this user has a bell, in the usual window or another one."""

    async def open_tab(user: User, *, window: BrowserContext = window, **look: str) -> Page:
        tab = await window.new_page()
        await serve(tab, web.base_url, SamplePage(token=issue_token(user), **look))
        await tab.goto("/page")
        return tab

    return open_tab


# --- Events --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def events(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Producer]:
    """A producer whose queue has an intake at its other end, up for all tests of a module."""
    with override_settings(EVENTS_QUEUE_NAME=f"events-{secrets.token_hex(6)}", EVENTS_QUEUE_URL=""):
        queue = EventQueue()
        queue.create()
        address = {"EVENTS_QUEUE_NAME": queue.name, "EVENTS_QUEUE_URL": queue.url}
    log = tmp_path_factory.mktemp("intake") / "intake.log"
    with running_process("intake", {**address, "ROLLOUT_CACHE_MS": "0"}, log=log):
        yield Producer(queue_url=queue.url, endpoint_url=os.environ["SQS_ENDPOINT_URL"])


@pytest.fixture
def publish(events: Producer) -> Publish:
    """Publishes an event about a task for this user, as a producer would; `times` of them in one go."""

    def publish_events(recipient: User, *, title: str = "Update pricing page", times: int = 1) -> None:
        events.publish_many(task_assigned(recipient, title=title) for _ in range(times))

    return publish_events


def task_assigned(recipient: User, *, title: str = "Update pricing page") -> Event:
    """Return an event that concerns this user."""
    resource = Resource(type="task", id="tsk_456", url="/tasks/tsk_456", title=title)
    return Event(type="task_assigned", source="/services/tasks", recipients=[recipient.id], resource=resource)


# --- The admin -----------------------------------------------------------------------------------------------


@pytest.fixture
def sam() -> User:
    """Somebody of support, with a password."""
    return with_password(supporter())


# --- Left out? -----------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what a missing browser left out."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum("no Chromium here" in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.section("BROWSER TESTS WERE LEFT OUT", red=True, bold=True)
        terminalreporter.line(f"{left_out} tests of the bell did not run: there is no Chromium here.", red=True)
