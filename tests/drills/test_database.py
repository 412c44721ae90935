import pytest

from delivery.models import State
from drills.database import Database
from tests.conftest import url_of_test_database
from tests.delivery.rows import delivery


@pytest.mark.django_db(transaction=True)
def test_what_all_workers_died_of_is_told_from_other_failures(alice):
    lost = delivery(alice, state=State.FAILED, provider_error="worker_lost")
    delivery(alice, state=State.FAILED, provider_error="MessageRejected")
    delivery(alice, provider_error="worker_lost")
    assert Database(url_of_test_database()).lost() == {lost.id}
