"""SQS that fails as it is told to: over the wire, by an emulator of this file's own."""

import secrets
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from botocore.exceptions import ClientError

from delivery.sqs import SqsClient
from devstack.aws import Aws
from devstack.sqs_faults import SqsFault, order
from tests.devstack.sqs_calls import delete, receive, send


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    with Aws(tmp_path_factory.mktemp("sqs") / "aws") as server:
        yield server


@pytest.fixture
def sqs(emulator, settings) -> Iterator[SqsClient]:
    yield SqsClient(region=settings.AWS_REGION, endpoint_url=emulator.endpoint_url)
    order(emulator.endpoint_url, None)


@pytest.fixture
def queue(sqs) -> str:
    return sqs.ensure_queue(f"faulty-{secrets.token_hex(6)}", {"VisibilityTimeout": "0"})


def outcomes(sqs, queue, count: int) -> list[str]:
    """What becomes of so many calls: "taken", or the error's code."""
    found = []
    for number in range(count):
        try:
            sqs.call("SendMessage", QueueUrl=queue, MessageBody=str(number))
            found.append("taken")
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
    return found


def bodies(sqs, queue) -> list[str]:
    return [message["Body"] for message in receive(sqs, queue)]


def test_a_refused_call_is_not_carried_out_and_says_why(sqs, queue, emulator):
    order(emulator.endpoint_url, SqsFault(refused=1.0))
    assert set(outcomes(sqs, queue, 20)) == {"InternalFailure", "ServiceUnavailable"}
    order(emulator.endpoint_url, None)
    assert bodies(sqs, queue) == []


def test_an_unheard_call_is_carried_out(sqs, queue, emulator):
    order(emulator.endpoint_url, SqsFault(unheard=1.0))
    assert "taken" not in outcomes(sqs, queue, 3)
    order(emulator.endpoint_url, None)
    assert bodies(sqs, queue) == ["0", "1", "2"]


def test_a_seed_makes_the_same_calls_fail_again(sqs, queue, emulator):
    runs = []
    for _ in range(2):
        order(emulator.endpoint_url, SqsFault(refused=0.3, seed=7))
        runs.append(outcomes(sqs, queue, 100))
    assert runs[0] == runs[1]
    assert 15 <= 100 - Counter(runs[0])["taken"] <= 45


def test_a_delete_that_is_kept_is_promised_and_the_message_comes_again(sqs, queue, emulator):
    send(sqs, queue, "first", "second")
    receipts = [message["ReceiptHandle"] for message in receive(sqs, queue)]
    order(emulator.endpoint_url, SqsFault(kept=1.0))
    sqs.call("DeleteMessage", QueueUrl=queue, ReceiptHandle=receipts[0])
    assert len(delete(sqs, queue, *receipts)["Successful"]) == 2
    assert sorted(bodies(sqs, queue)) == ["first", "second"]


def test_some_deletes_of_a_batch_are_done_and_others_are_not(sqs, queue, emulator):
    send(sqs, queue, *map(str, range(10)))
    receipts = [message["ReceiptHandle"] for message in receive(sqs, queue)]
    order(emulator.endpoint_url, SqsFault(kept=0.5, seed=1))
    assert len(delete(sqs, queue, *receipts)["Successful"]) == 10
    assert 0 < len(bodies(sqs, queue)) < 10


@pytest.mark.parametrize("body", [b"not JSON", b"[]", b'{"refused": 2}', b'{"unknown": 1}'])
def test_what_is_no_fault_is_refused(emulator, body):
    assert httpx.put(f"{emulator.endpoint_url}/_faults", content=body).status_code == 400


def test_what_is_planned_can_be_asked_and_asking_changes_nothing(sqs, emulator):
    assert httpx.get(f"{emulator.endpoint_url}/_faults").json() == []
    order(emulator.endpoint_url, SqsFault(refused=1.0))
    answers = [httpx.get(f"{emulator.endpoint_url}/_faults").json() for _ in range(2)]
    assert answers == [[{"refused": 1.0, "unheard": 0.0, "kept": 0.0, "seed": 0}]] * 2
