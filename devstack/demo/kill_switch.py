"""The kill switch in the hands of the page: turned as in the admin, and on record there under the admin's name."""

from typing import Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from waffle.models import Switch

from devstack.demo.people import STAFF, Duty
from notifications.support import switch_page
from preferences import rollout
from preferences.models import User

_REASON: Final = "on the demo's page"


def is_on() -> bool:
    """Whether it is on, by whomever, at this moment."""
    return rollout.read().is_killed


def turn(*, on: bool) -> None:
    """Turn it; nothing happens when it stands there already."""
    request = HttpRequest()
    request.user = User.objects.get(id=STAFF[Duty.ADMIN].id)
    switch_page.turn(request, on=on, reason=_REASON)


def release_what_the_page_turned_on() -> None:
    """A demo that ends takes its faults along. What somebody did in the admin stays."""
    switch = Switch.objects.filter(name=rollout.KILL_SWITCH, active=True).first()
    if switch is not None and _last_word(switch).endswith(_REASON):
        turn(on=False)


def _last_word(switch: Switch) -> str:
    """Return what the log says of the last turn."""
    of_switch = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Switch), object_id=str(switch.pk)
    )
    entry = of_switch.order_by("-action_time", "-id").first()
    return entry.change_message if entry else ""
