"""Servers that refuse, switches that turn: the bell stays right without a reload."""

import asyncio
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.async_api import Route, expect
from waffle.models import Switch

from preferences.models import User
from preferences.rollout import KILL_SWITCH
from tests.browser.conftest import OpenBell, Publish
from tests.browser.pages import LIST_CALL, bell, panel, refuse, rows, toggle

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
