"""Put the demo's people into the database; running it again changes nothing that somebody has changed.

But for what the page took down: that is healed.
"""

import base64
from typing import Any, Final

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.crypto import salted_hmac

from devstack.demo import kill_switch
from devstack.demo.devices import phones_of
from devstack.demo.people import EVERYBODY, STAFF, Character, Duty
from preferences import push_tokens
from preferences.models import Flag, User
from preferences.rollout import FLAG

#: What the groups may do is in notifications/migrations; an admin may do everything.
_GROUPS: Final = {Duty.SUPPORT: "Support", Duty.PM: "Product"}


class Command(BaseCommand):
    """Users, their phones, admin logins, and the flag that shows the bell."""

    help = "Create the demo's people, phones and admin logins, and turn the bell on for everyone."

    @transaction.atomic
    def handle(self, *_: Any, **__: Any) -> None:
        """Seed, and print the admin logins."""
        newcomers = [character for character in EVERYBODY if _ensure_person(character)]
        if newcomers:  # a percentage that somebody has set since stays as it is
            Flag.objects.filter(name=FLAG).update(everyone=True)
        for character in newcomers:
            _hand_out_phones(character)
        for duty, character in STAFF.items():
            self.stdout.write(f"  {character.email:<20} password {_ensure_login(duty, character)}")
        kill_switch.release_what_the_page_turned_on()


def _ensure_person(character: Character) -> bool:
    """Return whether the person is new."""
    _, created = User.objects.get_or_create(
        id=character.id, defaults={"name": character.name, "email": character.email, "password": make_password(None)}
    )
    return created


def _hand_out_phones(character: Character) -> None:
    for phone in phones_of(character):
        push_tokens.register(character.id, platform=phone.platform, token=phone.token, device_id=phone.device_id)


def _ensure_login(duty: Duty, character: Character) -> str:
    """Create the login, or give it back its password; return that."""
    password = _password_of(character)
    user, _ = User.objects.get_or_create(
        id=character.id, defaults={"name": character.name, "email": character.email, "is_staff": True}
    )
    user.is_superuser = duty is Duty.ADMIN
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    user.groups.set(Group.objects.filter(name=_GROUPS.get(duty)))
    return password


def _password_of(character: Character) -> str:
    """Return 16 letters and digits that follow from SECRET_KEY, so that every start prints the same."""
    digest = salted_hmac("devstack.demo", character.email, algorithm="sha256").digest()
    letters = base64.b32encode(digest).decode().lower()
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))
