"""The Celery app, with the best of the settings that were tried (README.md)."""

import os
from typing import Final
from urllib.parse import urlsplit

from celery import Celery

from notifications_producer import Event

QUEUE: Final = "baseline-events"
TASK: Final = "benchmarks.baseline.tasks.deliver"


def _broker_url(endpoint_url: str) -> str:
    """Return kombu's name for an SQS endpoint; credentials come from where boto3 looks for them."""
    return f"sqs://{urlsplit(endpoint_url).netloc}"


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")

app = Celery(
    "baseline",
    broker=_broker_url(os.environ.get("SQS_ENDPOINT_URL", "")),
    set_as_current=False,  # whoever imports this calls the product's workers still
)
app.conf.update(
    imports=["benchmarks.baseline.tasks"],
    task_default_queue=QUEUE,
    task_ignore_result=True,
    worker_prefetch_multiplier=200,
    CELERY_DB_REUSE_MAX=1_000_000,  # tasks; without it each connects to PostgreSQL anew: 13 ms of CPU
    worker_enable_remote_control=False,  # SQS has no fan-out for it
    broker_transport_options={
        "region": os.environ.get("AWS_DEFAULT_REGION"),
        "is_secure": False,
        "polling_interval": 0.05,  # seconds; the default of 1 s is most of the difference
    },
)


def publish(event: Event) -> None:
    """Hand one event over as a task."""
    app.send_task(TASK, args=[event.as_cloudevent()])
