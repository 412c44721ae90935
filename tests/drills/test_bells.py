import json
import threading
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from devstack.waiting import wait_until
from drills import bells
from drills.bells import Bells

FIRST, MISSED, OLDER, LIVE = ("ntf_000000000000000" + digit for digit in "1234")
HELLO = {"type": "hello", "unread_count": 0, "latest": None}
RESYNC = {"type": "resync"}


def notification(id_):
    stored_at = f"2026-11-24T00:00:0{id_[-1]}Z"
    return {"id": id_, "created_at": stored_at, "resource": {"id": f"event of {id_}"}}


def ring(id_):
    return {"type": "notification", "notification": notification(id_)}


class Pages:
    """The list, which has what is in `found`, and was asked for what is in `asked`."""

    def __init__(self, *found):
        self.found, self.asked = found, []

    async def down_to(self, id_, token):
        self.asked.append((id_, token))
        for found in self.found:
            yield notification(found)

    async def close(self):
        pass


@contextmanager
def server(converse):
    def handle(socket):
        try:
            converse(lambda *frames: [socket.send(json.dumps(frame)) for frame in frames], socket.recv)
            socket.recv()  # until the bell hangs up
        except ConnectionClosed:
            return

    with serve(handle, "127.0.0.1", 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{running.socket.getsockname()[1]}"
        running.shutdown()


def test_a_bell_that_is_refused_asks_again_behind_what_it_knew_then(monkeypatch):
    asked = []

    def converse(say, hear):
        say(HELLO, ring(FIRST), RESYNC)
        asked.append(json.loads(hear()))
        say(ring(LIVE), {"type": "error", "code": "unavailable"})
        asked.append(json.loads(hear()))
        say({"type": "missed", "notifications": [notification(MISSED)], "has_more": False})

    monkeypatch.setattr(bells, "_AGAIN_AFTER", 0)
    with server(converse) as url, Bells(url, ["token"], Pages()) as heard:
        assert wait_until(lambda: heard.shown[0] == {FIRST, MISSED, LIVE}, seconds=30)
    assert asked == [{"type": "resume", "after": FIRST}] * 2


def test_a_bell_that_missed_more_than_it_is_told_asks_the_list():
    def converse(say, hear):
        say(HELLO, ring(FIRST), RESYNC)
        hear()
        say({"type": "missed", "notifications": [notification(LIVE)], "has_more": True})

    pages = Pages(LIVE, OLDER, MISSED, FIRST)
    with server(converse) as url, Bells(url, ["token"], pages) as heard:
        assert wait_until(lambda: heard.shown[0] == {FIRST, MISSED, OLDER, LIVE}, seconds=30)
    assert pages.asked == [(FIRST, "token")]
