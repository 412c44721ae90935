import json
import threading
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from devstack.waiting import wait_until
from drills import bells
from drills.bells import Bells

FIRST, MISSED, LIVE = ("ntf_000000000000000" + digit for digit in "123")
HELLO = {"type": "hello", "unread_count": 0, "latest": None}
RESYNC = {"type": "resync"}


def notification(id_):
    return {"id": id_, "resource": {"id": f"event of {id_}"}}


def ring(id_):
    return {"type": "notification", "notification": notification(id_)}


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
    with server(converse) as url, Bells(url, ["token"]) as heard:
        assert wait_until(lambda: heard.shown[0] == {FIRST, MISSED, LIVE}, seconds=30)
    assert asked == [{"type": "resume", "after": FIRST}] * 2
