"""The admin in a browser: who signs in, and how."""

from typing import Final
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders
from playwright.async_api import BrowserContext, Page, Route

from preferences.models import User

_PASSWORD: Final = "correct horse battery"


def with_password(user: User) -> User:
    """Give the user the password that `log_in` types."""
    user.set_password(_PASSWORD)
    user.save()
    return user


async def log_in(window: BrowserContext, user: User) -> Page:
    """Sign in as this user, in a new tab of the window."""
    page = await window.new_page()
    await page.route("**/static/**", _send_static_file)
    await page.goto("/admin/")
    await page.get_by_label("Email").fill(user.email or "")
    await page.get_by_label("Password").fill(_PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    return page


async def _send_static_file(route: Route) -> None:
    """Answer from where the files lie; the web process of tests has none collected."""
    path = finders.find(urlsplit(route.request.url).path.removeprefix("/static/"))
    await (route.fulfill(path=path) if path else route.fulfill(status=404))
