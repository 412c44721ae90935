"""The demo's web process and intake on this run's servers, and, for pictures, the workers of mail and push."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from django.test import override_settings
from playwright.async_api import BrowserContext, Page

from devstack.ports import LOOPBACK, free_port, http_status
from devstack.waiting import wait_until
from notifications.event_queue import EventQueue
from tests.browser.pages import PATIENCE
from tests.conftest import running_process

_START_PATIENCE: Final = 90.0  # seconds


@contextlib.contextmanager
def running_demo(logs: Path, *, workers: Iterable[str] = ()) -> Iterator[str]:
    """Run it on the test database, with a queue of its own; the page's address. `workers` are of the Procfile."""
    with override_settings(EVENTS_QUEUE_NAME=f"demo-{secrets.token_hex(6)}", EVENTS_QUEUE_URL=""):
        queue = EventQueue()
        queue.create()
        queue_url = queue.url
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    environment = {
        "DEMO": "1",
        "PORT": str(port),
        "PUBLIC_URL": url,
        "ALLOWED_ORIGINS": url,
        "EVENTS_QUEUE_NAME": queue.name,
        "EVENTS_QUEUE_URL": queue_url,
        "OUTBOUND_QUEUE_PREFIX": queue.name,
        "ROLLOUT_CACHE_MS": "0",
    }
    with contextlib.ExitStack() as running:
        names = ("web", "intake", *workers)
        processes = [
            running.enter_context(running_process(name, environment, log=logs / f"{name}.log")) for name in names
        ]
        wait_until(lambda: not processes[0].is_alive or http_status(port, "/healthz") == 200, seconds=_START_PATIENCE)
        assert all(process.is_alive for process in processes)
        yield url


async def open_demo(window: BrowserContext) -> Page:
    """Open the page as Alice; return when her bell listens, since it reports only what comes from then on."""
    listens = asyncio.Event()
    page = await window.new_page()
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: listens.set()))
    await page.goto("/?user=alice")
    await asyncio.wait_for(listens.wait(), PATIENCE / 1000)
    return page
