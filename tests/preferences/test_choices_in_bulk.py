from datetime import datetime

import pytest
from django.utils import timezone

from preferences import choices_in_bulk, people
from preferences.choices import DEFAULTS, Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import User

pytestmark = pytest.mark.django_db
DAILY, WEEKLY = Choices(email_digest=DigestFrequency.DAILY), Choices(email_digest=DigestFrequency.WEEKLY)


def changed_at(user: User) -> datetime | None:
    return User.objects.get(id=user.id).preferences_changed_at


def test_choices_of_many_move_held_mail_just_as_those_of_one_do(alice, bob):
    before = timezone.now()
    people.store_choices(alice.id, DAILY)
    assert choices_in_bulk.store_first({bob.id: DAILY}) == {bob.id}
    after = timezone.now()
    for user in (alice, bob):
        assert before <= changed_at(user) - people.OVERLAP <= after


def test_defaults_are_stored_and_move_no_held_mail(alice):
    assert choices_in_bulk.store_first({alice.id: DEFAULTS}) == {alice.id}
    assert changed_at(alice) is None


def test_what_somebody_chose_is_never_replaced(alice, bob):
    people.store_choices(alice.id, WEEKLY)
    assert choices_in_bulk.store_first({alice.id: DAILY, bob.id: DAILY}) == {bob.id}
    assert User.objects.get(id=alice.id).notification_preferences["email_digest"] == "weekly"
