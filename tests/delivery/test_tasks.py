from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection

from delivery import tasks
from delivery.models import State
from tests.delivery.rows import delivery, states
from tests.postgres_defaults import defaults

pytestmark = pytest.mark.django_db(transaction=True)


def test_after_a_server_that_takes_no_writes_a_worker_finds_one_that_does(alice):
    mail = delivery(alice, state=State.SENDING, lease_until=None)
    with ThreadPoolExecutor(1) as worker:
        with defaults("default_transaction_read_only = on"):
            assert isinstance(worker.submit(tasks.sweep).exception(timeout=60), DatabaseError)
        worker.submit(tasks.sweep).result(timeout=60)
        worker.submit(lambda: connection.close()).result()  # its own
    assert states(mail) == [State.PENDING]
