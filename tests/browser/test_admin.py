"""Support at work, in a real browser: who is it, why did the mail not come, and once more."""

import pytest
from playwright.async_api import BrowserContext, expect

from delivery.models import Delivery, State
from notifications import pipeline
from notifications.models import Path
from preferences.models import User
from tests.browser.conftest import OpenWindow
from tests.browser.staff_pages import log_in
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 375, "height": 667}


@pytest.fixture
def failed_mail(alice: User) -> Delivery:
    """A mail to Alice that SES refused."""
    pipeline.process([message(event_for(alice, id="8f1c2d"))], path=Path.SQS)
    Delivery.objects.filter(channel="email").update(state=State.FAILED, provider_error="MessageRejected")
    return Delivery.objects.get(channel="email")


async def test_support_finds_a_person_reads_why_a_mail_failed_and_sends_it_once_more(
    window: BrowserContext, sam: User, alice: User, failed_mail: Delivery
):
    page = await log_in(window, sam)
    await page.get_by_role("link", name="People").first.click()
    await page.get_by_role("textbox").fill("ali")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_role("link", name="Alice Moreau").click()
    mails = page.locator("#deliveries")
    await expect(mails).to_contain_text("MessageRejected")
    await page.locator("#events").get_by_role("link", name="trace").click()
    await expect(page.get_by_text("MessageRejected").first).to_be_visible()
    await page.go_back()
    await mails.get_by_role("button", name="Send once more").click()
    await expect(page.get_by_text("1 will be tried once more.")).to_be_visible()
    await expect(mails.get_by_role("button", name="Send once more")).to_have_count(0)
    await expect(mails).to_contain_text("pending")


async def test_the_form_leads_to_the_answer_for_this_person(
    window: BrowserContext, sam: User, alice: User, failed_mail: Delivery
):
    page = await log_in(window, sam)
    await page.goto(f"/admin/notifications/account/{alice.id}/change/")
    await page.get_by_label("Event id").fill("no-such-event")
    await page.get_by_role("button", name="Tell me why").click()
    assert f"user={alice.id}&event=no-such-event" in page.url
    await expect(page.get_by_role("main")).to_contain_text("no-such-event")


async def test_a_body_opens_at_the_press_of_a_button(
    window: BrowserContext, sam: User, alice: User, failed_mail: Delivery
):
    page = await log_in(window, sam)
    await page.goto(f"/admin/notifications/account/{alice.id}/change/")
    await expect(page.get_by_text(failed_mail.body)).to_have_count(0)
    await page.get_by_role("button", name="Show the body").click()
    await expect(page.get_by_text(failed_mail.body)).to_be_visible()
    await expect(page.get_by_text("on record")).to_be_visible()


@pytest.mark.parametrize("address", ["/admin/", "/admin/notifications/account/{}/change/", "/admin/delivery/delivery/"])
async def test_no_page_is_wider_than_a_phone(
    address: str, open_window: OpenWindow, sam: User, alice: User, failed_mail: Delivery
):
    window = await open_window(viewport=PHONE, is_mobile=True, has_touch=True)
    page = await log_in(window, sam)
    await page.goto(address.format(alice.id))
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_the_pages_run_no_script_of_their_own_and_break_no_rule_of_the_policy(
    window: BrowserContext, sam: User, alice: User, failed_mail: Delivery
):
    page = await log_in(window, sam)
    complaints: list[str] = []
    page.on("console", lambda entry: complaints.append(entry.text) if entry.type == "error" else None)
    for address in ("/admin/", f"/admin/notifications/account/{alice.id}/change/", "/admin/delivery/delivery/"):
        await page.goto(address)
    await page.goto(f"/admin/delivery/delivery/{failed_mail.id}/change/")
    assert not complaints
