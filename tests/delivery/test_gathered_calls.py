"""The intake process: what it puts on record it calls workers for, also when it is asked to stop."""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured
from pytest_django import Settings

from delivery import dispatch
from delivery.models import Delivery
from delivery.sqs import SqsClient
from devstack.child import Child
from devstack.waiting import wait_until
from preferences import push_tokens
from preferences.models import User
from tests.cloudevents import event_for
from tests.conftest import running_process

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = 300
BOOT = PATIENCE = 30  # seconds


@pytest.fixture
def intake(queue, settings: Settings, tmp_path: Path) -> Iterator[Child]:
    """An intake on queues of its own, those to the workers among them."""
    prefix = f"gathered-{secrets.token_hex(4)}"
    settings.OUTBOUND_QUEUES = {channel: f"{prefix}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    settings.MAINTENANCE_QUEUE = f"{prefix}-maintenance"
    dispatch.create_queues()
    environment = {"EVENTS_QUEUE_NAME": queue.name, "EVENTS_QUEUE_URL": queue.url, "OUTBOUND_QUEUE_PREFIX": prefix}
    with running_process("intake", environment, log=tmp_path / "intake.log") as child:
        yield child


def tasks(channel: str) -> list[list[int]]:
    """The ids of each task that waits for the channel's workers."""
    sqs = SqsClient(region=configured.AWS_REGION, endpoint_url=configured.SQS_ENDPOINT_URL)
    url = sqs.call("GetQueueUrl", QueueName=configured.OUTBOUND_QUEUES[channel])["QueueUrl"]
    found: list[list[int]] = []
    while messages := sqs.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [ids_of(message["Body"]) for message in messages]
    return found


def ids_of(body: str) -> list[int]:
    """What kombu has packed twice."""
    task = json.loads(base64.b64decode(body))
    (_channel, ids), *_ = json.loads(base64.b64decode(task["body"]))
    return list(ids)


def test_an_intake_that_is_asked_to_stop_calls_first_for_all_that_it_has_put_on_record(
    intake: Child, queue, alice: User
):
    push_tokens.register(alice.id, platform=push_tokens.Platform.IOS, token="0a" * 32, device_id="phone")
    queue.send([json.dumps(event_for(alice, id=str(number), type="status_changed")) for number in range(EVENTS)])
    assert wait_until(lambda: Delivery.objects.filter(channel="push").exists(), seconds=BOOT)
    intake.ask_to_stop()
    assert intake.process.wait(timeout=PATIENCE) == 0
    called = [id_ for ids in tasks("push") for id_ in ids]
    assert sorted(called) == sorted(Delivery.objects.filter(channel="push").values_list("id", flat=True))
