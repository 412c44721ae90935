"""`make screenshots`: the bell in each of its states, as docs/bell.md shows it.

No test by its name, so that only who asks for it rewrites the pictures; the stage is that of the tests.
"""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.async_api import Page, expect

from preferences.models import User
from tests.browser.conftest import OpenBell, OpenWindow
from tests.browser.pages import LIST_CALL, bell, panel, rows
from tests.conftest import ROOT
from tests.notifications.rows import stored

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOLDER = ROOT / "docs" / "screenshots"
DESK = {"width": 540, "height": 640}
PHONE = {"width": 375, "height": 667}
SIXTY_KILOBYTES = 60_000

STYLE = """
html { font: 400 15px/1.5 Inter, Arial, sans-serif; background: light-dark(#eceef3, #101216); }
body { margin: 0; }
main { display: flex; align-items: center; padding: 12px 20px; background: light-dark(#fff, #181a20);
  box-shadow: 0 1px light-dark(#dfe2ea, #2b2f38); color: light-dark(#191b22, #eceef4); }
h1 { flex: 1; margin: 0; font-size: 17px; }
#before, a[href="/elsewhere"] { display: none; }
notification-bell { --bell-font: Inter, Arial, sans-serif; --bell-badge-ring: light-dark(#fff, #181a20); }
"""

#: Type, title, body, minutes ago, whether it is read.
LATIN = (
    ("mentioned", "Sarah Kim mentioned you", "“@Alice can you confirm the annual prices by Friday?”", 2, False),
    ("task_assigned", "New task assigned to you", "Sarah Kim assigned “Update pricing page” to you", 26, False),
    ("comment_added", "Jonas Weber commented", "“Looks good to me, one question about the footer.”", 95, True),
    ("status_changed", "Launch checklist: In review", "Priya Nair moved it from Open to In review", 1_500, False),
    ("comment_added", "Priya Nair commented", "“The new hero image is in the shared folder.”", 1_620, True),
)
ARABIC = (
    ("mentioned", "أشارت سارة كيم إليك", "«هل يمكنك تأكيد الأسعار السنوية قبل يوم الجمعة؟»", 2, False),
    ("task_assigned", "مهمة جديدة لك", "أسندت سارة كيم إليك «تحديث صفحة الأسعار»", 26, False),
    ("comment_added", "علّق يوناس فيبر", "«يبدو جيدًا، لديّ سؤال واحد عن التذييل.»", 95, True),
    ("status_changed", "قائمة الإطلاق: قيد المراجعة", "نقلتها بريا ناير من مفتوحة إلى قيد المراجعة", 1_500, True),
)
PEOPLE = ("Sarah Kim", "Jonas Weber", "Priya Nair", "يوناس فيبر", "بريا ناير", "سارة كيم")
WORDS = """bell.strings = { label: "الإشعارات", buttonUnread: "الإشعارات، {n} غير مقروءة", all: "الكل",
  unreadOnly: "غير المقروءة", unread: "غير مقروء", markAll: "تحديد الكل كمقروء", settings: "الإعدادات",
  today: "اليوم", yesterday: "أمس", justNow: "الآن" };"""


@pytest.fixture
def inbox(alice: User) -> User:
    """Alice, with things in her inbox."""
    _fill(alice, LATIN)
    return alice


@pytest.fixture
def arabic_inbox(alice: User) -> User:
    _fill(alice, ARABIC)
    return alice


def _fill(user: User, texts: tuple[tuple[str, str, str, int, bool], ...]) -> None:
    now = timezone.now()
    people: dict[str, User] = {}
    for type_, title, body, minutes, is_read in texts:
        name = next((name for name in PEOPLE if name in title + body), PEOPLE[-1])
        actor = people.setdefault(name, User(email=f"{len(people)}@example.com", name=name))
        actor.save()
        then = now - timedelta(minutes=minutes)
        read_at = now if is_read else None
        stored(user, type=type_, title=title, body=body, actor=actor, created_at=then, read_at=read_at,
               resource_type="task", resource_id="tsk_456", resource_url="/tasks/tsk_456")  # fmt: skip


async def shoot(page: Page, name: str) -> None:
    """Keep a picture, when it is small enough for a repository."""
    await page.mouse.move(1, DESK["height"] - 1)
    picture = await page.screenshot(animations="disabled")
    assert len(picture) < SIXTY_KILOBYTES
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(picture)


@pytest.fixture
def show(open_bell: OpenBell, open_window: OpenWindow):
    """Opens a page dressed as an app, in a window with these options."""

    async def open_page(user: User, *, html: str = "", script: str = "", **options: object) -> Page:
        script = f'document.querySelector("h1").textContent = "Tidemark"; {script}'
        window = await open_window(**{"viewport": DESK, "timezone_id": _early_afternoon(), **options})
        return await open_bell(user, window=window, style=STYLE, html=html, script=script)

    return open_page


def _early_afternoon() -> str:
    """A time zone in which it is two o'clock now, so that the rows of the last hours are of one day."""
    return f"Etc/GMT{timezone.now().hour - 14:+d}"


async def test_closed(show, inbox: User):
    page = await show(inbox, viewport={"width": 560, "height": 120})
    await expect(bell(page, unread=3)).to_be_visible()
    await shoot(page, "closed")


@pytest.mark.parametrize(("name", "scheme"), [("open", "light"), ("dark", "dark")])
async def test_open(name: str, scheme: str, show, inbox: User):
    page = await show(inbox, color_scheme=scheme)
    await bell(page, unread=3).click()
    await expect(rows(page)).to_have_count(len(LATIN))
    await shoot(page, name)


async def test_empty(show, alice: User):
    page = await show(alice)
    await bell(page, unread=0).click()
    await expect(page.get_by_text("No notifications yet")).to_be_visible()
    await shoot(page, "empty")


async def test_loading(show, inbox: User):
    page = await show(inbox)
    await page.route(LIST_CALL, lambda _: None)  # never answered
    await bell(page, unread=3).click()
    await expect(panel(page).get_by_text("Loading notifications")).to_be_attached()
    await shoot(page, "loading")


async def test_error(show, inbox: User):
    page = await show(inbox)
    await page.route(LIST_CALL, lambda route: route.abort())
    await bell(page, unread=3).click()
    await expect(page.get_by_text("Notifications could not be loaded.")).to_be_visible()
    await shoot(page, "error")


async def test_preferences(show, inbox: User):
    page = await show(inbox, timezone_id="UTC")  # that of the settings
    await bell(page, unread=3).click()
    await page.get_by_role("button", name="Notification settings").click()
    await page.get_by_role("combobox", name="Email arrives").select_option("daily")
    await expect(page.get_by_text("Saved").first).to_be_visible()
    await shoot(page, "preferences")


async def test_phone(show, inbox: User):
    page = await show(inbox, viewport=PHONE, is_mobile=True, has_touch=True)
    await bell(page, unread=3).click()  # a tap would leave its highlight
    await expect(rows(page)).to_have_count(len(LATIN))
    await shoot(page, "phone")


async def test_right_to_left(show, arabic_inbox: User):
    page = await show(arabic_inbox, html='dir="rtl"', script=f'document.documentElement.lang = "ar"; {WORDS}')
    await page.locator("notification-bell").get_by_role("button").first.click()
    await expect(rows(page)).to_have_count(len(ARABIC))
    await shoot(page, "right-to-left")
