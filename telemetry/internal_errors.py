"""Counts what nobody foresaw, where the frameworks tell of it: part of the error rate (spec §7)."""

from typing import Any

from celery.signals import task_failure
from django.core.signals import got_request_exception

from telemetry import metrics
from telemetry.metric_catalog import Metric, Place


def watch() -> None:
    """Count from now on. What a view answers itself, 503 among it, is no internal error; nor is a retried task."""
    got_request_exception.connect(_request_failed, dispatch_uid=__name__)
    task_failure.connect(_task_failed, dispatch_uid=__name__, weak=False)


def count(where: Place) -> None:
    """One more."""
    metrics.count(Metric.INTERNAL_ERRORS, where=where)


def _request_failed(**_: Any) -> None:
    count(Place.WEB)


def _task_failed(**_: Any) -> None:
    count(Place.TASK)
