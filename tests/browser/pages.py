"""The page that tests put a bell on, and where its parts are."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Final

from playwright.async_api import Locator, Page, Route

from notifications.inbox import show_time
from tests.conftest import ROOT

PATIENCE: Final = 20_000  # ms, on a busy machine
BELL_FILES: Final = ROOT / "notifications" / "static" / "notifications"
LIST_CALL: Final = "**/api/v1/notifications?*"

#: As strict as a page can be: no inline code or style, no text that becomes markup.
POLICY: Final = (
    "default-src 'none'; script-src 'self' $service; style-src 'self'; img-src 'self' $service; "
    "connect-src 'self' $service $socket; require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE: Final = Template("""<!doctype html><html lang="en" $html><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>A page</title>
<link rel="stylesheet" href="page.css">
<script type="module" src="$service/static/notifications/bell.js"></script><script type="module" src="page.js"></script>
<main><h1>A page</h1><button id="before">Before</button> <notification-bell $bell></notification-bell>
<a href="/elsewhere">After</a></main></html>""")


@dataclass(frozen=True)
class SamplePage:
    """A page with a bell: whose it is, and attributes of the elements `html` and `notification-bell`."""

    token: str
    html: str = ""
    bell: str = ""
    script: str = ""  # JavaScript that runs before the bell has its token, with the element as `bell`
    style: str = ""  # a style sheet


async def serve(tab: Page, service: str, sample: SamplePage, *, origin: str = "") -> None:
    """Have the tab get the page (`/page`) and the bell's files from here, all else from the service.

    `origin` is the page's own, when it is not the service's.
    """
    socket = service.replace("http", "ws", 1)
    policy = Template(POLICY).substitute(service=service, socket=socket)
    body = _PAGE.substitute(html=sample.html, bell=sample.bell, service=service)
    script = f"""const bell = document.querySelector("notification-bell");
        {sample.script}
        bell.getToken ??= async () => "{sample.token}";"""

    async def send_page(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def send_script(route: Route) -> None:
        await route.fulfill(body=script, content_type="text/javascript")

    async def send_style(route: Route) -> None:
        await route.fulfill(body=sample.style, content_type="text/css")

    async def send_file(route: Route) -> None:
        path = BELL_FILES / Path(route.request.url).name
        await route.fulfill(path=path, headers={"Access-Control-Allow-Origin": "*"})

    await tab.route(f"{origin or service}/page", send_page)
    await tab.route(f"{origin or service}/page.js", send_script)
    await tab.route(f"{origin or service}/page.css", send_style)
    await tab.route(f"{service}/static/notifications/*", send_file)


async def refuse(page: Page, calls: str) -> None:
    """Have the server answer 503 to these calls."""
    unavailable = {"error": {"code": "UNAVAILABLE", "message": "Later."}}
    await page.route(calls, lambda route: route.fulfill(status=503, json=unavailable))


def comment(draft: int, *, number: int, at: datetime) -> dict[str, Any]:
    """A notification as the server lists it, with a body of none to three sentences; ids sort by `number`."""
    return {
        "id": f"ntf_{number:016d}",
        "type": "comment_added",
        "title": f"Sarah Kim commented on draft {draft}",
        "body": "Looks good to me. " * (draft % 4),
        "actor": {"id": "usr_1", "name": "Sarah Kim", "avatar_url": None},
        "resource": {"type": "doc", "id": str(draft), "url": f"/docs/{draft}", "title": f"Draft {draft}"},
        "read_at": None,
        "created_at": show_time(at),
    }


# --- Where things are ----------------------------------------------------------------------------------------


def bell(page: Page, *, unread: int) -> Locator:
    """The button, by the name that a screen reader says."""
    name = f"Notifications, {unread:,} unread" if unread else "Notifications"
    return page.get_by_role("button", name=name, exact=True)


def panel(page: Page) -> Locator:
    """The open panel."""
    return page.get_by_role("dialog", name="Notifications")


def rows(page: Page) -> Locator:
    """The rows in the document."""
    return page.locator("notification-bell").get_by_role("listitem")


def row(page: Page, position: int) -> Locator:
    """The row at this place of the whole list, counted from 1."""
    return page.locator(f"notification-bell li[aria-posinset='{position}']")


def toggle(page: Page, label: str = "Mark as read") -> Locator:
    """The buttons of the rows that mark one."""
    return page.get_by_role("button", name=f"{label} Someone assigned")
