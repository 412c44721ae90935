"""What another default would mean for everybody, counted batch by batch in the background (spec §5 "Explain").

The row says how far the count came. A batch is counted first and entered by one conditional update, so whoever is
killed loses the batch in hand and nothing else, and of two workers at the same batch one enters it.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from delivery import recipients
from delivery.dispatch import CALL_ERRORS
from notifications.explaining.explain import with_defaults
from notifications.models import Forecast
from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.decisions import Recipient, decide
from preferences.models import User

logger = logging.getLogger(__name__)

#: People by channel and reason, both as their codes.
Counts = Mapping[str, Mapping[str, int]]

#: People that are counted and entered at a time, as many as the pipeline decides at a time.
BATCH: Final = 1_000
#: How long one task counts. Then it calls the next one, since sweeps and digests wait for the same worker.
SLICE: Final = timedelta(seconds=3)

_ABOUT_HOW_MANY: Final = """
    SELECT CASE WHEN reltuples < 10000 THEN (SELECT count(*) FROM (SELECT FROM users LIMIT 10000) AS few)
           ELSE reltuples END
    FROM pg_class WHERE oid = 'users'::regclass
"""


def start(type_name: str, *, defaults: Mapping[Channel, bool], asked_by: User | None) -> Forecast:
    """Have a worker count, once the caller's transaction is committed; see `begin`."""
    forecast = begin(type_name, defaults=defaults, asked_by=asked_by)
    transaction.on_commit(partial(call, forecast))
    return forecast


def begin(type_name: str, *, defaults: Mapping[Channel, bool], asked_by: User | None) -> Forecast:
    """Put the question on record, or return the forecast that asks the same and is not finished."""
    return find_unfinished(type_name, defaults=defaults) or Forecast.objects.create(
        type=type_name, defaults=_stored(defaults), asked_by=asked_by, total=about_how_many()
    )


def find_unfinished(type_name: str, *, defaults: Mapping[Channel, bool]) -> Forecast | None:
    """Return the forecast that asks this and is still counted."""
    return unfinished().filter(type=type_name, defaults=_stored(defaults)).first()


def about_how_many() -> int:
    """Return how many people there are; of a large table the planner's own estimate, since a count would scan it."""
    with connection.cursor() as cursor:
        cursor.execute(_ABOUT_HOW_MANY)
        return int(cursor.fetchone()[0])


def unfinished() -> QuerySet[Forecast]:
    """Return what is still to be counted, oldest first; what the catalogue dropped meanwhile stays as it is."""
    return Forecast.objects.filter(finished_at=None, type__in=list(CATALOG)).order_by("id")


def call(forecast: Forecast) -> None:
    """Call a worker. A call that is lost is repeated by beat within a minute."""
    after = str(forecast.after) if forecast.after else None
    try:
        current_app.send_task("notifications.count_forecast", [forecast.id, after], queue=settings.MAINTENANCE_QUEUE)
    except CALL_ERRORS as error:
        logger.warning("no worker called", extra={"forecast": forecast.id, "error": type(error).__name__})


def resume() -> None:
    """Call workers for what is not finished. Those that somebody counts already leave at once: see `work`."""
    for forecast in unfinished():
        call(forecast)


def work(forecast_id: int, *, after: UUID | None) -> None:
    """Count for SLICE, then call the next worker.

    `after` is where the forecast stood when this worker was called. If it stands elsewhere by now, or moves meanwhile,
    another one counts, and this one leaves: however many are called, one goes on.
    """
    forecast = unfinished().filter(id=forecast_id, after=after).first()
    end = time.monotonic() + SLICE.total_seconds()
    while forecast and advance(forecast) and not forecast.finished_at:
        if time.monotonic() >= end:
            call(forecast)
            return


def run(forecast: Forecast, *, batch_size: int = BATCH) -> Iterator[int]:
    """Count to the end, whoever else counts too; yields after each batch how many are counted in all."""
    while not forecast.finished_at:
        if not advance(forecast, batch_size=batch_size):
            forecast.refresh_from_db()
        yield forecast.users


def advance(forecast: Forecast, *, batch_size: int = BATCH) -> bool:
    """Count one batch; False, and nothing is counted, when the forecast no longer stands where `forecast` says."""
    type_, now = CATALOG[forecast.type], timezone.now()
    ids = _next_users(forecast, batch_size)
    known = recipients.load(ids).values()
    tried = with_defaults(type_, {Channel(name): is_on for name, is_on in forecast.defaults.items()})
    return _enter(
        forecast,
        after=ids[-1] if ids else forecast.after,
        users=forecast.users + len(known),
        now=_add(forecast.now, _count(type_, known)),
        then=_add(forecast.then, _count(tried, known)),
        **({"finished_at": now, "total": forecast.users + len(known)} if len(ids) < batch_size else {}),
    )


def _stored(defaults: Mapping[Channel, bool]) -> dict[str, bool]:
    return {channel.value: is_on for channel, is_on in defaults.items()}


def _next_users(forecast: Forecast, batch_size: int) -> list[UUID]:
    """Return the next in the order of ids. Who came after the question is left out, wherever their id falls."""
    users = User.objects.filter(created_at__lte=forecast.created_at)
    if forecast.after:
        users = users.filter(id__gt=forecast.after)
    return list(users.order_by("id").values_list("id", flat=True)[:batch_size])


def _count(type_: NotificationType, known: Iterable[Recipient]) -> Counts:
    """Count the outcomes of an event that happens now, and that somebody else did."""
    now = timezone.now()
    reasons: dict[str, Counter[str]] = {channel.value: Counter() for channel in Channel}
    for recipient in known:
        decisions = decide(type_, recipient, actor_id=None, occurred_at=now, now=now)
        for channel in Channel:
            reasons[channel][decisions[channel].reason] += 1
    return reasons


def _add(counted: Counts, more: Counts) -> Counts:
    return {
        channel.value: dict(Counter(counted.get(channel, {})) + Counter(more.get(channel, {}))) for channel in Channel
    }


def _enter(forecast: Forecast, **changes: object) -> bool:
    """Write the changes if nobody was faster, to `forecast` too."""
    untouched = Forecast.objects.filter(id=forecast.id, after=forecast.after, finished_at=None)
    if not untouched.update(**changes):
        return False
    for name, value in changes.items():
        setattr(forecast, name, value)
    return True
