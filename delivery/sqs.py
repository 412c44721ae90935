"""SQS by signed calls of our own (delivery/signed_calls.py) in the place of boto3's.

Protocol: AWS JSON 1.0, whose parameters and answers are those of boto3's client (Amazon SQS API Reference).
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from delivery.signed_calls import Answer, SignedCalls

_CONNECT_SECONDS: Final = 3
_ANSWER_SECONDS: Final = 30  # longer than the longest long poll (20 s)
#: CreateQueue under a name that has other attributes.
_EXISTS: Final = frozenset({"QueueNameExists", "QueueAlreadyExists"})


class UnreadableAnswer(BotoCoreError):  # type: ignore[misc]
    """Somebody answered, and not in the words of SQS: a proxy's page, half an answer."""

    fmt = "HTTP {status} without an answer of SQS"


class SqsClient:
    """A client for all queues of one region; safe to share between threads."""

    def __init__(self, *, region: str, endpoint_url: str = "") -> None:
        self._calls = SignedCalls(
            "sqs",
            url=endpoint_url or f"https://sqs.{region}.amazonaws.com",
            region=region,
            credentials=Session().get_credentials(),
            connect_seconds=_CONNECT_SECONDS,
            answer_seconds=_ANSWER_SECONDS,
        )

    def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call an operation such as `ReceiveMessage` once and return its answer.

        Raises ClientError with SQS's own error code, and another BotoCoreError when SQS is not reached.
        """
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        answer = self._calls.post(orjson.dumps(parameters), headers)
        if answer.status != 200:
            raise ClientError(_error(answer), operation)
        if not answer.body:
            return {}
        if (content := _object(answer.body)) is None:
            raise UnreadableAnswer(status=answer.status)
        return content

    def ensure_queue(self, name: str, attributes: Mapping[str, str]) -> str:
        """Create the queue, or bring its attributes up to date; return its address."""
        try:
            url: str = self.call("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _EXISTS:
                raise
            url = self.call("GetQueueUrl", QueueName=name)["QueueUrl"]
            self.call("SetQueueAttributes", QueueUrl=url, Attributes=attributes)
        return url


def _error(answer: Answer) -> dict[str, Any]:
    """Return the error in the form of boto3's."""
    problem = _object(answer.body) or {}
    code = str(problem.get("__type") or "").split("#")[-1]
    return {
        "Error": {"Code": code or str(answer.status), "Message": problem.get("message") or problem.get("Message", "")},
        "ResponseMetadata": {"HTTPStatusCode": answer.status},
    }


def _object(body: bytes) -> Mapping[str, Any] | None:
    """Return the JSON object of the body; None when it is anything else."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None
