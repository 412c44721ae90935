"""Events as nobody should send them, by both ways in: each is accepted, or kept with a reason, and harms no other."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications import pipeline
from notifications.event_schema import EVENT
from notifications.events import Rejected
from notifications.models import Path, ReceivedEvent, RejectedEvent, Rejection, WaitingEvent
from notifications.pipeline import Message
from notifications.waiting_events import WaitingEvents
from tests.cloudevents import cloudevent, event_for, message
from tests.examples import examples
from tests.json_mutants import mutants
from tests.json_schema import from_schema
from tests.preferences.services import service
from tests.rest import refusal

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
SOURCE = "/services/tasks"
ALICE = UUID(int=1)
#: Of one producer, so that POST lets them in; some of them for somebody who exists.
_ours = from_schema({**EVENT, "properties": {**EVENT["properties"], "source": {"enum": [SOURCE]}}})
_one = st.just(cloudevent(data={"recipients": [str(ALICE), "nobody"]})) | _ours
bodies = mutants(_one | st.lists(_one, min_size=1, max_size=3))
_numbers = itertools.count(1)


def odd(**changes: str) -> bytes:
    """The usual event with one value written as given."""
    [(key, written)] = changes.items()
    return json.dumps(cloudevent(**{key: "here"})).replace('"here"', written).encode()


@pytest.fixture(autouse=True)
def _people_and_sources(alice, settings):
    type(alice).objects.filter(id=alice.id).update(id=ALICE)
    settings.SERVICE_TOKEN_SOURCES = {"tasks": [SOURCE]}


@pytest.fixture
def bob_hears_of(bob):
    """Make an event of its own for somebody else."""
    return lambda: event_for(bob, id=f"neighbour-{next(_numbers)}")


def are_on_record(rejected: Sequence[Rejected]) -> bool:
    digests = {hashlib.sha256(each.body).digest() for each in rejected}
    return RejectedEvent.objects.filter(body_digest__in=digests).count() == len(digests)


def drained() -> Iterator[Message]:
    """Take what POST stored, as the intake does."""
    queue = WaitingEvents()
    while received := queue.receive():
        yield from (Message(each.body, each.sent_at) for each in received)
        queue.delete([each.receipt for each in received])


@examples(120)
@given(bodies)
@example(odd(number=f'[{"9" * 400}, "\\ud800"]'))
@example(odd(number='[1e999, "\\ud800"]'))
@example(odd(time='"0001-01-01T00:00:00+23:59"'))
@example(odd(deep="[" * 900 + "]" * 900))
@example(odd(id='"a", "id": 5'))
@example(b"[" + b"{}," * 5_000 + b"{}]")
def test_from_the_queue_a_mutant_harms_no_neighbour(bob_hears_of, body):
    before, after, mutant = bob_hears_of(), bob_hears_of(), Message(body, NOW)
    rejected = pipeline.process([message(before), mutant, message(after)], path=Path.SQS)
    accepted, _ = pipeline.accept([mutant])
    for event_id in [before["id"], after["id"], *(event.id for event in accepted)]:
        assert ReceivedEvent.objects.filter(event_id=event_id).exists()
    assert accepted or rejected
    assert all(each.detail and each.reason is not Rejection.INTERNAL_ERROR for each in rejected), rejected
    assert are_on_record(rejected)


@examples(80)
@given(bodies)
@example(odd(number=f'[{"9" * 400}, "\\ud800"]'))
@example(odd(id='"a", "id": 5'))
def test_by_http_what_is_accepted_is_what_the_pipeline_takes(valkey, body):
    valkey.flushall()  # whose calls are counted
    answer = service()("POST", "/api/v1/events", body)
    if answer.status_code != 202:
        assert refusal(answer) == (400, "INVALID_REQUEST")
        assert not WaitingEvent.objects.exists()
        return
    told = answer.json()
    waiting = list(drained())
    assert len(waiting) == told["accepted"]
    assert told["accepted"] + len(told["rejected"]) > 0
    assert Rejection.INTERNAL_ERROR not in {each["code"] for each in told["rejected"]}
    assert pipeline.process(waiting, path=Path.HTTP) == []
