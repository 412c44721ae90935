"""Servers that refuse, sockets that break, switches that turn: the bell stays right without a reload."""

import asyncio
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.async_api import Page, Route, WebSocketRoute, expect
from waffle.models import Switch

from devstack.stack import Servers
from devstack.waiting import wait_on_loop
from preferences.authentication import issue_token
from preferences.models import User
from preferences.rollout import KILL_SWITCH
from tests.browser.conftest import OpenBell, Publish
from tests.browser.pages import LIST_CALL, bell, panel, rows, toggle

pytestmark = pytest.mark.asyncio(loop_scope="session")

AFTER_AN_OUTAGE = 30_000  # ms: the reconnect of the channel layer, and the spread of the resync
SOCKET = "**/ws/notifications"
UNAVAILABLE = {"error": {"code": "UNAVAILABLE", "message": "Later."}}


async def refuse(page: Page, calls: str) -> None:
    """Have the server answer 503 to these calls."""
    await page.route(calls, lambda route: route.fulfill(status=503, json=UNAVAILABLE))


async def until_stored(page: Page, user: User, count: int) -> None:
    """Wait until the inbox holds that many unread, whatever the bell shows."""
    headers = {"Authorization": f"Bearer {issue_token(user)}"}

    async def is_stored() -> bool:
        answer = await page.request.get("/api/v1/notifications/bell", headers=headers)
        return bool((await answer.json())["unread_count"] >= count)

    assert await wait_on_loop(is_stored, seconds=60)


# --- The server says no --------------------------------------------------------------------------------------


async def test_a_refused_mark_is_taken_back(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await refuse(page, "**/read")
    await bell(page, unread=1).click()
    await toggle(page).click()
    await expect(page.get_by_text("That could not be saved.").first).to_be_visible()
    await expect(bell(page, unread=1)).to_be_visible()
    await expect(toggle(page)).to_be_visible()


async def test_a_mark_shows_before_the_server_has_answered(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    answer = asyncio.Event()
    await page.route("**/read", lambda route: _after(answer, route))
    publish(alice)
    await bell(page, unread=1).click()
    await toggle(page).click()
    await expect(bell(page, unread=0)).to_be_visible()
    answer.set()


async def test_a_refused_mark_all_is_taken_back(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice, times=3)
    await refuse(page, "**/read-all")
    await bell(page, unread=3).click()
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.get_by_text("They could not be marked as read.").first).to_be_visible()
    await expect(bell(page, unread=3)).to_be_visible()


async def test_what_arrives_while_all_are_marked_stays_unread(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    answer = asyncio.Event()
    await page.route("**/read-all", lambda route: _after(answer, route))
    publish(alice, times=3)
    await bell(page, unread=3).click()
    await expect(rows(page)).to_have_count(3)
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(bell(page, unread=0)).to_be_visible()
    publish(alice, title="Came meanwhile")
    await expect(bell(page, unread=1)).to_be_visible()
    answer.set()
    await expect(page.get_by_text("3 marked as read").first).to_be_visible()
    await expect(bell(page, unread=1)).to_be_visible()
    await page.reload()
    await bell(page, unread=1).click()
    await expect(toggle(page)).to_have_count(1)
    await expect(rows(page).first).to_contain_text("Came meanwhile")


async def _after(event: asyncio.Event, route: Route) -> None:
    await event.wait()
    await route.continue_()


async def test_a_list_that_cannot_be_loaded_can_be_asked_for_again(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await refuse(page, LIST_CALL)
    await bell(page, unread=1).click()
    await expect(page.get_by_text("Notifications could not be loaded.")).to_be_visible()
    await page.unroute(LIST_CALL)
    await page.get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(1)


# --- The connection breaks -----------------------------------------------------------------------------------


async def test_what_came_while_the_socket_was_cut_is_there_when_it_is_back(
    open_bell: OpenBell, publish: Publish, alice: User
):
    page = await open_bell(alice)
    wire = Wire()
    await page.route_web_socket(SOCKET, wire.pass_on)
    await page.reload()
    publish(alice)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
    await refuse(page, LIST_CALL)  # so that nothing but the socket can tell
    await wire.cut()
    publish(alice, title="Came meanwhile", times=2)
    await until_stored(page, alice, 3)
    await expect(rows(page)).to_have_count(1)
    wire.is_whole = True
    await expect(rows(page)).to_have_count(3)
    await expect(bell(page, unread=3)).to_be_visible()


class Wire:
    """What lies between a bell's socket and the server."""

    def __init__(self) -> None:
        self.is_whole = True
        self._sockets: list[WebSocketRoute] = []

    async def pass_on(self, socket: WebSocketRoute) -> None:
        if not self.is_whole:
            await socket.close()
            return
        self._sockets.append(socket)
        socket.connect_to_server()

    async def cut(self) -> None:
        self.is_whole = False
        for socket in self._sockets:
            await socket.close()


async def test_a_browser_that_was_offline_catches_up(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
    await page.context.set_offline(True)
    await expect(page.get_by_text("This is what was loaded before.")).to_be_visible()
    publish(alice, times=2)
    await page.context.set_offline(False)
    await expect(bell(page, unread=3)).to_be_visible()
    await expect(page.get_by_text("This is what was loaded before.")).to_be_hidden()
    await expect(rows(page)).to_have_count(3)


async def test_a_bell_left_open_survives_a_restart_of_valkey(
    open_bell: OpenBell, publish: Publish, alice: User, servers: Servers
):
    page = await open_bell(alice)
    await expect(bell(page, unread=0)).to_be_visible()
    await page.evaluate("window.isStillTheSamePage = true")
    servers.valkey.stop()
    publish(alice)
    await until_stored(page, alice, 1)
    servers.valkey.start()
    await expect(bell(page, unread=1)).to_be_visible(timeout=AFTER_AN_OUTAGE)
    assert await page.evaluate("window.isStillTheSamePage")


async def test_an_expired_token_is_renewed_without_a_reload(open_bell: OpenBell, publish: Publish, alice: User):
    good = issue_token(alice)
    script = f"""const tokens = ["{good[:-2]}xx", "{good}"];
        bell.getToken = async () => (tokens.length > 1 ? tokens.shift() : tokens[0]);"""
    page = await open_bell(alice, script=script)
    publish(alice)
    await expect(bell(page, unread=1)).to_be_visible()


# --- The switch turns ----------------------------------------------------------------------------------------


@pytest.fixture
def release_at_the_end(flag_on: object) -> Iterator[None]:
    yield
    _turn_kill_switch(False)


@pytest.mark.usefixtures("release_at_the_end")
async def test_the_kill_switch_hides_an_open_bell_and_its_release_shows_it_again(
    open_bell: OpenBell, publish: Publish, alice: User
):
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).click()
    await asyncio.to_thread(_turn_kill_switch, True)
    await expect(bell(page, unread=1)).to_be_hidden()
    await expect(panel(page)).to_be_hidden()
    await asyncio.to_thread(_turn_kill_switch, False)
    await expect(bell(page, unread=1)).to_be_visible()


@pytest.mark.usefixtures("release_at_the_end")
async def test_a_page_opened_under_the_kill_switch_shows_no_bell(open_bell: OpenBell, alice: User):
    await asyncio.to_thread(_turn_kill_switch, True)
    page = await open_bell(alice)
    async with page.expect_response("**/notifications/bell"):
        await page.reload()
    await expect(page.get_by_role("heading", name="A page")).to_be_visible()
    await expect(bell(page, unread=0)).to_be_hidden()


def _turn_kill_switch(is_on: bool) -> None:
    Switch.objects.filter(name=KILL_SWITCH).update(active=is_on)
    connection.close()  # of a thread that nobody else uses
