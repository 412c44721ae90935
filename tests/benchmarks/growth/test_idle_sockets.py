import json
import os
import sys
from urllib.parse import urlsplit

from benchmarks.growth.idle_sockets import IS_OPEN, TOKENS
from delivery.transports import bell
from devstack.child import spawn
from devstack.waiting import wait_until
from preferences.authentication import issue_token
from tests.conftest import ROOT


def test_a_socket_is_held_for_each_token_until_the_end(web, alice, bob, tmp_path):
    (tmp_path / TOKENS).write_text(json.dumps([issue_token(alice), issue_token(bob)]))
    address = urlsplit(web.websocket_url)
    environment = {**os.environ, "BIND_ADDRESS": address.hostname, "PORT": str(address.port)}
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "benchmarks.growth.idle_sockets", str(tmp_path)]
        holder = spawn(command, environment=environment, output=log, directory=ROOT)
    try:
        assert wait_until((tmp_path / IS_OPEN).exists, seconds=30), (tmp_path / "log").read_text()
        assert bell.listening({alice.id, bob.id}) == {alice.id, bob.id}
    finally:
        holder.stop(patience=10)
    assert wait_until(lambda: not bell.listening({alice.id, bob.id}), seconds=30)
