"""What an intake asks of a queue, and how the queue fails."""

from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from django.db import Error as DatabaseError

from notifications.event_queue import Received

SQS_ERRORS: Final = (ClientError, BotoCoreError)
QUEUE_ERRORS: Final = (*SQS_ERRORS, DatabaseError)


class Queue(Protocol):
    """Where events wait: on SQS (EventQueue), or in PostgreSQL (WaitingEvents).

    Each call raises one of QUEUE_ERRORS when the queue is away.
    """

    @property
    def pause_seconds(self) -> float:
        """How long to wait after a receive that brought nothing; 0 when `receive` itself waits."""

    def receive(self) -> list[Received]:
        """Take some messages in hand, hidden from others for settings.INTAKE_VISIBILITY_TIMEOUT."""

    def delete(self, receipts: list[str]) -> int:
        """Forget messages; return how many stayed."""

    def put_back(self, receipts: list[str]) -> int:
        """Let others have messages at once; return how many they must wait for."""

    def keep(self, receipts: list[str]) -> int:
        """Hide messages for another timeout; return how many were refused."""
