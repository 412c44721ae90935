"""The producers' client: one call when something happens, and never a thought about channels.

    from notifications_producer import Event, Resource, publish

    publish(
        Event(
            type="task_assigned",
            source="/services/tasks",
            recipients=[assignee_id],
            actor=assigner_id,
            resource=Resource(type="task", id="tsk_456", url="/tasks/tsk_456", title="Update pricing page"),
        )
    )

Needs boto3 alone. Addresses come from the environment: EVENTS_QUEUE_URL, AWS_DEFAULT_REGION and, away from AWS,
SQS_ENDPOINT_URL; for the way by HTTP while SQS is away, EVENTS_FALLBACK_URL with EVENTS_FALLBACK_TOKEN or
EVENTS_FALLBACK_TOKEN_FILE (docs/producers.md).
"""

from notifications_producer.breaker import CircuitBreaker
from notifications_producer.client import Producer
from notifications_producer.environment import fallback_of_environment, publish, publish_many
from notifications_producer.events import Event, Resource
from notifications_producer.failures import NotConfigured, PublishFailed
from notifications_producer.fallback import HttpFallback
from notifications_producer.shapes import InvalidEvent

__all__ = [
    "CircuitBreaker",
    "Event",
    "HttpFallback",
    "InvalidEvent",
    "NotConfigured",
    "Producer",
    "PublishFailed",
    "Resource",
    "fallback_of_environment",
    "publish",
    "publish_many",
]
