"""The demo's page in a browser: what its buttons and switches show, and what a mail in it cannot do."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from django.core.mail import EmailMultiAlternatives, get_connection
from playwright.async_api import Browser, Locator, Page, WebSocketRoute, expect

from devstack.demo.management.commands import seed_demo
from devstack.demo.people import AUDIENCE
from tests.browser.demo_stage import open_demo, running_demo
from tests.browser.pages import PATIENCE
from tests.mailbox import Mailbox

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALICE = AUDIENCE[0]


@pytest.fixture(scope="module")
def demo_url(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo without workers, up for all tests of this module."""
    with running_demo(tmp_path_factory.mktemp("demo")) as url:
        yield url


@pytest.fixture
def people(transactional_db: None, flag_on: object, mailbox: Mailbox) -> Iterator[None]:
    """The demo's people, and nothing is down; nor is it afterwards."""
    seed_demo.Command().handle()
    yield
    httpx.delete(f"{os.environ['SQS_ENDPOINT_URL']}/_faults").raise_for_status()


@pytest_asyncio.fixture(loop_scope="session")
async def page(demo_url: str, people: None, browser: Browser) -> AsyncIterator[Page]:
    """The page as Alice sees it, in a window of her own."""
    window = await browser.new_context(base_url=demo_url, viewport={"width": 1440, "height": 900})
    window.set_default_timeout(PATIENCE)
    yield await open_demo(window)
    await window.close()


def newest_way(page: Page) -> Locator:
    """The web process remembers what earlier tests have published."""
    return page.locator(".way").first


def alarm(page: Page, text: str) -> Locator:
    return page.get_by_role("alert").get_by_text(text)


async def test_an_event_is_followed_from_the_button_to_its_display(page: Page):
    await page.get_by_role("button", name="Assign a task").click()
    way = newest_way(page)
    await expect(way.locator('[data-stage="displayed"]')).to_have_attribute("data-state", "done")
    await expect(way.locator('[data-stage="rung"] time')).to_have_text(re.compile(r"\+[\d.]+ m?s"))
    await expect(way.locator('[data-channel="email"]')).to_have_attribute("data-end", "waiting")


async def test_a_switch_raises_an_alarm_that_outlasts_a_reload_and_ends_with_the_fault(page: Page):
    switch = page.get_by_role("switch", name="SES down")
    await switch.click()
    await expect(alarm(page, "SES is down.")).to_be_visible()
    await page.reload()
    await expect(alarm(page, "SES is down.")).to_be_visible()
    await expect(switch).to_have_attribute("aria-checked", "true")
    await page.get_by_role("button", name="Heal").click()
    await expect(alarm(page, "SES is down.")).to_have_count(0)
    await expect(switch).to_have_attribute("aria-checked", "false")


async def test_with_sqs_down_an_event_goes_by_http_and_still_rings(page: Page):
    await page.get_by_role("switch", name="SQS down").click()
    await expect(alarm(page, "SQS is down.")).to_be_visible()
    await page.get_by_role("button", name="Assign a task").click()
    way = newest_way(page)
    await expect(way.locator('[data-stage="handed_over"]')).to_contain_text("HTTP")
    await expect(way.locator('[data-stage="displayed"]')).to_have_attribute("data-state", "done")


async def test_the_kill_switch_hides_the_bell_and_holds_what_is_published(page: Page):
    bell = page.locator("notification-bell").get_by_role("button", name="Notifications", exact=True)
    await expect(bell).to_be_visible()
    await page.get_by_role("switch", name="Kill switch").click()
    await expect(bell).to_be_hidden()
    await page.get_by_role("button", name="Assign a task").click()
    await expect(newest_way(page).locator('[data-stage="received"]')).to_contain_text("held back")
    await page.get_by_role("button", name="Release").click()
    await expect(newest_way(page).locator('[data-stage="stored"]')).to_have_attribute("data-state", "done")


async def test_what_a_bell_catches_up_on_is_said_to_be_and_its_display_is_not_measured(page: Page):
    socket = await reload_with_a_deaf_bell(page)
    await page.get_by_role("button", name="Assign a task").click()
    way = newest_way(page)
    await expect(way.locator('[data-stage="stored"]')).to_have_attribute("data-state", "done")
    socket.send(json.dumps({"type": "resync"}))
    await expect(way.locator('[data-stage="rung"]')).to_contain_text(re.compile(r"Caught up\+"))
    await expect(way.locator('[data-stage="displayed"]')).to_contain_text("not measured")


async def reload_with_a_deaf_bell(page: Page) -> WebSocketRoute:
    """Load the page anew; its bell hears everything but new notifications."""
    sockets: asyncio.Queue[WebSocketRoute] = asyncio.Queue()

    def pass_on(socket: WebSocketRoute) -> None:
        def to_page(frame: str | bytes) -> None:
            if json.loads(frame)["type"] != "notification":
                socket.send(frame)

        socket.connect_to_server().on_message(to_page)
        sockets.put_nowait(socket)

    await page.route_web_socket("**/ws/notifications", pass_on)
    await page.reload()
    return await sockets.get()


async def test_a_mail_is_read_in_a_frame_in_which_nothing_runs(page: Page):
    for subject in ("The first", "The second"):
        send_mail(subject, f"<html><head></head><body><p>{subject}</p><script>document.title = 'ran'</script></body>")
    await page.get_by_role("button", name="The first").click()
    shown = page.frame_locator(".reading iframe")
    await expect(shown.locator("p")).to_have_text("The first")
    sandbox = await page.locator(".reading iframe").get_attribute("sandbox")
    assert not {"allow-scripts", "allow-same-origin"} & set(str(sandbox).split())
    frame = next(frame for frame in page.frames if "/demo/mails/" in urlsplit(frame.url).path)
    assert await frame.title() != "ran"


async def test_the_settings_are_one_click_away(page: Page):
    await expect(page.locator("notification-bell").get_by_role("button", name="Notifications")).to_be_visible()
    await page.get_by_role("button", name="the settings", exact=True).click()
    await expect(page.get_by_role("combobox", name="Email arrives")).to_be_visible()


async def test_a_mails_link_to_the_settings_opens_them(page: Page):
    await page.goto("/?settings")
    await expect(page.get_by_role("combobox", name="Email arrives")).to_be_visible()


async def test_the_login_behind_a_trace_says_where_its_passwords_are(page: Page):
    await page.get_by_role("button", name="Assign a task").click()
    await page.goto(str(await newest_way(page).locator(".trace").get_attribute("href")))
    await expect(page.get_by_text("names and passwords stand in the terminal")).to_be_visible()
    await expect(page.get_by_label("Password")).to_be_visible()


async def test_a_demo_that_has_ended_is_said_to_have(page: Page):
    await page.route("**/demo/publish", lambda route: route.abort())
    await page.get_by_role("button", name="Assign a task").click()
    await expect(page.get_by_text("The demo does not answer. Does it still run?")).to_be_visible()


async def test_a_bell_that_rang_before_the_page_was_open_has_no_time(page: Page):
    await page.get_by_role("button", name="Assign a task").click()
    displayed = newest_way(page).locator('[data-stage="displayed"]')
    await expect(displayed).to_have_attribute("data-state", "done")
    await page.reload()
    await expect(newest_way(page).locator('[data-stage="rung"] time')).to_have_text("not timed")


@pytest.mark.parametrize("width", [1440, 1024, 390])
async def test_the_page_is_never_wider_than_its_window(page: Page, width: int):
    await page.set_viewport_size({"width": width, "height": 844})
    await page.get_by_role("button", name="Mention in a document").click()
    await expect(newest_way(page)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


def send_mail(subject: str, html: str) -> None:
    """Send Alice a mail by the SES of this run."""
    ses = get_connection("django_ses.SESBackend")
    mail = EmailMultiAlternatives(subject, subject, "news@example.com", [ALICE.email], connection=ses)
    mail.attach_alternative(html, "text/html")
    mail.send()
