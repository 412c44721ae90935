"""A look at the queues from outside."""

from typing import Final

from delivery.sqs import SqsClient

_WAITING: Final = "ApproximateNumberOfMessages"
_IN_HAND: Final = "ApproximateNumberOfMessagesNotVisible"


class Queue:
    """An SQS queue as the harness sees it: something to fill and to measure."""

    def __init__(self, url: str, *, region: str) -> None:
        self._url = url
        self._sqs = SqsClient(region=region, endpoint_url=url.rpartition("/")[0].rpartition("/")[0])

    def send(self, bodies: list[str]) -> None:
        """Send up to ten messages in one request."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = self._sqs.call("SendMessageBatch", QueueUrl=self._url, Entries=entries)
        if refused := answer.get("Failed"):
            raise RuntimeError(f"SQS refused {len(refused)} of {len(bodies)} messages")

    def waiting(self) -> int:
        """Return how many messages wait."""
        return self._count(_WAITING)

    def backlog(self) -> int:
        """Return how many messages wait or are in somebody's hands."""
        return self._count(_WAITING, _IN_HAND)

    def _count(self, *names: str) -> int:
        answer = self._sqs.call("GetQueueAttributes", QueueUrl=self._url, AttributeNames=list(names))
        return sum(int(answer["Attributes"][name]) for name in names)
