"""What Celery runs in the background. A task takes ids, reads the rows anew, and may run twice."""

from uuid import UUID

from celery import shared_task

from notifications import queue_metrics
from notifications.explaining import forecasts
from notifications.upkeep import retention


@shared_task(name="notifications.count_forecast")
def count_forecast(forecast_id: int, after: str | None) -> None:
    """Count some people more, behind the one with the id `after`."""
    forecasts.work(forecast_id, after=UUID(after) if after else None)


@shared_task(name="notifications.resume_forecasts")
def resume_forecasts() -> None:
    """Call workers for the forecasts that are not finished."""
    forecasts.resume()


@shared_task(name="notifications.measure_queues")
def measure_queues() -> None:
    """Tell how much waits where."""
    queue_metrics.measure()


@shared_task(name="notifications.prune")
def prune() -> None:
    """Take away what is older than the settings allow."""
    retention.work()
