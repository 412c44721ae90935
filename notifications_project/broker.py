"""Kombu's way to SQS, so that workers outlive what SQS does not.

Kombu 5.7 hands its consumer a list in place of an answer when SQS fails or is not reached, and the consumer, which
expects a mapping, takes the whole worker with it. Without messages it polls again, and finds SQS back by itself.

Nor does it count an answer of SQS that says no (500, 503) among the errors after which a worker connects anew, so that
one that starts just then ends.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from kombu.transport import SQS


class Channel(SQS.Channel):
    """Takes a failed poll for an empty one."""

    def _on_messages_ready(self, queue: str, qname: str, messages: Mapping[str, Any] | list[Any]) -> int:
        count: int = super()._on_messages_ready(queue, qname, messages or {})  # type: ignore[misc]  # not in its stubs
        return count


class Transport(SQS.Transport):
    """What CELERY_BROKER_TRANSPORT names."""

    Channel = Channel
    connection_errors = (*SQS.Transport.connection_errors, ClientError)
