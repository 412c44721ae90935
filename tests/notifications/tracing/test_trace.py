from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import attempts, retry_log, suppressions
from delivery.errors import TransientFailure
from delivery.models import Delivery, State, SuppressedAddress
from delivery.transports.contract import Result
from delivery.transports.push import PushTransport
from notifications import marking
from notifications.models import Backfill, Decision, Notification, ReceivedEvent
from notifications.sockets import displays
from notifications.tracing import trace
from notifications.tracing.findings import Finding
from notifications.tracing.steps import Stage, Tone
from preferences import people, push_tokens, user_ids
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.models import User
from preferences.push_tokens import Platform
from tests.delivery.rows import delivery as row_of
from tests.notifications.published import EVENT, publish
from tests.notifications.rows import stored

pytestmark = pytest.mark.django_db


def stages(found) -> list[Stage]:
    return [step.stage for step in found.steps]


def sentences(found, stage: Stage) -> list[str]:
    return [step.sentence for step in found.steps if step.stage is stage]


# --- The timeline --------------------------------------------------------------------------------------------


def test_the_steps_go_from_publish_to_read_in_the_order_of_time(alice):
    publish(alice)
    row = Notification.objects.get()
    displays.record({(alice.id, row.id): timezone.now()})
    marking.mark_read(alice.id, row.id)
    found = trace.find(EVENT, user="alice@example.com")
    assert stages(found) == [
        *(Stage.PUBLISHED, Stage.RECEIVED, Stage.DECIDED, Stage.DECIDED, Stage.DECIDED),
        *(Stage.STORED, Stage.DISPLAYED, Stage.READ, Stage.ENDED),
    ]
    times = [step.at for step in found.steps]
    assert times == sorted(times)


def test_each_channel_has_its_decision_with_the_preference_behind_it(alice):
    people.store_choices(alice.id, Choices(overrides={"task_assigned": {Channel.EMAIL: False}}))
    publish(alice)
    assert sentences(trace.find(EVENT), Stage.DECIDED) == [
        "Bell: into the inbox, because “Task assigned to you” was on for the bell by default.",
        "Mail: left out, because “Task assigned to you” was off for mail, as they chose.",
        "Push: left out, because no phone of theirs was registered.",
    ]


def test_a_preference_that_has_changed_since_is_not_taken_for_that_of_then(alice):
    publish(alice)
    people.store_choices(alice.id, Choices(overrides={"task_assigned": {Channel.IN_APP: False}}))
    assert sentences(trace.find(EVENT), Stage.DECIDED)[0].endswith("was on for the bell then.")


def test_each_phone_has_its_answer_and_no_token_is_told(alice, apns):
    tokens = {"old": f"{1:064x}", "new": f"{2:064x}"}
    for device, token in tokens.items():
        push_tokens.register(alice.id, platform=Platform.IOS, token=token, device_id=device)
    publish(alice, type="status_changed")
    apns.fail("dead_token", match=tokens["old"])
    attempts.attempt(Channel.PUSH, list(Delivery.objects.values_list("id", flat=True)), PushTransport)
    found = trace.find(EVENT)
    assert sorted(sentences(found, Stage.DEVICE)) == [
        "Push: iOS device “new” was reached.",
        "Push: iOS device “old” was not reached, because the app is no longer on the phone, or was installed anew (Unregistered).",
    ]
    assert not any(token in str(found) for token in tokens.values())


def test_a_push_that_reached_one_phone_of_three_says_why_not_the_others(alice):
    publish(alice)
    devices = {"new": "accepted", "old": "UNREGISTERED", "other": "SENDER_ID_MISMATCH"}
    row = row_of(alice, channel=Channel.PUSH, state=State.SENT, devices=devices)
    assert (
        "went out to 1 phone, but not to “old”, because the app is no longer on the phone, or was installed anew "
        "(UNREGISTERED), nor to “other”, because the phone is registered with another app (SENDER_ID_MISMATCH)."
    ) in trace.find(row.notification_id).answer


def test_what_is_tried_again_says_how_often_it_was_and_what_the_provider_said(alice):
    publish(alice)
    greylisted = TransientFailure("greylisted", retry_after=timedelta(minutes=3))

    class Greylisting:
        def send(self, chunk):
            return (Result(outgoing, greylisted) for outgoing in chunk)

    attempts.attempt(Channel.EMAIL, list(Delivery.objects.values_list("id", flat=True)), Greylisting)
    last = trace.find(EVENT).steps[-1]
    assert (last.at, last.stage, last.tone) == (None, Stage.WAITING, Tone.WAITING)
    assert last.detail == "Attempts used up: 1. The provider's word: greylisted."


def test_what_failed_for_want_of_an_answer_is_not_called_refused(alice):
    publish(alice, type="status_changed")
    push = row_of(alice, channel=Channel.PUSH, attempts=5, state=State.FAILED, provider_error="IdleTimeout")
    (step,) = [step for step in trace.find(push.notification_id).steps if step.stage is Stage.ENDED]
    assert (
        step.sentence
        == "Push: it failed for good, because the push service does not answer as it should (IdleTimeout)."
    )


def test_a_retry_is_told_with_who_asked_for_it_and_how_it_had_failed(alice, bob):
    publish(alice)
    Delivery.objects.update(state=State.FAILED, provider_error="MessageRejected", attempts=8)
    retry_log.record(bob.id, Delivery.objects.all())
    Delivery.objects.update(state=State.SENT, sent_at=timezone.now(), provider_error="", attempts=1)
    retried, sent = trace.find(EVENT).steps[-2:]
    assert (retried.stage, sent.stage) == (Stage.RETRIED, Stage.SENT)
    assert retried.sentence == "Mail: it had failed, and Bob Okafor asked to have it sent once more."
    assert retried.detail.startswith("It had failed on ")
    assert retried.detail.endswith(" UTC with MessageRejected, attempt 8.")


def test_what_somebody_elses_mail_needed_is_not_told(alice, bob):
    publish(alice)
    retry_log.record(bob.id, [row_of(bob, state=State.FAILED)])
    assert not sentences(trace.find(EVENT), Stage.RETRIED)


def test_a_refusal_that_a_later_attempt_overcame_is_no_word_on_the_arrival(alice):
    publish(alice)
    Delivery.objects.update(state=State.DELIVERED, provider_error="ServiceUnavailable")
    (step,) = [step for step in trace.find(EVENT).steps if step.stage is Stage.FEEDBACK]
    assert (step.sentence, step.detail) == ("Mail: it arrived, the provider reports.", "")


def test_a_delay_is_told_with_the_time_of_its_report(alice):
    publish(alice)
    at = timezone.now()
    Delivery.objects.update(state=State.SENT, sent_at=at, provider_error="DeliveryDelay, MailboxFull", updated_at=at)
    (step,) = [step for step in trace.find(EVENT).steps if step.stage is Stage.FEEDBACK]
    assert (step.at, step.tone) == (at, Tone.WAITING)
    assert step.sentence.startswith("Mail: it has not arrived so far, because their mailbox is full")


def test_a_complaint_after_the_arrival_ends_all_mail_on_the_timeline(alice):
    publish(alice)
    Delivery.objects.update(state=State.DELIVERED, sent_at=timezone.now())
    suppressions.add("alice@example.com", SuppressedAddress.Cause.COMPLAINT, "Complaint, abuse")
    assert sentences(trace.find(EVENT), Stage.ADDRESS) == [
        "From here on their address gets no mail, because they marked an earlier mail as spam."
    ]


@pytest.mark.parametrize("state", State)
def test_a_delivery_in_any_state_is_told(alice, state):
    publish(alice)
    reason = "stale" if state is State.SUPPRESSED else ""
    Delivery.objects.update(state=state, reason=reason, provider_error="Odd, new")
    found = trace.find(EVENT)
    assert found.finding is Finding.TRACED
    assert [one.state for one in found.deliveries] == [state]


# --- Ways in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice@example.com", "ALICE@example.com", "usr", "uuid"])
def test_a_person_is_named_by_address_or_by_id(alice, bob, name):
    publish(alice, bob)
    user = {"usr": user_ids.show(alice.id), "uuid": str(alice.id)}.get(name, name)
    assert trace.find(EVENT, user=user).addressee.user_id == alice.id


def test_a_notification_leads_to_its_event_and_person(alice, bob):
    publish(alice, bob)
    row = Notification.objects.get(user=alice)
    found = trace.find(row.id)
    assert (found.addressee.user_id, found.event_id, found.ledger_id) == (alice.id, EVENT, row.event_id)


def test_a_notification_of_somebody_else_is_not_traced_for_a_person(alice, bob):
    publish(alice)
    found = trace.find(Notification.objects.get().id, user="bob@example.com")
    assert found.finding is Finding.UNKNOWN


def test_the_id_of_what_only_went_out_by_mail_leads_to_its_event(alice):
    people.store_choices(alice.id, Choices(overrides={"task_assigned": {Channel.IN_APP: False}}))
    publish(alice)
    found = trace.find(Delivery.objects.get().notification_id)
    assert (found.event_id, found.addressee.user_id) == (EVENT, alice.id)
    assert "it is not in the bell, because “Task assigned to you” was off for the bell, as they chose;" in found.answer


def test_what_somebody_chose_later_was_by_default_before(alice):
    publish(alice)
    people.store_choices(alice.id, Choices(overrides={"task_assigned": {Channel.IN_APP: True}}))
    [decided] = [step for step in trace.find(EVENT).steps if step.sentence.startswith("Bell: into the inbox")]
    assert decided.sentence.endswith("“Task assigned to you” was on for the bell by default.")


def test_what_differs_from_the_default_was_chosen_whenever_the_choices_changed_last(alice):
    chosen = {"task_assigned": {Channel.IN_APP: False}}
    people.store_choices(alice.id, Choices(overrides=chosen))
    publish(alice)
    people.store_choices(alice.id, Choices(overrides=chosen, timezone="Asia/Tokyo"))
    assert "“Task assigned to you” was off for the bell, as they chose" in trace.find(EVENT).answer


def test_a_notification_outlives_its_event_and_says_so(alice):
    publish(alice)
    row = Notification.objects.get()
    Decision.objects.all().delete()
    ReceivedEvent.objects.all().delete()
    found = trace.find(row.id)
    assert found.answer.startswith("Alice Moreau got “Task assigned to you”")
    assert Stage.STORED in stages(found)
    assert found.notes == [
        "The event and what was decided are gone, since they are kept for less long: this is what is left."
    ]


def test_what_a_backfill_put_into_the_inbox_is_said_to_be_so(alice):
    run = Backfill.objects.create(kind=Backfill.Kind.NOTIFICATIONS, file_name="old.jsonl", file_digest=b"1")
    id_ = stored(alice, backfill=run, read_at=timezone.now())
    found = trace.find(id_)
    assert "it was put into the bell afterwards" in found.answer
    assert found.notes == [f"It was not published: backfill {run.id} put it into the inbox."]


def test_an_event_of_two_sources_is_asked_back_for(alice):
    publish(alice, source="/services/a")
    publish(alice, source="/services/b")
    found = trace.find(EVENT)
    assert found.finding is Finding.SEVERAL
    assert set(found.sources) == {"/services/a", "/services/b"}
    assert trace.find(EVENT, source="/services/b").source == "/services/b"


@pytest.mark.parametrize("text", ["ntf_0000000000000000", "ntf_zzzzzzzzzzzzzzzz"])
def test_an_unknown_notification_is_unknown(db, text):
    assert trace.find(text).answer == f"No notification, mail or push has the id {text}."


def test_an_unknown_address_is_unknown(alice):
    publish(alice)
    assert trace.find(EVENT, user="nobody@example.com").answer == "Nobody has the address or id “nobody@example.com”."


@pytest.mark.parametrize("text", ["dig_0000000000000000", "\x00", "'; --", "x" * 300])
def test_any_text_may_be_asked_for(queue, db, text):
    assert trace.find(text).finding is Finding.NEVER_ARRIVED


def test_an_address_in_place_of_an_id_is_found_by_whoever_has_it(alice, bob):
    publish(bob, data={"recipients": [str(bob.id), "Alice@example.com"]})
    for name in ("alice@example.com", str(alice.id), "Alice@example.com"):
        assert "“Alice@example.com” did not get" in trace.find(EVENT, user=name).answer
        assert trace.find(EVENT, user=name).answer.endswith("because that is no user id.")


def test_an_account_that_was_deleted_since_is_no_fault_of_ours(alice):
    publish(alice)
    name = user_ids.show(alice.id)
    alice.delete()
    found = trace.find(EVENT, user=name)
    assert found.answer.startswith(f"{name} has no account any more: what “Task assigned to you” (")
    assert "engineer" not in str(found)


def test_an_event_whose_decisions_are_pruned_has_no_recipients_on_record(alice):
    publish(alice)
    Decision.objects.all().delete()
    assert trace.find(EVENT).answer.endswith("arrived, and whom it concerned is no longer on record.")
    assert trace.find(EVENT, user=str(alice.id)).answer == trace.find(EVENT).answer


def test_an_event_under_another_source_is_pointed_to(alice, queue):
    publish(alice)
    found = trace.find(EVENT, source="/services/other")
    assert found.finding is Finding.NEVER_ARRIVED
    assert found.sources == ["/services/tasks"]
    assert found.notes[0] == "An event of this id has come from /services/tasks."


def test_somebody_without_a_name_is_told_by_id(alice):
    User.objects.filter(id=alice.id).update(name=" ")
    publish(alice)
    assert trace.find(EVENT).answer.startswith(f"{user_ids.show(alice.id)} got")


# --- Everybody whom it concerned -----------------------------------------------------------------------------


def test_an_event_of_one_person_is_that_persons_story(alice):
    publish(alice)
    assert trace.find(EVENT).finding is Finding.TRACED


def test_recipients_come_fifty_at_a_time_in_so_many_queries(django_assert_max_num_queries):
    User.objects.bulk_create(User(name=f"Person {n}") for n in range(120))
    publish(*User.objects.all(), data={"recipients": [*(str(user.id) for user in User.objects.all()), "user 17"]})
    with django_assert_max_num_queries(9):
        found = trace.find(EVENT)
    seen = list(found.recipients.rows)
    while found.recipients.next:
        found = trace.find(EVENT, after=found.recipients.next)
        seen += found.recipients.rows
    assert (len(seen), found.recipients.total, len(found.recipients.rows)) == (121, 121, 21)
    assert {row.user_id for row in seen} == {*User.objects.values_list("id", flat=True), None}
