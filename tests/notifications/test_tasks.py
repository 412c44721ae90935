from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from botocore.exceptions import EndpointConnectionError
from celery import current_app
from django.conf import settings

from notifications import tasks
from notifications.explaining import forecast_report, forecasts
from notifications.models import Forecast
from preferences import catalog
from preferences.catalog import Channel
from preferences.models import User
from tests.notifications.crowds import begin, finished, ten_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def population() -> list[User]:
    return ten_people()


@pytest.fixture
def called(monkeypatch) -> list[tuple]:
    """The workers that were called, each as name and arguments."""
    calls: list[tuple] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, queue: calls.append((name, *args, queue)))
    return calls


@pytest.fixture
def four_a_task(monkeypatch) -> None:
    """A task has the time for one batch of four."""
    monkeypatch.setattr(forecasts, "SLICE", timedelta())
    monkeypatch.setattr(forecasts, "advance", partial(forecasts.advance, batch_size=4))


def test_a_worker_is_called_once_the_question_is_committed(population, called, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        forecast = forecasts.start("comment_added", defaults={Channel.EMAIL: True}, asked_by=None)
        assert called == []
    assert called == [("notifications.count_forecast", forecast.id, None, settings.MAINTENANCE_QUEUE)]


def test_a_task_counts_to_the_end_when_it_has_the_time(population, called):
    forecast = begin()
    tasks.count_forecast(forecast.id, None)
    assert Forecast.objects.get(id=forecast.id).finished_at
    assert called == []


def test_a_task_whose_time_is_up_calls_the_next_one_where_it_stands(population, called, four_a_task):
    forecast = begin()
    tasks.count_forecast(forecast.id, None)
    forecast.refresh_from_db()
    assert (forecast.users, forecast.finished_at) == (4, None)
    assert called == [("notifications.count_forecast", forecast.id, str(forecast.after), settings.MAINTENANCE_QUEUE)]


def test_the_tasks_that_call_each_other_end_exact(population, called, four_a_task):
    forecast = begin()
    tasks.count_forecast(forecast.id, None)
    for _, forecast_id, after, _queue in called:  # which grows meanwhile
        tasks.count_forecast(forecast_id, after)
    forecast.refresh_from_db()
    assert (forecast.users, len(called)) == (10, 2)
    assert forecast.finished_at


def test_a_task_that_was_called_twice_counts_once(population, called, four_a_task):
    forecast = begin()
    for _ in range(2):
        tasks.count_forecast(forecast.id, None)
    assert Forecast.objects.get(id=forecast.id).users == 4
    assert len(called) == 1


def test_beat_calls_again_for_what_is_not_finished(population, called):
    finished(begin("mentioned"))
    lost = begin()
    tasks.resume_forecasts()
    assert called == [("notifications.count_forecast", lost.id, None, settings.MAINTENANCE_QUEUE)]
    assert settings.CELERY_BEAT_SCHEDULE["forecasts"]["task"] == tasks.resume_forecasts.name


def test_a_broker_that_is_away_leaves_the_question_for_beat(population, monkeypatch):
    def fail(*_, **__):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(current_app, "send_task", fail)
    forecasts.call(begin())
    assert forecasts.unfinished().count() == 1


def test_a_forecast_that_is_gone_is_left_alone(called):
    tasks.count_forecast(12, str(UUID(int=7)))
    assert called == []


def test_a_type_that_the_catalogue_dropped_is_not_counted_for_ever(called, monkeypatch):
    forecast = begin()
    monkeypatch.delitem(catalog.CATALOG, "comment_added")
    tasks.resume_forecasts()
    tasks.count_forecast(forecast.id, None)
    assert called == []
    assert forecast_report.question(forecast) == "comment_added, with mail on by default"
