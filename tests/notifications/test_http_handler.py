import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core import signals
from django.http import FileResponse

from notifications.health import HostCheck
from notifications.http_handler import HttpHandler
from preferences.authentication import issue_token
from preferences.models import User
from tests.conftest import Web
from tests.notifications.rows import stored


def request(handler: HttpHandler, *received: dict[str, Any], path: str = "/healthz") -> list[dict[str, Any]]:
    """Return what the handler sends for a GET, when `received` comes from the server."""
    sent: list[dict[str, Any]] = []
    coming = iter(received or [{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(handler(scope, receive, send))
    return sent


@pytest.fixture(scope="module")
def handler() -> HttpHandler:
    return HttpHandler()


def test_all_of_a_request_runs_in_one_thread(handler, monkeypatch):
    seen: list[threading.Thread] = []

    def note(*_: Any, **__: Any) -> None:
        seen.append(threading.current_thread())

    for signal in (signals.request_started, signals.request_finished):
        monkeypatch.setattr(signal, "send", note)
    monkeypatch.setattr(HostCheck, "process_request", note)
    assert request(handler)[0]["status"] == 200
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert threading.current_thread() not in seen


def test_a_client_that_hangs_up_before_its_request_is_complete_gets_nothing(handler):
    body = {"type": "http.request", "body": b"{", "more_body": True}
    assert request(handler, body, {"type": "http.disconnect"}) == []


def test_a_body_longer_than_django_takes_is_not_taken_in(handler):
    part = {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}
    start, _ = request(handler, *[part] * 3, path="/api/v1/nothing")  # a fourth would end the test
    assert start["status"] == 404


def test_an_unknown_address_of_the_api_is_answered_in_json(handler):
    start, body = request(handler, path="/api/v1/nothing")
    assert start["status"] == 404
    assert b"NOT_FOUND" in body["body"]


def test_a_file_is_sent_by_the_piece_and_nothing_is_warned_of(handler, tmp_path, monkeypatch):
    (tmp_path / "long.txt").write_bytes(content := b"0123456789" * 20_000)
    monkeypatch.setattr(handler, "get_response", lambda _: FileResponse((tmp_path / "long.txt").open("rb")))
    start, *pieces, last = request(handler)
    assert start["status"] == 200
    assert [len(piece["body"]) for piece in pieces] == [65_536, 65_536, 65_536, 3_392]
    assert b"".join(piece["body"] for piece in pieces) == content
    assert last == {"type": "http.response.body"}


def test_more_calls_at_once_than_connections_are_all_answered(web: Web, alice: User):
    stored(alice)
    at_once = 3 * settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    headers = {"Authorization": f"Bearer {issue_token(alice)}"}

    def ask(_: int) -> int:
        return httpx.get(f"{web.base_url}/api/v1/notifications/bell", headers=headers).status_code

    with ThreadPoolExecutor(at_once) as callers:
        assert set(callers.map(ask, range(at_once))) == {200}
