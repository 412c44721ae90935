"""Our document as Schemathesis reads it, with the tokens it calls with and rows to find.

Every check of Schemathesis is on.
"""

import itertools
import os
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import schemathesis
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from hypothesis import strategies as st

from notifications import cursors, ids
from notifications.inbox import Position, Status
from notifications.models import Notification
from preferences.authentication import issue_service_token, issue_token
from preferences.models import User
from tests.notifications.rows import NOON

ALICE = UUID(int=1)
IDS = [f"ntf_{number:016d}" for number in range(4)]
_in_turn = itertools.cycle([None, *IDS])
_OF_SERVICES = ("publish_events", "ask_rollout")
#: A bad event does not make the call one: 202 names it, and it is kept.
_ACCEPTED_WITH_REJECTED = {
    "include-operation-id": "publish_events",
    "checks": {"negative_data_rejection": {"expected-statuses": [202, 400, 401, 403, 404, 405, 415]}},
}
_CONFIG = {
    "base-url": os.environ["PUBLIC_URL"],
    "generation": {"database": "none"},
    "operations": [_ACCEPTED_WITH_REJECTED],
}

with GENERATOR_STATS.silence():
    document = SchemaGenerator().get_schema(request=None, public=True)
schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(_CONFIG))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones())))


@schema.auth(refresh_interval=None)  # else the first call's token goes with all of them
class Token:
    """The token of whom the call is for."""

    def get(self, case: Any, context: Any) -> str:
        is_service = case.operation.definition.raw["operationId"] in _OF_SERVICES
        return issue_service_token("tasks") if is_service else issue_token(User(id=ALICE))

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


def aim(case: Any) -> None:
    """Put rows that are there in the place of ids that only look right, now and then; a cursor in that of any text."""
    notification_id = case.path_parameters.get("notification_id")
    if isinstance(notification_id, str) and ids.is_notification_id(notification_id):
        case.path_parameters["notification_id"] = next(_in_turn) or notification_id
    give_cursor(case)


def give_cursor(case: Any) -> None:
    """Put a cursor in the place of any text: a document cannot say what one looks like."""
    status, cursor = case.query.get("status", Status.ALL), case.query.get("cursor")
    if isinstance(cursor, str) and cursor and status in list(Status):
        case.query["cursor"] = cursors.encode(Position(NOON, IDS[0]), user_id=ALICE, status=Status(status))


def fill() -> None:
    """Store Alice, and her notifications with IDS."""
    alice = User.objects.create(id=ALICE, name="Alice", email="alice@example.com")
    Notification.objects.bulk_create(Notification(id=i, user=alice, type="mentioned", title="T", body="") for i in IDS)
