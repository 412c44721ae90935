from collections import Counter

import pytest

from drills import account as drills_account
from drills.account import Account, Evidence, settle
from drills.books import Books, InInbox, OnRecord
from drills.providers import Taken
from notifications.auditing.findings import Standing
from preferences.catalog import Channel

ALICE, BOB = "alice", "bob"


def books(**deviations) -> Books:
    """Two events: one for Alice by bell, mail and push; one for Bob, whose mail waits for a digest, and for Alice, who
    did it."""
    fields = {
        "ledger": ["first", "second"],
        "rejected": {},
        "waiting": 0,
        "standings": {
            "in_app": {"stored": 2, "suppressed": 1},
            "email": {"sent": 1, "held": 1, "suppressed": 1},
            "push": {"sent": 1, "suppressed": 2},
        },
        "reasons": {},
        "damages": {},
        "inbox": [InInbox("ntf_1", "first", ALICE, 0.0), InInbox("ntf_2", "second", BOB, 0.0)],
        "deliveries": [
            OnRecord(1, "ntf_1", "email", "sent"),
            OnRecord(2, "ntf_2", "email", "held"),
            OnRecord(3, "ntf_1", "push", "sent"),
        ],
    }
    return Books(**{**fields, **deviations})


def account(**deviations) -> Account:
    evidence = {
        "published": {"first": 1, "second": 2},
        "books": books(),
        "taken": Taken(Counter({1: 1}), Counter({("ntf_1", "phone"): 1})),
        "heard": {"ntf_1", "ntf_2"},
        "rung_twice": 0,
        "is_drained": True,
    }
    return settle(Evidence(**{**evidence, **deviations}))


def of(channel: Channel, found: Account):
    return next(entry for entry in found.channels if entry.channel is channel)


def test_what_is_visible_suppressed_or_held_adds_up_and_is_clean():
    found = account()
    assert found.is_clean
    assert (found.lost, found.doubled, found.told) == (0, 0, 2)
    email = of(Channel.EMAIL, found)
    assert (email.published, email.visible, email.suppressed, email.held) == (3, 1, 1, 1)


def test_an_event_that_is_nowhere_is_lost_on_every_channel_for_each_recipient():
    found = account(published={"first": 1, "second": 2, "third": 4})
    assert [channel.lost for channel in found.channels] == [4, 4, 4]
    assert all(channel.adds_up for channel in found.channels)
    assert not found.is_clean


def test_one_lost_and_one_too_many_do_not_cancel_out():
    standings = {**books().standings, "in_app": {"stored": 3, "suppressed": 1}}
    found = account(published={"first": 1, "second": 2, "third": 1}, books=books(standings=standings))
    assert (of(Channel.IN_APP, found).lost, of(Channel.IN_APP, found).doubled) == (1, 1)


def test_what_still_waits_in_a_queue_is_pending_and_not_lost():
    found = account(published={"first": 1, "second": 2, "third": 4}, is_drained=False)
    assert [channel.pending for channel in found.channels] == [4, 4, 4]
    assert found.lost == 0


def test_a_rejected_event_does_not_count_as_visible():
    found = account(published={"first": 1, "second": 2, "bad": 1}, books=books(rejected={"bad": "internal_error"}))
    assert of(Channel.IN_APP, found).lost == 1
    assert found.rejected == {"internal_error": 1}


@pytest.mark.parametrize("standing", ["failed", "unaccounted for", "gone since", "against the decision"])
def test_a_decision_that_came_to_nothing_is_lost(standing):
    standings = {**books().standings, "push": {standing: 1, "suppressed": 2}}
    found = account(books=books(standings=standings, deliveries=books().deliveries[:2]), taken=Taken(Counter({1: 1})))
    assert of(Channel.PUSH, found).lost == 1


def test_a_mail_on_record_as_sent_that_the_provider_never_saw_is_lost():
    found = account(taken=Taken(pushes=Counter({("ntf_1", "phone"): 1})))
    assert of(Channel.EMAIL, found).lost == 1
    assert of(Channel.EMAIL, found).adds_up


def test_a_mail_that_the_provider_took_twice_is_doubled():
    found = account(taken=Taken(Counter({1: 2}), Counter({("ntf_1", "phone"): 1})))
    assert of(Channel.EMAIL, found).doubled == 1
    assert not found.is_clean


def test_a_mail_that_went_out_while_it_should_wait_is_doubled():
    found = account(taken=Taken(Counter({1: 1, 2: 1}), Counter({("ntf_1", "phone"): 1})))
    assert of(Channel.EMAIL, found).doubled == 1


def test_a_push_that_its_worker_was_killed_over_may_be_repeated_and_is_counted():
    twice = Taken(Counter({1: 1}), Counter({("ntf_1", "phone"): 2}))
    found = account(taken=twice, crashed={3})
    assert (of(Channel.PUSH, found).doubled, of(Channel.PUSH, found).repeated) == (0, 1)
    assert found.is_clean
    assert account(taken=twice, crashed={1}).doubled == 1


def test_two_rows_for_the_same_event_and_person_are_doubled():
    inbox = [*books().inbox, InInbox("ntf_3", "first", ALICE, 0.0)]
    found = account(books=books(inbox=inbox), heard={"ntf_1", "ntf_2", "ntf_3"})
    assert of(Channel.IN_APP, found).doubled == 1


def test_more_decisions_than_were_published_do_not_pass_unseen():
    found = account(published={"first": 1, "second": 1})
    assert found.doubled == 3
    assert not found.is_clean


def test_a_bell_that_never_heard_of_a_stored_notification_is_a_loss():
    found = account(heard={"ntf_1"})
    assert (found.told, found.untold, found.lost) == (1, 1, 1)


def test_a_bell_that_was_rung_twice_is_told_and_counts_as_no_double():
    found = account(rung_twice=5)
    assert found.is_clean
    assert found.rung_twice == 5


def test_whatever_the_audit_finds_is_not_clean():
    assert not account(books=books(damages={"lost_task": 1})).is_clean


def test_the_words_are_those_of_the_audit():
    assert set(Standing) >= drills_account._ACCOUNTED
