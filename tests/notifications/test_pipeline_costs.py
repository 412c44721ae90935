"""What an event may cost, in things that can be counted: statements, round trips, calls. Seconds are for benchmarks."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Connection

from delivery.sqs import SqsClient
from delivery.transports.bell import group_name
from notifications import pipeline
from notifications.models import Path
from preferences.catalog import TYPES
from preferences.models import User
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.django_db

_PEOPLE = 200
#: Calls of Python functions that one more event of a batch costs: a fifth more than it takes on Python 3.11, which
#: counts comprehensions too and so calls most.
_MOST_CALLS = 295


@pytest.fixture
def people(valkey) -> Iterator[list[User]]:
    """Who wants nothing but the bell, and has one open."""
    quiet = {"email_digest": "never", "preferences": {type_.name: {"push": False} for type_ in TYPES}}
    found = User.objects.bulk_create(
        User(name=f"Person {n}", email=f"{n}@example.com", notification_preferences=quiet) for n in range(_PEOPLE)
    )
    with valkey.pubsub() as bells:
        bells.subscribe(*(f"{settings.CHANNEL_LAYER_PREFIX}__group__{group_name(person.id)}" for person in found))
        for _ in found:
            bells.get_message(timeout=5)
        yield found


@pytest.fixture
def process(people) -> Callable[[int], None]:
    """Takes a batch of so many new events, one a message and each to somebody else, to the open bells."""

    def run(count: int) -> None:
        messages = [batch(people, [number]) for number in range(count)]
        assert not pipeline.process(messages, path=Path.SQS)

    run(len(TYPES))  # compiles the templates, opens the connections
    return run


def batch(people: list[User], numbers: list[int]) -> pipeline.Message:
    return message(*(event(people[n], people[n - 1], TYPES[n % len(TYPES)].name) for n in numbers))


def event(recipient: User, actor: User, type_name: str) -> dict[str, object]:
    return event_for(recipient, id=str(uuid4()), type=type_name, data={"actor": {"id": str(actor.id)}})


@contextmanager
def counted(monkeypatch, owner: type, name: str, key: Callable[..., str] = lambda *_: "") -> Iterator[Counter[str]]:
    """Count the calls of a method, which are made all the same."""
    calls: Counter[str] = Counter()
    original = getattr(owner, name)

    def call(*args, **options):
        calls[key(*args)] += 1
        return original(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, call)
        yield calls


def statements(process, count: int) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        process(count)
    return [query["sql"].split(maxsplit=1)[0] for query in captured]


def function_calls(process, count: int) -> int:
    """Count the Python functions that were entered; those of C are not among them."""
    calls = 0

    def note(_frame: object, kind: str, _argument: object) -> None:
        nonlocal calls
        calls += kind == "call"

    sys.setprofile(note)
    try:
        process(count)
    finally:
        sys.setprofile(None)
    return calls


def test_a_batch_takes_as_many_statements_whatever_its_size(process):
    few = statements(process, 10)
    assert statements(process, _PEOPLE) == few
    assert len(few) <= 10


def test_a_batch_rings_in_two_round_trips_whatever_its_size(process, monkeypatch):
    for count in (10, _PEOPLE):
        with counted(monkeypatch, Connection, "send_packed_command") as sent:
            process(count)
        assert sent.total() == 2


def test_a_hundred_messages_are_sent_received_and_deleted_by_tens(queue, monkeypatch):
    with counted(monkeypatch, SqsClient, "call", lambda _, operation: operation) as calls:
        assert all(queue.send([json.dumps({"n": n}) for n in range(100)]))
        received = [found for _ in range(10) for found in queue.receive()]
        assert queue.delete([found.receipt for found in received]) == 0
    assert len(received) == 100
    assert calls == {"SendMessageBatch": 10, "ReceiveMessage": 10, "DeleteMessageBatch": 10}


def test_what_an_event_costs_does_not_grow_with_its_batch(process):
    ten, hundred, most = (function_calls(process, count) for count in (10, 100, _PEOPLE))
    first, later = (hundred - ten) / 90, (most - hundred) / (_PEOPLE - 100)
    assert later < 1.1 * first
    assert later < _MOST_CALLS


def test_packing_saves_calls_of_sqs_and_costs_the_pipeline_no_more(process, people):
    apart = function_calls(process, 100)
    packed = [batch(people, list(range(start, start + 10))) for start in range(0, 100, 10)]
    assert function_calls(lambda _: pipeline.process(packed, path=Path.SQS), 100) < apart
