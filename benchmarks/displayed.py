"""How long from an event to its display in a browser: `python -m benchmarks.displayed [--quick]`.

Twenty people have the bell on a page, each in a browser context of their own; all contexts live in one headless
Chromium, whose renderers draw without a GPU and share the machine with everything else. First all panels are closed,
so that the badge shows the event, then all are open. Latency runs from the moment an event was due to the end of the
frame in which its bell had drawn it: the moment of the `displayed` message.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, Route, sync_playwright
from rich.table import Table

from benchmarks import machine
from benchmarks.environment import ROOT, Environment
from benchmarks.percentiles import Percentiles
from benchmarks.publisher import Order, Way
from benchmarks.tables import table
from benchmarks.terminal import leave, new_console
from benchmarks.traffic import Traffic
from devstack import chromium

_BELL_FILES: Final = ROOT / "notifications" / "static" / "notifications"
_BOOT_SECONDS: Final = 2.0  # from starting the publisher to the first event due
_PATIENCE: Final = 15.0  # how long the last of them may take
_WARM_UP_SECONDS: Final = 3.0
_LOG_WIDTH: Final = 110  # columns, where there is no terminal to ask
_PAGE: Final = """<!doctype html><html lang="en"><title>A page</title>
<script type="module" src="/static/notifications/bell.js"></script>
<script type="module" src="/page.js"></script><notification-bell></notification-bell></html>"""
#: Notes [event id, milliseconds since the epoch] after the frame that shows the event; its resource carries its id.
_SCRIPT: Final = """
const bell = document.querySelector("notification-bell");
window.displayed = [];
bell.addEventListener("notification-arrived", ({ detail }) => {
  const note = () => window.displayed.push([detail.notification.resource.id, Date.now()]);
  requestAnimationFrame(() => setTimeout(note));
});
bell.getToken = async () => "%s";
"""

Displayed = tuple[str, float]  # event id, seconds since the epoch


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    browsers: int = 20
    rate: float = 100.0  # events/s over all of them
    seconds: float = 60.0


QUICK: Final = Scale(seconds=10.0)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured."""

    panels: str  # closed or open
    browsers: int
    rate: float  # events/s over all of them
    published: int
    displayed: int
    displayed_twice: int
    latency_ms: Percentiles

    @property
    def is_clean(self) -> bool:
        """Whether each event was displayed exactly once."""
        return self.displayed == self.published and self.displayed_twice == 0


def measure(scale: Scale, *, browser_path: str) -> list[Result]:
    """Publish to bells and ask them when they showed what: with closed panels, then with open ones."""
    with Environment.running() as environment, environment.web(), environment.procfile_process("intake"):
        tokens = environment.populate(scale.browsers)
        with _bells(environment.stack.base_url, tokens, browser_path=browser_path) as pages:
            _publish(environment, Traffic("warmup", int(scale.rate * _WARM_UP_SECONDS), scale.browsers), scale, pages)
            closed = _run(environment, scale, pages, panels="closed")
            for page in pages:
                page.get_by_role("button", name="Notifications").click()
                page.get_by_role("listitem").first.wait_for()
            return [closed, _run(environment, scale, pages, panels="open")]


def _run(environment: Environment, scale: Scale, pages: Sequence[Page], *, panels: str) -> Result:
    traffic = Traffic(panels, int(scale.rate * scale.seconds), scale.browsers)
    order = _publish(environment, traffic, scale, pages)
    return _result(order, scale, _displayed(pages, traffic))


def _publish(environment: Environment, traffic: Traffic, scale: Scale, pages: Sequence[Page]) -> Order:
    """Publish all of it, and wait until all is displayed or nothing more seems to come."""
    order = Order(traffic, Way.ONE_BY_ONE, rate=scale.rate, start_at=time.monotonic() + _BOOT_SECONDS)
    command = [sys.executable, "-m", "benchmarks.publisher", order.as_json()]
    with environment.process("publisher", command) as publisher:
        publisher.finish(patience=_BOOT_SECONDS + traffic.count / scale.rate + 60)
    deadline = time.monotonic() + _PATIENCE
    while len(dict(_displayed(pages, traffic))) < traffic.count and time.monotonic() < deadline:
        pages[0].wait_for_timeout(200)
    return order


def _displayed(pages: Sequence[Page], traffic: Traffic) -> list[Displayed]:
    noted = [entry for page in pages for entry in page.evaluate("window.displayed")]
    return [(event_id, at / 1000) for event_id, at in noted if traffic.number(event_id) is not None]


def _result(order: Order, scale: Scale, displayed: Sequence[Displayed]) -> Result:
    epoch = time.time() - time.monotonic()
    times = Counter(event_id for event_id, _ in displayed)
    late = [at - epoch - order.due(order.traffic.number(event_id) or 0) for event_id, at in displayed]
    return Result(
        panels=order.traffic.name,
        browsers=scale.browsers,
        rate=scale.rate,
        published=order.traffic.count,
        displayed=len(times),
        displayed_twice=sum(count - 1 for count in times.values()),
        latency_ms=Percentiles.of(late),
    )


@contextmanager
def _bells(base_url: str, tokens: Sequence[str], *, browser_path: str) -> Iterator[list[Page]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=chromium.arguments())
        yield [_bell(browser, base_url, token) for token in tokens]
        browser.close()


def _bell(browser: Browser, base_url: str, token: str) -> Page:
    """Open a page with a bell. The page and the bell's files come from here, all else from the web."""
    page = browser.new_context(base_url=base_url, permissions=["local-network-access"]).new_page()

    def send_file(route: Route) -> None:
        route.fulfill(path=_BELL_FILES / Path(route.request.url).name)

    page.route(f"{base_url}/page", lambda route: route.fulfill(body=_PAGE, content_type="text/html"))
    page.route(f"{base_url}/page.js", lambda route: route.fulfill(body=_SCRIPT % token, content_type="text/javascript"))
    page.route(f"{base_url}/static/notifications/*", send_file)
    page.goto("/page")
    page.get_by_role("button", name="Notifications").wait_for()
    return page


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return what was measured, with the machine."""
    return {"machine": machine.describe(), "displayed": [asdict(result) for result in results]}


def as_table(results: Sequence[Result]) -> Table:
    """Return what the terminal shows."""
    columns = ("browsers", "events/s", "P50 ms", "P95 ms", "P99 ms", "worst ms", "published", "displayed", "twice")
    shown = table("Event to displayed in the browser", "panels", *columns)
    for result in results:
        latency = result.latency_ms
        figures = (result.browsers, result.rate, latency.p50, latency.p95, latency.p99, latency.maximum)
        counts = (result.published, result.displayed, result.displayed_twice)
        shown.add_row(result.panels, *(f"{figure:,.0f}" for figure in (*figures, *counts)))
    return shown


def main() -> int:
    """Measure, print, leave the figures as JSON; 1 when an event was not displayed exactly once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.displayed", description="Event to pixels.")
    parser.add_argument("--quick", action="store_true", help="ten seconds each instead of sixty")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "var" / "bench-displayed.json", help="for the figures (%(default)s)"
    )
    arguments = parser.parse_args()
    console = new_console(log_width=_LOG_WIDTH)
    path = chromium.bring(console.print)
    if path is None:
        console.print("There is no Chromium here: put one on the PATH, or its place into CHROMIUM_PATH.")
        return 1
    with console.status("Publishing to open bells"):
        results = measure(QUICK if arguments.quick else Scale(), browser_path=path)
    console.print(as_table(results))
    leave(as_json(results), arguments.json, console)
    return 0 if all(result.is_clean for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
