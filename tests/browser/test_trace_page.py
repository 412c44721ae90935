"""The page "Why did or didn't she get it?", in a real browser."""

import pytest
from playwright.async_api import BrowserContext, Page, expect

from delivery.models import Delivery, State
from notifications import pipeline
from notifications.models import Path
from preferences.models import User
from tests.browser.conftest import OpenWindow
from tests.browser.staff_pages import log_in
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENT = "8f1c2d"
PHONE = {"width": 390, "height": 844}
FAILED = "the mail failed at"
REFUSED = "because our mail provider would not send it (MessageRejected)"


@pytest.fixture
def story(alice: User) -> None:
    """One event for Alice."""
    pipeline.process([message(event_for(alice, id=EVENT))], path=Path.SQS)


@pytest.fixture
def story_of_two(alice: User, bob: User) -> None:
    """One event for Alice and Bob, whose mails SES refused."""
    pipeline.process([message(event_for(alice, bob, id=EVENT))], path=Path.SQS)
    _refuse_mails()


@pytest.fixture
def failed_mail(story: None) -> None:
    """One event for Alice, whose mail SES refused."""
    _refuse_mails()


def _refuse_mails() -> None:
    Delivery.objects.filter(channel="email").update(state=State.FAILED, provider_error="MessageRejected")


async def ask(page: Page, **fields: str) -> None:
    """Fill in the form, whose labels are given as words, and send it."""
    await page.goto("/admin/trace")
    for label, text in fields.items():
        await page.get_by_label(label.replace("_", " "), exact=True).fill(text)
    await page.get_by_role("button", name="Ask").click()


def answer(page: Page):
    return page.get_by_role("region", name="Answer").locator(".sentence")


async def test_support_asks_reads_the_answer_and_takes_all_of_it_with_one_click(
    window: BrowserContext, sam: User, story: None
):
    page = await log_in(window, sam)
    await ask(page, Event_or_notification=EVENT, Person="alice@example.com")
    await expect(answer(page)).to_contain_text("Alice Moreau got “Task assigned to you”")
    await answer(page).click()
    selected = await page.evaluate("getSelection().toString()")
    assert selected.strip() == await answer(page).text_content()


async def test_the_timeline_is_a_list_in_the_order_of_time(window: BrowserContext, sam: User, story: None):
    page = await log_in(window, sam)
    await page.goto(f"/admin/trace?event={EVENT}")
    steps = page.get_by_role("region", name="What happened").get_by_role("listitem")
    assert await steps.evaluate_all("steps => steps.map(step => step.dataset.stage)") == [
        "published", "received", "decided", "decided", "decided", "stored", "waiting",
    ]  # fmt: skip
    await expect(steps.last).to_contain_text("still to come")


async def test_a_mail_that_failed_is_sent_once_more_from_its_story(
    window: BrowserContext, sam: User, failed_mail: None
):
    page = await log_in(window, sam)
    await page.goto(f"/admin/trace?event={EVENT}")
    await expect(answer(page)).to_contain_text(FAILED)
    await expect(answer(page)).to_contain_text(REFUSED)
    await page.get_by_role("button", name="Send the mail once more").click()
    await expect(page.get_by_text("1 will be tried once more.")).to_be_visible()
    await expect(answer(page)).not_to_contain_text(FAILED)
    await expect(page.get_by_role("button", name="once more")).to_have_count(0)


async def test_of_several_recipients_each_leads_to_a_story_and_back(
    window: BrowserContext, sam: User, story_of_two: None
):
    page = await log_in(window, sam)
    await ask(page, Event_or_notification=EVENT)
    await expect(answer(page)).to_contain_text("named 2 recipients")
    await page.get_by_role("link", name="Bob Okafor").click()
    await expect(answer(page)).to_contain_text("Bob Okafor got")
    await page.get_by_role("link", name="Everybody whom the event concerned").click()
    await expect(page.locator("table.rows").get_by_role("row")).to_have_count(3)  # the admin's sidebar has rows too


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_and_breaks_no_rule_of_the_policy(
    scheme: str, open_window: OpenWindow, sam: User, alice: User, story_of_two: None
):
    window = await open_window(viewport=PHONE, is_mobile=True, has_touch=True, color_scheme=scheme)
    page = await log_in(window, sam)
    complaints: list[str] = []
    page.on("console", lambda entry: complaints.append(entry.text) if entry.type == "error" else None)
    for question in ("", f"?event={EVENT}", f"?event={EVENT}&user={alice.id}", f"?event={'x' * 200}"):
        await page.goto(f"/admin/trace{question}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], question
    assert not complaints
