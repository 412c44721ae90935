import pytest

from notifications.explaining import forecast_report, forecasts
from notifications.models import Forecast
from preferences.models import User
from tests.notifications.crowds import begin, finished, ten_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def population() -> list[User]:
    return ten_people()


def test_the_sentence_says_whom_it_adds_how_and_who_cannot_get_it(population):
    assert forecast_report.sentences(finished(begin())) == [
        "Turning mail on by default for “Comment added” adds mail for 8 people: 5 at once and 3 in digests; "
        "2 cannot get it (no address: 1, address suppressed: 1)."
    ]


def test_turning_off_takes_from_whom_it_reached(population):
    forecast = begin(in_app=False)
    assert forecast_report.sentences(finished(forecast)) == [
        "Turning the bell off by default for “Comment added” takes a row in the bell from 10 people."
    ]


def test_a_default_that_is_so_already_changes_nothing(population):
    forecast = begin(push=False)
    (told,) = forecast_report.sentences(finished(forecast))
    assert told == "Turning push off by default for “Comment added” changes nothing for anybody."


def test_without_defaults_it_says_how_it_is(population):
    forecast = forecasts.begin("mentioned", defaults={}, asked_by=None)
    assert forecast_report.sentences(finished(forecast)) == [
        "“You were mentioned” brings a row in the bell to 10 of 10 people.",
        "“You were mentioned” brings mail to 8 of 10 people: 5 at once and 3 in digests.",
        "“You were mentioned” brings push to 0 of 10 people.",
    ]


def test_large_numbers_are_grouped():
    counts = {"email": {"preference_on": 8_000, "digest_weekly": 23_204, "no_email_address": 12}}
    forecast = Forecast(
        type="comment_added", defaults={"email": True}, now={"email": {"preference_off": 31_216}}, then=counts
    )
    assert forecast_report.sentences(forecast) == [
        "Turning mail on by default for “Comment added” adds mail for 31,204 people: 8,000 at once and 23,204 in "
        "digests; 12 cannot get it (no address)."
    ]
