from datetime import UTC, datetime, timedelta

import pytest

from delivery.errors import DeadToken, PermanentFailure, ProviderDown, Throttled, TransientFailure
from delivery.models import Delivery, State
from delivery.outcomes import ACCEPTED, OUTAGE_PAUSE, conclude
from delivery.transports.contract import Outgoing, Result
from preferences.models import User
from preferences.push_tokens import Device, Platform

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
LATER = TransientFailure("later", retry_after=timedelta(minutes=3))


def concluded(*answers, is_complete=True, **fields):
    """One answer for each of the user's devices: phone 0, phone 1, …"""
    delivery = Delivery(**{"channel": "push", "attempts": 1, "devices": {}, **fields})
    devices = (Device(Platform.IOS, f"token {n}", f"phone {n}", NOW) for n in range(len(answers)))
    outgoing = (Outgoing(delivery, User(), device=device) for device in devices)
    results = [Result(one, answer) for one, answer in zip(outgoing, answers, strict=True)]
    return conclude(delivery, results, is_complete=is_complete, now=NOW)


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        (["id"], State.SENT),
        ([PermanentFailure("no")], State.FAILED),
        (["id", PermanentFailure("no")], State.SENT),
        (["id", DeadToken("gone")], State.SENT),
        ([DeadToken("gone"), DeadToken("gone")], State.FAILED),
        (["id", LATER], State.PENDING),
        (["id", ProviderDown("away")], State.PENDING),
        ([PermanentFailure("no"), Throttled("slow")], State.PENDING),
    ],
)
def test_one_device_that_accepts_makes_it_sent_once_all_have_answered(answers, state):
    assert concluded(*answers).state == state


def test_final_answers_are_kept_by_device_and_others_are_not():
    columns = concluded("id", LATER, DeadToken("gone")).columns
    assert columns["devices"] == {"phone 0": ACCEPTED, "phone 2": "gone"}


def test_a_retry_knows_what_an_earlier_attempt_was_told():
    change = concluded(PermanentFailure("no"), devices={"tablet": ACCEPTED})
    assert change.state == State.SENT
    assert change.columns["devices"] == {"tablet": ACCEPTED, "phone 0": "no"}


def test_the_wait_is_the_longest_that_anyone_asks_for():
    assert concluded(ProviderDown("away"), LATER).columns["due_at"] == NOW + timedelta(minutes=3)


@pytest.mark.parametrize("failure", [Throttled("slow"), ProviderDown("away")])
def test_what_is_the_providers_fault_uses_up_no_attempt(failure):
    assert concluded(failure, attempts=99).columns["attempts"] == 98
    assert concluded(failure, attempts=99).state == State.PENDING


def test_own_failures_come_to_an_end_and_what_was_accepted_counts():
    assert concluded(LATER, attempts=5).state == State.FAILED
    assert concluded("id", LATER, attempts=5).state == State.SENT


def test_what_was_interrupted_goes_back_and_comes_again_soon():
    change = concluded(is_complete=False, attempts=3)
    assert (change.state, change.columns["attempts"], change.columns["due_at"]) == (
        State.PENDING,
        2,
        NOW + OUTAGE_PAUSE,
    )


def test_what_every_device_has_settled_before_is_settled():
    assert concluded(devices={"phone": ACCEPTED}).state == State.SENT
    assert concluded(devices={"phone": "gone"}).state == State.FAILED
