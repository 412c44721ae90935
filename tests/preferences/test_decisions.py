from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from preferences.catalog import CATALOG, Channel
from preferences.choices import Choices
from preferences.decisions import Decisions, Outcome, Reason, Recipient, decide
from preferences.digest_periods import DigestFrequency

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
ALICE = UUID(int=1)


def decided(type_: str = "task_assigned", *, actor: UUID | None = None, age=timedelta(0), **fields) -> Decisions:
    recipient = Recipient(**{"id": ALICE, "choices": Choices(), **fields})
    return decide(CATALOG[type_], recipient, actor_id=actor, occurred_at=NOW - age, now=NOW)


def reasons(decisions: Decisions) -> tuple[Reason, ...]:
    return tuple(decisions[channel].reason for channel in Channel)


@pytest.mark.parametrize(
    ("type_", "channels"),
    [
        ("task_assigned", {Channel.IN_APP, Channel.EMAIL, Channel.PUSH}),
        ("comment_added", {Channel.IN_APP}),
        ("status_changed", {Channel.IN_APP, Channel.PUSH}),
        ("mentioned", {Channel.IN_APP, Channel.EMAIL, Channel.PUSH}),
    ],
)
def test_who_chose_nothing_gets_the_seeds_example_values(type_, channels):
    sent = {channel for channel in Channel if decided(type_)[channel].outcome is Outcome.SEND}
    assert sent == channels


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_active": False}, Reason.INACTIVE_USER),
        ({"in_rollout": False}, Reason.NOT_IN_ROLLOUT),
        ({"actor": ALICE}, Reason.OWN_ACTION),
    ],
)
def test_some_people_get_nothing_at_all(fields, reason):
    assert reasons(decided(**fields)) == (reason,) * 3


def test_an_id_that_belongs_to_nobody_is_an_unknown_user():
    decisions = decide(CATALOG["mentioned"], None, actor_id=None, occurred_at=NOW, now=NOW)
    assert reasons(decisions) == (Reason.UNKNOWN_USER,) * 3


def test_what_another_person_did_is_told():
    assert reasons(decided(actor=uuid4())) == (Reason.PREFERENCE_ON,) * 3


@pytest.mark.parametrize(
    ("fields", "channel", "reason"),
    [
        ({"choices": Choices(overrides={"task_assigned": {Channel.PUSH: False}})}, Channel.PUSH, Reason.PREFERENCE_OFF),
        ({"choices": Choices(overrides={"task_assigned": {Channel.IN_APP: False}})}, Channel.IN_APP, Reason.PREFERENCE_OFF),
        ({"choices": Choices(email_digest=DigestFrequency.NEVER)}, Channel.EMAIL, Reason.DIGEST_NEVER),
        ({"has_email_address": False}, Channel.EMAIL, Reason.NO_EMAIL_ADDRESS),
        ({"address_suppressed": True}, Channel.EMAIL, Reason.ADDRESS_SUPPRESSED),
        ({"has_push_token": False}, Channel.PUSH, Reason.NO_PUSH_TOKEN),
        ({"age": timedelta(hours=4, seconds=1)}, Channel.EMAIL, Reason.STALE),
        ({"age": timedelta(minutes=15, seconds=1)}, Channel.PUSH, Reason.STALE),
    ],
)  # fmt: skip
def test_a_reason_against_one_channel_leaves_the_others_alone(fields, channel, reason):
    decisions = decided(**fields)
    assert decisions[channel].reason is reason
    assert Reason.PREFERENCE_ON in {decisions[other].reason for other in set(Channel) - {channel}}


@pytest.mark.parametrize(
    ("channel", "age"), [(Channel.EMAIL, timedelta(hours=4)), (Channel.PUSH, timedelta(minutes=15))]
)
def test_what_is_just_as_old_as_it_may_be_is_sent(channel, age):
    assert decided(age=age)[channel].reason is Reason.PREFERENCE_ON


def test_a_daily_digest_holds_the_mail_until_the_users_own_nine_oclock():
    choices = Choices(email_digest=DigestFrequency.DAILY, timezone="America/New_York")
    email = decided(choices=choices).email
    assert (email.outcome, email.reason) == (Outcome.HOLD, Reason.DIGEST_DAILY)
    assert email.until == datetime(2026, 3, 5, 14, 0, tzinfo=UTC)


def test_an_old_event_still_goes_into_a_digest():
    email = decided(choices=Choices(email_digest=DigestFrequency.HOURLY), age=timedelta(hours=9)).email
    assert email.reason is Reason.DIGEST_HOURLY
