"""The page "Kill switch", in a real browser: what it says before, during and after."""

from datetime import timedelta

import pytest
from axe_playwright_python.async_playwright import Axe
from django.utils import timezone
from playwright.async_api import BrowserContext, Page, expect
from waffle.models import Switch

from preferences import rollout
from preferences.models import User
from tests.browser.conftest import OpenWindow
from tests.browser.staff_pages import log_in, with_password
from tests.delivery.rows import delivery
from tests.staff import superuser

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 390, "height": 844}
ADDRESS = "/admin/switch"


@pytest.fixture
def ada() -> User:
    """Somebody who may do everything, with a password."""
    return with_password(superuser())


@pytest.fixture
def backlog(alice: User) -> None:
    """Mails and pushes that wait, some for too long."""
    now = timezone.now()
    for minutes in (1, 20, 40):
        delivery(alice, channel="push", occurred_at=now - timedelta(minutes=minutes))
    delivery(alice, type="mentioned", occurred_at=now - timedelta(hours=5))
    delivery(alice, state="held", due_at=now + timedelta(hours=1))


@pytest.fixture
def held(backlog: None) -> None:
    """The switch on for half an hour."""
    put_switch(on=True)


@pytest.fixture
def put(request: pytest.FixtureRequest, backlog: None) -> None:
    """The switch as the test says."""
    put_switch(on=request.param)


def put_switch(*, on: bool) -> None:
    then = timezone.now() - timedelta(minutes=30)
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=on, modified=then)


def stand(page: Page):
    return page.locator("#stand")


async def press(page: Page, button: str, *, reason: str) -> None:
    await page.get_by_label("Why").fill(reason)
    await page.get_by_label("I have read what this does").check()
    await page.get_by_role("button", name=button).click()


async def test_it_is_turned_on_after_reading_what_it_holds_and_released_after_reading_what_is_left_out(
    window: BrowserContext, ada: User, backlog: None
):
    page = await log_in(window, ada)
    await page.get_by_role("link", name="Kill switch").click()
    await expect(stand(page)).to_contain_text("Events come in and go out.")
    await expect(page.get_by_role("heading", name="What it would hold")).to_be_visible()
    await press(page, "Stop everything", reason="Mails with a wrong link")
    await expect(page.get_by_text("The kill switch is on.")).to_be_visible()
    await expect(stand(page)).to_contain_text("nothing comes in or goes out")
    left_out = page.locator(".card", has_text="Too old to be sent")
    await expect(left_out.locator(".big")).to_have_text("3")
    await press(page, "Release", reason="Mended")
    await expect(page.get_by_text("The kill switch is released.")).to_be_visible()
    await expect(page.get_by_role("region", name="What was done with it")).to_contain_text(
        "Turned on: Mails with a wrong link"
    )


async def test_a_press_without_a_reason_or_a_confirmation_goes_nowhere(window: BrowserContext, ada: User):
    page = await log_in(window, ada)
    await page.goto(ADDRESS)
    await page.get_by_role("button", name="Stop everything").click()
    await expect(page.get_by_label("Why")).to_be_focused()  # the browser asks for it
    await page.get_by_label("Why").fill("A drill")
    await page.get_by_role("button", name="Stop everything").click()
    await expect(page.get_by_label("I have read what this does")).to_be_focused()
    await page.goto(ADDRESS)
    await expect(stand(page)).to_contain_text("off")


async def test_support_reads_it_and_has_no_button(window: BrowserContext, sam: User, held: None):
    page = await log_in(window, sam)
    await page.goto(ADDRESS)
    await expect(page.get_by_text("Only an administrator turns it.")).to_be_visible()
    await expect(page.get_by_role("button", name="Release")).to_have_count(0)
    await expect(page.get_by_role("main")).to_contain_text("30 minutes")


async def test_the_row_of_the_switch_leads_there(window: BrowserContext, ada: User):
    page = await log_in(window, ada)
    await page.goto("/admin/waffle/switch/")
    await page.get_by_role("link", name=rollout.KILL_SWITCH).click()
    await expect(page.get_by_label("Active")).to_have_count(0)
    await page.get_by_role("main").get_by_role("link", name="Kill switch").click()
    await expect(stand(page)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("put", [False, True], indirect=True, ids=["off", "on"])
async def test_it_fits_a_phone_breaks_no_rule_of_the_policy_and_can_be_read_by_everybody(
    scheme: str, open_window: OpenWindow, ada: User, put: None
):
    window = await open_window(viewport=PHONE, is_mobile=True, has_touch=True, color_scheme=scheme)
    page = await log_in(window, ada)
    complaints: list[str] = []
    page.on("console", lambda entry: complaints.append(entry.text) if entry.type == "error" else None)
    await page.goto(ADDRESS)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert not complaints
    found = await Axe().run(page, context="#content-main")
    assert not found.response["violations"], found.generate_report()
