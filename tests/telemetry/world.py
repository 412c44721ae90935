"""A small world in which everything happens once that is measured, to people who can be recognised."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from botocore.exceptions import EndpointConnectionError
from celery import Celery, shared_task
from django.utils import timezone
from redis import RedisError

from delivery import attempts, digests, dispatch, feedback, lanes
from delivery.errors import PermanentFailure
from delivery.models import Delivery, State
from delivery.sns import Message as Feedback
from delivery.sns import MessageType
from delivery.transports.contract import Outgoing, Result
from delivery.transports.registry import OUTBOUND
from notifications import inbox, pipeline, queue_metrics, rejections
from notifications.event_queue import EventQueue
from notifications.intake.intake import Intake
from notifications.models import Notification, Path, RejectedEvent
from notifications.sockets import displays
from notifications.sockets.watch import SocketWatch
from preferences import push_tokens, rate_limits, redis_client, rollout
from preferences.catalog import Channel
from preferences.models import User
from preferences.push_tokens import Platform
from preferences.rate_limits import RateLimit
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.delivery.sns import DELIVERED, TOPIC, bounce, complaint, event, notification
from tests.preferences.services import service
from tests.rest import NOTIFICATIONS, Caller

#: What is planted, and must not come out: of people, of what they do, of devices.
SECRETS = (
    *("Zoraida", "Quintanilla", "zoraida.quintanilla", "example.org", "Wolpertinger", "Mandelbrot"),
    *("tsk_planted", "evt-planted", "/services/tasks", "device-planted", "abcdef0123456789", "token-planted"),
)
PHONE = "abcdef0123456789" * 4


@dataclass(frozen=True)
class World:
    """Who is in it, and what it runs on."""

    user: User
    queue: EventQueue
    patch: pytest.MonkeyPatch

    def live(self) -> None:
        """Everything, in an order in which it works."""
        for happening in (
            self._events_come_and_some_are_bad,
            self._mails_and_pushes_go_out,
            self._providers_complain,
            self._ses_reports,
            self._digests_come_due,
            self._bells_show_what_came,
            self._requests_go_wrong,
            self._threads_and_tasks_die,
            self._queues_are_measured,
        ):
            happening()

    def secrets(self) -> list[bytes]:
        """What must not be in any datagram."""
        ids = [str(self.user.id), self.user.id.hex, *Notification.objects.values_list("id", flat=True)]
        return [secret.encode() for secret in (*SECRETS, *ids)]

    def _events_come_and_some_are_bad(self) -> None:
        wanted = {"email_digest": "immediate", "preferences": {"mentioned": {"email": True, "push": True}}}
        User.objects.filter(id=self.user.id).update(notification_preferences=wanted)
        push_tokens.register(self.user.id, platform=Platform.IOS, token=PHONE, device_id="device-planted")
        task = {"type": "task", "id": "tsk_planted", "url": "/tasks/1", "title": "Breed the Wolpertinger"}
        good = event_for(self.user, id="evt-planted", type="mentioned", data={"resource": task})
        good["data"]["recipients"] += ["zoraida.quintanilla@example.org", str(uuid4())]
        bad = {**good, "type": "Mandelbrot"}
        pipeline.process([message(good), message(bad), message("Zoraida {")], path=Path.SQS)
        service("tasks").post("/api/v1/events", [event_for(self.user, id="evt-planted-2", source="/Quintanilla")])
        for rejected in RejectedEvent.objects.all():
            rejections.replay(rejected)

    def _mails_and_pushes_go_out(self) -> None:
        for channel in (Channel.EMAIL, Channel.PUSH):
            ids = Delivery.objects.filter(channel=channel).values_list("id", flat=True)
            attempts.attempt(channel, list(ids), OUTBOUND[channel].transport)
        _attempt(delivery(self.user, type="Mandelbrot"))
        _attempt(delivery(self.user, title="Wolpertinger"))

    def _providers_complain(self) -> None:
        lanes.pause("push:ios", timedelta(milliseconds=1))
        for _ in range(lanes.OUTAGES_TO_CLOSE):
            lanes.report_outage("email")
        lanes.report_success("email")

        def refuse(*_: Any, **__: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://zoraida.quintanilla")

        with self.patch.context() as patch:
            patch.setattr(Celery, "send_task", refuse)
            dispatch.wake([dispatch.Due(1, Channel.EMAIL)])

    def _ses_reports(self) -> None:
        address = "zoraida.quintanilla@example.org"
        reports = [
            event("Delivery", delivery_id=delivery(self.user, state=State.SENT).id, **DELIVERED),
            event("Bounce", delivery_id=delivery(self.user, state=State.SENT).id, **bounce(address)),
            notification("Complaint", provider_id="0100-planted", **complaint(address)),
        ]
        for number, report in enumerate(reports, start=1):
            old = timezone.now() - timedelta(minutes=1)
            feedback.apply(
                Feedback(
                    id=UUID(int=number),
                    type=MessageType.NOTIFICATION,
                    topic=TOPIC,
                    text=json.dumps(report),
                    sent_at=old,
                )
            )

    def _digests_come_due(self) -> None:
        User.objects.filter(id=self.user.id).update(notification_preferences={"email_digest": "hourly"})
        delivery(self.user, state=State.HELD, due_at=timezone.now() - timedelta(minutes=1))
        digests.collect()

    def _bells_show_what_came(self) -> None:
        row = Notification.objects.get(user=self.user, type="mentioned")
        displays.record({(self.user.id, row.id): timezone.now()})

        async def open_a_bell_and_close_it() -> None:
            watch = SocketWatch()
            closed = asyncio.Event()

            async def look() -> None:
                watch._sockets.clear()
                closed.set()

            self.patch.setattr(watch, "_look", look)
            watch.add(object())  # type: ignore[arg-type]
            await closed.wait()
            if watch._task:
                await watch._task

        self.patch.setattr("notifications.sockets.watch._EVERY_SECONDS", 0.01)
        asyncio.run(open_a_bell_and_close_it())

    def _requests_go_wrong(self) -> None:
        def break_down(*_: Any, **__: Any) -> None:
            raise ValueError("Zoraida Quintanilla")

        with self.patch.context() as patch:
            patch.setattr(inbox, "page", break_down)
            assert Caller(self.user).get(NOTIFICATIONS).status_code == 500

        def be_away(**_: Any) -> None:
            raise RedisError

        with self.patch.context() as patch:
            patch.setattr(rate_limits, "_outage", rate_limits._Outage())
            patch.setattr(redis_client, "client", be_away)
            assert RateLimit("planted_call", per_minute=1).wait(str(self.user.id)) == 0.0

    def _threads_and_tasks_die(self) -> None:
        _die.apply(args=("Zoraida Quintanilla",))
        Intake(self.queue)._run(_raise)

    def _queues_are_measured(self) -> None:
        dispatch.create_queues()
        self.queue.send(["Zoraida", "Quintanilla"])
        rollout.forget()
        queue_metrics.measure()


def _attempt(mail: Delivery) -> None:
    """At a provider that refuses, unless it is not even asked."""
    attempts.attempt(Channel.EMAIL, [mail.id], lambda: _Refusing())


class _Refusing:
    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result]:
        failure = PermanentFailure("MessageRejected")
        failure.__cause__ = ValueError("zoraida.quintanilla@example.org")
        return (Result(outgoing, failure) for outgoing in chunk)


@shared_task(name="tests.die")
def _die(name: str) -> None:
    raise ValueError(name)


def _raise() -> None:
    raise ValueError("Zoraida Quintanilla")
