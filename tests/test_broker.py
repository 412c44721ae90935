"""Kombu's way to SQS as a worker goes it at its start (notifications_project/broker.py)."""

from devstack.sqs_faults import order
from notifications_project.celery import app


def test_a_worker_that_starts_while_sqs_fails_tries_again(failing_sqs):
    failures = []

    def heal(error: Exception, interval: float) -> None:
        failures.append(error)
        order(failing_sqs, None)

    with app.connection_for_read() as connection:
        connection.ensure_connection(heal, max_retries=3, interval_start=0.1)
        assert connection.connected
    assert len(failures) == 1
