"""Sockets that break, browsers that go offline, tokens that expire: the bell catches up without a reload."""

import asyncio
import json

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, WebSocketRoute, expect

from devstack.stack import Servers
from devstack.waiting import wait_on_loop
from preferences.authentication import issue_token
from preferences.models import User
from tests.browser.conftest import OpenBell, Publish
from tests.browser.pages import LIST_CALL, PATIENCE, bell, refuse, rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

AFTER_AN_OUTAGE = 30_000  # ms: the reconnect of the channel layer, and the spread of the resync
LATER = 15_000  # ms: when a bell asks again what it missed
LOADED_BEFORE = "This is what was loaded before."


class Wire:
    """What lies between a bell's socket and the server."""

    def __init__(self) -> None:
        self.is_whole = True
        self.refuses_resumes = False
        self.has_refused = asyncio.Event()
        self.asked: list[str] = []  # behind which notification, by each resume
        self._sockets: list[WebSocketRoute] = []

    async def pass_on(self, socket: WebSocketRoute) -> None:
        if not self.is_whole:
            await socket.close()
            return
        self._sockets.append(socket)
        server = socket.connect_to_server()
        socket.on_message(lambda message: self._refuse(socket) if self._refuses(message) else server.send(message))

    async def cut(self) -> None:
        self.is_whole = False
        for socket in self._sockets:
            await socket.close()

    def _refuses(self, message: str | bytes) -> bool:
        sent = json.loads(message)
        if sent["type"] == "resume":
            self.asked.append(sent["after"])
        return self.refuses_resumes and sent["type"] == "resume"

    def _refuse(self, socket: WebSocketRoute) -> None:
        """Answer as the server does when a socket resumes too often."""
        socket.send(json.dumps({"type": "error", "code": "rate_limited"}))
        self.has_refused.set()


@pytest_asyncio.fixture(loop_scope="session")
async def wire(window: BrowserContext) -> Wire:
    """The wire of every bell in the usual window."""
    wire = Wire()
    await window.route_web_socket("**/ws/notifications", wire.pass_on)
    return wire


async def until_stored(page: Page, user: User, count: int) -> None:
    """Wait until the inbox holds that many unread, whatever the bell shows."""
    headers = {"Authorization": f"Bearer {issue_token(user)}"}

    async def is_stored() -> bool:
        answer = await page.request.get("/api/v1/notifications/bell", headers=headers)
        return bool((await answer.json())["unread_count"] >= count)

    assert await wait_on_loop(is_stored, seconds=60)


async def test_what_came_while_the_socket_was_cut_is_there_when_it_is_back(
    open_bell: OpenBell, publish: Publish, alice: User, wire: Wire
):
    page = await open_bell(alice)
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


async def test_a_browser_that_was_offline_catches_up(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
    await page.context.set_offline(True)
    await expect(page.get_by_text(LOADED_BEFORE)).to_be_visible()
    publish(alice, times=2)
    await page.context.set_offline(False)
    await expect(bell(page, unread=3)).to_be_visible()
    await expect(page.get_by_text(LOADED_BEFORE)).to_be_hidden()
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


async def test_a_bell_that_is_opened_offline_says_so_once(open_bell: OpenBell, publish: Publish, alice: User):
    page = await open_bell(alice)
    publish(alice)
    await expect(bell(page, unread=1)).to_be_visible()
    await page.context.set_offline(True)
    await bell(page, unread=1).click()
    await expect(page.get_by_text("Nothing was loaded before.")).to_be_visible()
    await expect(page.get_by_text(LOADED_BEFORE)).to_be_hidden()


async def test_what_came_to_an_empty_bell_while_it_was_cut_off_is_in_its_list(
    open_bell: OpenBell, publish: Publish, alice: User, wire: Wire
):
    page = await open_bell(alice)
    await bell(page, unread=0).click()
    await expect(page.get_by_text("No notifications yet")).to_be_visible()
    await wire.cut()
    publish(alice)
    await until_stored(page, alice, 1)
    wire.is_whole = True
    await expect(bell(page, unread=1)).to_be_visible()
    await expect(rows(page)).to_have_count(1)


async def test_a_bell_that_was_refused_what_it_missed_asks_again_later(
    open_bell: OpenBell, publish: Publish, alice: User, window: BrowserContext, wire: Wire
):
    await window.clock.install()
    page = await open_bell(alice)
    publish(alice)
    await bell(page, unread=1).click()
    await expect(rows(page)).to_have_count(1)
    await refuse(page, LIST_CALL)
    await wire.cut()
    publish(alice, times=2)
    await until_stored(page, alice, 3)
    wire.is_whole = wire.refuses_resumes = True
    await asyncio.wait_for(wire.has_refused.wait(), PATIENCE / 1000)
    wire.refuses_resumes = False
    await expect(bell(page, unread=3)).to_be_visible()
    publish(alice)
    await expect(rows(page)).to_have_count(2)  # the first, and what came live
    await window.clock.fast_forward(LATER)
    await expect(rows(page)).to_have_count(4)
    assert wire.asked[-1] == wire.asked[0], "what came live hides what was missed"
