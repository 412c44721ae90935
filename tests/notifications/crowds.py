"""People by the dozen, for whoever counts them."""

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications.explaining import forecasts
from notifications.models import Forecast
from preferences.catalog import Channel
from preferences.models import User


def ten_people() -> list[User]:
    """Of ten who chose nothing about comments: five take mail at once, three daily, one has no address, one a bad one."""
    daily = {"email_digest": "daily"}
    people = [User(name=f"Person {n}", email=f"person{n}@example.com") for n in range(9)] + [User(name="No address")]
    for person in people[5:8]:
        person.notification_preferences = daily
    suppressions.add("person8@example.com", SuppressedAddress.Cause.BOUNCE)
    return User.objects.bulk_create(people)


def begin(type_name: str = "comment_added", **defaults: bool) -> Forecast:
    """Ask for a forecast; without defaults: mail on."""
    tried = {Channel(name): is_on for name, is_on in defaults.items()} or {Channel.EMAIL: True}
    return forecasts.begin(type_name, defaults=tried, asked_by=None)


def finished(forecast: Forecast, *, batch_size: int = 3) -> Forecast:
    """Count to the end, and return what the database says."""
    list(forecasts.run(forecast, batch_size=batch_size))
    return Forecast.objects.get(id=forecast.id)
