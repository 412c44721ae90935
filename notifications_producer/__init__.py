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

Needs boto3 alone. Addresses come from the environment: EVENTS_QUEUE_URL and, away from AWS, SQS_ENDPOINT_URL.
"""

from notifications_producer.client import Producer, PublishFailed, publish, publish_many
from notifications_producer.events import Event, InvalidEvent, Resource

__all__ = ["Event", "InvalidEvent", "Producer", "PublishFailed", "Resource", "publish", "publish_many"]
