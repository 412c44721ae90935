import threading
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from benchmarks.sockets.remote import Remote, _accepted, _listening, serve


def test_a_remote_does_what_it_is_told_until_we_hang_up(tmp_path: Path):
    address = str(tmp_path / "harness")
    with _listening(address) as listener:
        served = threading.Thread(target=serve, args=(address, {"double": lambda number: 2 * number}.__getitem__))
        served.start()
        with _accepted(listener) as connection:
            remote = Remote(connection, Path("a.log"))
            assert [remote.call("double", number) for number in (1, 21)] == [2, 42]
        served.join(timeout=5)
    assert not served.is_alive()


def test_a_remote_that_ended_is_told_with_its_log(tmp_path: Path):
    address = str(tmp_path / "harness")
    with _listening(address) as listener:
        client = Client(address, family="AF_UNIX")
        with _accepted(listener) as connection:
            client.close()
            with pytest.raises(RuntimeError, match=r"a\.log"):
                Remote(connection, Path("a.log")).finish()
