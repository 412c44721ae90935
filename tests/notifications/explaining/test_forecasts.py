from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from delivery import recipients
from notifications.explaining import forecasts
from notifications.models import Forecast
from preferences.models import User
from tests.notifications.crowds import begin, finished, ten_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def population() -> list[User]:
    return ten_people()


def test_everybody_is_counted_once_under_both_defaults(population):
    forecast = finished(begin())
    assert forecast.users == forecast.total == 10
    assert forecast.now["email"] == {"preference_off": 10}
    assert forecast.then["email"] == {
        "preference_on": 5, "digest_daily": 3, "address_suppressed": 1, "no_email_address": 1,
    }  # fmt: skip
    assert forecast.now["in_app"] == forecast.then["in_app"] == {"preference_on": 10}


def test_a_choice_of_their_own_outlasts_any_default(population):
    own = {"preferences": {"comment_added": {"email": False}}}
    User.objects.filter(email="person0@example.com").update(notification_preferences=own)
    assert finished(begin()).then["email"]["preference_off"] == 1


@pytest.mark.parametrize("batch_size", [1, 9, 10, 11])
def test_the_last_batch_may_be_full_or_not(population, batch_size):
    assert finished(begin(), batch_size=batch_size).users == 10


def test_nobody_at_all_is_counted_at_once():
    assert finished(begin()).users == 0


def test_who_comes_after_the_question_is_left_out(population):
    forecast = begin()
    User.objects.create_user("late@example.com", name="Late")
    assert finished(forecast).users == 10


def test_who_leaves_meanwhile_is_not_counted(population):
    forecast = begin()
    forecasts.advance(forecast, batch_size=3)
    User.objects.filter(id__gt=forecast.after).first().delete()
    assert finished(forecast).users == 9


def test_a_crash_in_a_batch_loses_that_batch_alone(population, monkeypatch):
    forecast = begin()
    for _ in range(2):
        assert forecasts.advance(forecast, batch_size=3)
        with monkeypatch.context() as broken:
            broken.setattr(recipients, "load", _crash)
            with pytest.raises(RuntimeError):
                forecasts.advance(Forecast.objects.get(id=forecast.id), batch_size=3)
    assert finished(Forecast.objects.get(id=forecast.id)).then["email"]["preference_on"] == 5


def _crash(*_):
    raise RuntimeError


def test_of_two_at_the_same_batch_one_enters_it(population):
    mine = begin()
    theirs = Forecast.objects.get(id=mine.id)
    assert forecasts.advance(theirs, batch_size=3)
    assert not forecasts.advance(mine, batch_size=3)
    assert Forecast.objects.get(id=mine.id).users == 3


def test_a_forecast_that_is_finished_counts_nobody_more(population):
    mine = begin()
    stale = Forecast.objects.get(id=mine.id)
    finished(mine, batch_size=100)
    assert not forecasts.advance(stale, batch_size=100)
    assert Forecast.objects.get(id=mine.id).users == 10


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_count_nobody_twice(flag_on):
    User.objects.bulk_create(User(name=f"Person {n}") for n in range(400))
    forecast_id = begin().id

    def count(_: int) -> None:
        try:
            list(forecasts.run(Forecast.objects.get(id=forecast_id), batch_size=7))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(count, range(4)))
    forecast = Forecast.objects.get(id=forecast_id)
    assert (forecast.users, forecast.now["in_app"]) == (400, {"preference_on": 400})


def test_the_same_question_goes_on_where_it_stands(population):
    forecast = begin()
    assert begin() == forecast
    assert begin(email=False) != forecast
    finished(forecast)
    assert begin() != forecast
