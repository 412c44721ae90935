"""Kombu's way to SQS as a worker goes it at its start (notifications_project/broker.py)."""

from collections.abc import Iterator

import pytest

from devstack.sqs_faults import SqsFault, order
from notifications_project.celery import app


@pytest.fixture
def failing_sqs(servers) -> Iterator[str]:
    """Answers 500 or 503 to every call, until it is told otherwise at this address."""
    url = servers.aws.endpoint_url
    order(url, SqsFault(refused=1.0))
    yield url
    order(url, None)


def test_a_worker_that_starts_while_sqs_fails_tries_again(failing_sqs):
    failures = []

    def heal(error: Exception, interval: float) -> None:
        failures.append(error)
        order(failing_sqs, None)

    with app.connection_for_read() as connection:
        connection.ensure_connection(heal, max_retries=3, interval_start=0.1)
        assert connection.connected
    assert len(failures) == 1
