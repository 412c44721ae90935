import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import boto3
import psycopg
import pytest
from redis import Redis

from devstack.identity import Identity
from devstack.ports import is_free
from devstack.server import ServerFailed
from devstack.stack import REGION, Servers
from devstack.waiting import wait_until

_START_AND_HANG = """
import pathlib, signal, sys
from devstack.identity import Identity
from devstack.stack import Servers
directory = pathlib.Path(sys.argv[1])
Servers.below(directory, Identity.kept_in(directory / "identity.json"), durable=False).start()
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity.kept_in(tmp_path / "identity.json")


@pytest.fixture
def own_servers(tmp_path: Path, identity: Identity):
    own = Servers.below(tmp_path, identity, durable=False)
    yield own
    own.stop()


def ports_are_free(identity: Identity) -> bool:
    ports = [value for name, value in asdict(identity).items() if name.endswith("_port")]
    assert len(ports) == 8
    return all(map(is_free, ports))


def connected(servers: Servers):
    sqs = boto3.client("sqs", endpoint_url=servers.aws.endpoint_url, region_name=REGION)
    return psycopg.connect(servers.postgres.url), Redis.from_url(servers.valkey.url), sqs


def write_to(servers: Servers) -> None:
    postgres, valkey, sqs = connected(servers)
    with postgres, valkey:
        postgres.execute("CREATE TABLE kept AS SELECT 'row' AS what")
        valkey.set("kept", "key")
        sqs.send_message(QueueUrl=sqs.create_queue(QueueName="kept")["QueueUrl"], MessageBody="message")


def read_from(servers: Servers):
    postgres, valkey, sqs = connected(servers)
    with postgres, valkey:
        message = sqs.receive_message(QueueUrl=servers.aws.queue_url("kept"))["Messages"][0]
        return postgres.execute("SELECT what FROM kept").fetchone(), valkey.get("kept"), message["Body"]


def test_servers_keep_their_data_over_a_stop(own_servers, identity):
    own_servers.start()
    write_to(own_servers)
    own_servers.stop()
    assert ports_are_free(identity)
    own_servers.start()
    assert read_from(own_servers) == (("row",), b"key", "message")


def test_servers_end_when_their_parent_is_killed(tmp_path, identity):
    command = [sys.executable, "-c", _START_AND_HANG, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "up\n"
            assert not ports_are_free(identity)
        finally:
            parent.kill()
    assert wait_until(lambda: ports_are_free(identity), seconds=10)


def test_a_server_whose_port_is_taken_says_so(servers, tmp_path):
    taken = Servers.below(tmp_path, Identity(valkey_port=servers.valkey.port), durable=False)
    with pytest.raises(ServerFailed, match=f"another program listens on port {servers.valkey.port}"):
        taken.valkey.start()


def test_a_server_that_does_not_come_up_says_where_to_look(own_servers):
    own_servers.postgres.directory.mkdir()
    (own_servers.postgres.directory / "PG_VERSION").write_text("9")
    with pytest.raises(ServerFailed, match=r"PostgreSQL did not start: .*postgresql\.log"):
        own_servers.postgres.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's servers are his own")
def test_postgres_gives_up_root(servers):
    assert Path(f"/proc/{servers.postgres.pid}").stat().st_uid != 0
