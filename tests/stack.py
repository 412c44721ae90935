"""The throw-away stack of one test run: real PostgreSQL, Valkey, SQS and SNS, simulators of SES, FCM
and APNs, gone when the run ends.

A pytest plugin (pyproject.toml names it), since a conftest.py is read after pytest-django has loaded the settings.
From then on `os.environ` holds every address that the settings read. The queues are not made yet (SQS knows no
EVENTS_QUEUE_URL before `manage.py create_queues`), and pytest-django makes its test database as usual. A test that
stops or freezes a server asks for the fixture `servers`, which has all of them running again for the next test:

    def test_the_bell_survives_valkey(servers):
        servers.valkey.stop()
        ...
        servers.valkey.start()

Runs that start at the same time do not meet: each has its own folder and ports. So have the workers of one run
(`make test`, pytest-xdist); the process that hands out the tests to them has no servers. Neither has a run that finds
SERVERS_ARE_RUNNING in its environment, whose addresses are there already (tests/mutants.py); it knows no `servers`.
"""

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import pytest
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from devstack.identity import Identity
from devstack.ports import free_port
from devstack.stack import Servers, describe

_SERVERS = pytest.StashKey[Servers]()
WORKER = "PYTEST_XDIST_WORKER"  # set for its workers by pytest-xdist
SERVERS_ARE_RUNNING = "NOTIFICATIONS_TEST_SERVERS_ARE_RUNNING"


@contextlib.contextmanager
def throwaway_servers() -> Iterator[Servers]:
    """Servers with an environment to match in `os.environ`."""
    with tempfile.TemporaryDirectory(prefix="notifications-tests-") as directory:
        Path(directory).chmod(0o711)  # as root, PostgreSQL runs under another account
        identity = Identity()
        with Servers.below(Path(directory), identity, durable=False).running() as servers:
            environment = describe(servers, identity, port=free_port(), demo=False).environment_over(os.environ)
            os.environ.clear()
            os.environ.update(environment)
            os.environ["RELEASE_RAMP_SECONDS"] = "0"  # tests of the ramp set it
            yield servers


def hands_out(config: pytest.Config) -> bool:
    """Whether this process runs no test itself, for it has workers (`-n 3`)."""
    options = config.known_args_namespace
    return bool(getattr(options, "numprocesses", None)) and not options.collectonly and WORKER not in os.environ


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    if not hands_out(early_config) and SERVERS_ARE_RUNNING not in os.environ:
        running = contextlib.ExitStack()
        early_config.add_cleanup(running.close)
        early_config.stash[_SERVERS] = running.enter_context(throwaway_servers())
    return (yield)


def pytest_unconfigure() -> None:
    """Leave no connection to what goes on from here: children of one parent that used the same would mix their answers."""
    for alias in connections:
        connection = cast(DatabaseWrapper, connections[alias])
        connection.close()
        connection.close_pool()


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """The servers of this run, to stop and start at will."""
    everything = request.config.stash[_SERVERS]
    yield everything
    everything.start()
