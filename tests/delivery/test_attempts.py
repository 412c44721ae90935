from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from waffle.models import Switch

from delivery import answers, attempts, dispatch, lanes, outcomes, suppressions, sweeper
from delivery.errors import DeadToken, PermanentFailure, ProviderDown, Throttled, TransientFailure
from delivery.models import Delivery, State, SuppressedAddress
from delivery.transports.contract import Result
from delivery.transports.registry import OUTBOUND
from preferences import people, push_tokens, rollout
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from preferences.push_tokens import Platform
from tests.delivery.rows import delivery, states

pytestmark = pytest.mark.django_db


class Provider:
    """Answers as its script says, by title; everything else is taken."""

    def __init__(self, **script):
        self.script = script
        self.sent = []

    def send(self, chunk):
        for outgoing in chunk:
            self.sent.append(outgoing.delivery.id)
            answer = self.script.get(outgoing.delivery.title, f"message {outgoing.delivery.id}")
            yield Result(outgoing, answer)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def attempt(provider, *deliveries) -> None:
    attempts.attempt(Channel.EMAIL, [one.id for one in deliveries], lambda: provider)


def test_what_the_provider_takes_is_sent_under_its_message_id(alice, provider):
    mail = delivery(alice)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.provider_id, mail.lease_until) == (State.SENT, f"message {mail.id}", None)


def test_a_task_that_runs_twice_sends_once(alice, provider):
    mail = delivery(alice)
    attempt(provider, mail)
    attempt(provider, mail)
    assert provider.sent == [mail.id]


def test_one_refused_address_in_a_chunk_harms_no_other(alice):
    first, bad, last = delivery(alice), delivery(alice, title="bad"), delivery(alice)
    attempt(Provider(bad=PermanentFailure("MessageRejected")), first, bad, last)
    assert states(first, bad, last) == [State.SENT, State.FAILED, State.SENT]
    bad.refresh_from_db()
    assert bad.provider_error == "MessageRejected"


def test_a_word_of_the_provider_that_no_column_takes_is_shortened_and_not_asked_for_again_and_again(alice):
    mail = delivery(alice, title="bad")
    attempt(Provider(bad=PermanentFailure("No\0" + "o" * 300)), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.provider_error) == (State.FAILED, "No" + "o" * 98)


def test_a_transient_failure_is_tried_again_later(alice):
    mail = delivery(alice, title="bad")
    attempt(Provider(bad=TransientFailure("greylisted", retry_after=timedelta(minutes=3))), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, mail.provider_error) == (State.PENDING, 1, "greylisted")
    assert mail.due_at >= timezone.now() + timedelta(minutes=2, seconds=59)


def test_attempts_of_its_own_come_to_an_end(alice):
    mail = delivery(alice, title="bad", attempts=OUTBOUND[Channel.EMAIL].max_attempts - 1)
    attempt(Provider(bad=TransientFailure("greylisted")), mail)
    assert states(mail) == [State.FAILED]


def test_what_every_worker_died_of_comes_to_an_end_too_and_alone(alice, provider):
    poison, mail = delivery(alice, attempts=OUTBOUND[Channel.EMAIL].max_attempts), delivery(alice)
    attempt(provider, poison, mail)
    assert provider.sent == [mail.id]
    poison.refresh_from_db()
    assert (poison.state, poison.provider_error) == (State.FAILED, outcomes.WORKER_LOST)


def test_a_digest_that_every_worker_died_of_takes_along_what_it_gathers(alice, provider):
    digest = delivery(alice, type="digest", attempts=OUTBOUND[Channel.EMAIL].max_attempts)
    item = delivery(alice, state=State.HELD, digest=digest)
    attempt(provider, digest)
    assert states(digest, item) == [State.FAILED, State.FAILED]


def test_a_throttle_pauses_the_lane_and_uses_up_no_attempt(alice):
    bad, later = delivery(alice, title="bad"), delivery(alice)
    provider = Provider(bad=Throttled("Throttling", retry_after=timedelta(seconds=30)))
    attempt(provider, bad, later)
    assert provider.sent == [bad.id]
    assert list(Delivery.objects.values_list("state", "attempts")) == [(State.PENDING, 0)] * 2
    assert lanes.is_blocked(Channel.EMAIL)


def test_an_outage_closes_the_lane_and_uses_up_no_attempt(alice):
    mails = [delivery(alice, title="bad") for _ in range(lanes.OUTAGES_TO_CLOSE + 3)]
    provider = Provider(bad=ProviderDown("ServiceUnavailable"))
    attempt(provider, *mails)
    assert len(provider.sent) == lanes.OUTAGES_TO_CLOSE
    assert set(Delivery.objects.values_list("state", "attempts")) == {(State.PENDING, 0)}
    attempt(provider, *mails)
    assert len(provider.sent) == lanes.OUTAGES_TO_CLOSE


def test_what_meets_a_closed_lane_is_called_for_again_when_it_may_be_open(alice, provider):
    mail = delivery(alice)
    lanes.pause(Channel.EMAIL, timedelta(seconds=30))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.PENDING, 0)
    assert timezone.now() < mail.due_at <= timezone.now() + timedelta(minutes=1)


def test_a_lane_with_a_limit_takes_what_it_grants_and_the_rest_gets_its_turn(alice, provider, settings):
    settings.OUTBOUND_PER_SECOND = {"email": 1}
    mails = [delivery(alice) for _ in range(8)]
    attempt(provider, *mails)
    assert len(provider.sent) == 5  # five seconds' worth
    assert Delivery.objects.filter(state=State.PENDING, due_at__gt=timezone.now()).count() == 3


def test_no_more_is_claimed_than_was_granted_however_postgresql_plans_it(alice, provider, settings):
    settings.OUTBOUND_PER_SECOND = {"email": 1}
    mails = [delivery(alice) for _ in range(8)]
    with connection.cursor() as cursor:
        for plan in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
            cursor.execute(f"SET LOCAL enable_{plan} = off")
    attempt(provider, *mails)
    assert len(provider.sent) == 5


def test_one_success_opens_the_lane(alice, provider):
    for _ in range(lanes.OUTAGES_TO_CLOSE - 1):
        lanes.report_outage(Channel.EMAIL)
    attempt(provider, delivery(alice))
    assert not lanes.report_outage(Channel.EMAIL)


def test_what_is_not_due_or_not_of_the_channel_is_left_alone(alice, provider):
    later = delivery(alice, due_at=timezone.now() + timedelta(hours=1))
    push = delivery(alice, channel=Channel.PUSH)
    attempt(provider, later, push)
    assert provider.sent == []
    assert states(later, push) == [State.PENDING, State.PENDING]


def test_what_another_worker_holds_is_left_alone(alice, provider):
    mail = delivery(alice, state=State.SENDING, lease_until=timezone.now() + timedelta(minutes=5))
    attempt(provider, mail)
    assert provider.sent == []


def test_a_fault_of_ours_gives_back_what_was_claimed(alice):
    def no_transport():
        raise RuntimeError

    mail = delivery(alice)
    with pytest.raises(RuntimeError):
        attempts.attempt(Channel.EMAIL, [mail.id], no_transport)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.PENDING, 0)


def test_an_answer_that_comes_after_the_lease_changes_nothing(alice):
    mail = delivery(alice)

    class Slow(Provider):
        def send(self, chunk):
            # Meanwhile the lease ran out, and another worker has it.
            Delivery.objects.filter(id=mail.id).update(state=State.SENT, attempts=2, provider_id="theirs")
            yield from super().send(chunk)

    attempt(Slow(), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.provider_id) == (State.SENT, "theirs")


def test_nor_does_one_that_comes_while_the_row_is_claimed_anew_after_a_retry_that_counts_from_the_start(alice):
    mail = delivery(alice)
    begun_anew = {"attempts": 1, "lease_until": timezone.now() + timedelta(hours=1)}

    class Slow(Provider):
        def send(self, chunk):
            for outgoing in chunk:
                Delivery.objects.filter(id=mail.id).update(**begun_anew)
                yield Result(outgoing, ProviderDown("ServiceUnavailable"))

    attempt(Slow(), mail)
    assert Delivery.objects.filter(id=mail.id, state=State.SENDING, **begun_anew).exists()


def test_the_kill_switch_keeps_everything_pending(alice, provider):
    mail = delivery(alice)
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": True})
    rollout.forget()
    attempt(provider, mail)
    assert provider.sent == []
    assert states(mail) == [State.PENDING]


def test_what_has_left_when_the_kill_switch_turns_is_waited_for_and_nothing_follows(alice):
    pushes = [delivery(alice) for _ in range(3)]
    left = []

    class TwoAtATime:
        def send(self, chunk):
            waiting = iter(chunk)
            left.extend(next(waiting) for _ in range(2))
            Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": True})
            rollout.forget()
            yield from (Result(outgoing, "taken") for outgoing in left)
            left.extend(waiting)

    attempt(TwoAtATime(), *pushes)
    assert len(left) == 2
    assert states(*pushes) == [State.SENT, State.SENT, State.PENDING]


def test_what_has_left_when_postgresql_goes_away_is_waited_for_and_not_sent_again(alice, monkeypatch):
    pushes = [delivery(alice) for _ in range(3)]
    left = []

    def away():
        raise OperationalError

    class TwoAtATime:
        def send(self, chunk):
            waiting = iter(chunk)
            left.extend(next(waiting) for _ in range(2))
            with monkeypatch.context() as broken:
                broken.setattr(connection, "close", lambda: None)  # the test's transaction lies on it
                broken.setattr(rollout, "current", away)
                left.extend(waiting)
            yield from (Result(outgoing, "taken") for outgoing in left)

    attempt(TwoAtATime(), *pushes)
    assert len(left) == 2
    assert states(*pushes) == [State.SENT, State.SENT, State.PENDING]


class Together(Provider):
    """Takes all before it answers the first, as pushes go; who stops asking loses the answers."""

    def send(self, chunk):
        under_way = list(chunk)
        for outgoing in under_way:
            yield from super().send([outgoing])


@pytest.fixture
def restart(monkeypatch):
    """A restart of PostgreSQL: what is named fails once."""

    def during(module, name: str) -> None:
        work, failures = getattr(module, name), iter([OperationalError])

        def fail_once(*arguments, **options):
            if error := next(failures, None):
                raise error
            return work(*arguments, **options)

        monkeypatch.setattr(module, name, fail_once)

    monkeypatch.setattr(answers, "_DATABASE_PAUSE_SECONDS", 0)
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's transaction lies on it
    monkeypatch.setattr(answers, "drop_connection", lambda: None)
    return during


def test_a_dead_token_that_meets_a_restart_of_postgresql_costs_no_other_its_answer(alice, bob, restart):
    for person in (alice, bob):
        push_tokens.register(person.id, platform=Platform.IOS, token=person.id.hex * 2, device_id="phone")
    pushes = [delivery(alice, channel=Channel.PUSH, title="dead"), delivery(bob, channel=Channel.PUSH)]
    restart(push_tokens, "prune")
    provider = Together(dead=DeadToken("Unregistered"))
    attempts.attempt(Channel.PUSH, [push.id for push in pushes], lambda: provider)
    assert states(*pushes) == [State.FAILED, State.SENT]
    assert User.objects.get(id=alice.id).push_tokens == []


def test_a_throttle_that_meets_a_restart_of_postgresql_costs_no_other_its_answer(alice, restart, settings):
    settings.RELEASE_RAMP = timedelta(minutes=1)
    throttled, taken = delivery(alice, title="bad"), delivery(alice)

    class Restarted(Together):
        def send(self, chunk):
            under_way = list(chunk)
            restart(rollout, "current")
            yield from super().send(under_way)

    attempt(Restarted(bad=Throttled("Throttling")), throttled, taken)
    assert states(throttled, taken) == [State.PENDING, State.SENT]


def test_what_was_claimed_is_given_back_when_postgresql_goes_away_before_the_rest_got_its_turn(
    alice, provider, restart
):
    claimed = delivery(alice)
    restart(attempts, "_postpone")
    with pytest.raises(OperationalError):
        attempt(provider, claimed)
    claimed.refresh_from_db()
    assert (claimed.state, claimed.attempts) == (State.PENDING, 0)


def test_a_call_that_the_kill_switch_used_up_is_repeated_at_once_after_its_release(alice, provider, monkeypatch):
    switch, _ = Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": True})
    rollout.forget()
    mail = delivery(alice, woken_at=timezone.now())
    attempt(provider, mail)
    switch.active = False
    switch.save()
    rollout.forget()
    woken: list[int] = []
    monkeypatch.setattr(dispatch, "wake", lambda due: woken.extend(one.id for one in due))
    sweeper.sweep()
    assert woken == [mail.id]


# --- What is no longer wanted when it is sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_active": False}, Reason.INACTIVE_USER),
        ({"email": None}, Reason.NO_EMAIL_ADDRESS),
        ({"notification_preferences": {"email_digest": "never"}}, Reason.DIGEST_NEVER),
        ({"notification_preferences": {"preferences": {"task_assigned": {"email": False}}}}, Reason.PREFERENCE_OFF),
    ],
)
def test_a_change_of_mind_or_person_is_honoured_at_the_last_moment(alice, provider, change, reason):
    mail = delivery(alice)
    User.objects.filter(id=alice.id).update(**change)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, reason)
    assert provider.sent == []


def test_a_suppressed_address_gets_nothing(alice, provider):
    mail = delivery(alice)
    suppressions.add("Alice@example.com", SuppressedAddress.Cause.BOUNCE)
    attempt(provider, mail)
    mail.refresh_from_db()
    assert mail.reason == Reason.ADDRESS_SUPPRESSED


def test_what_is_too_old_is_stale_and_not_sent_late(alice, provider):
    mail = delivery(alice, occurred_at=timezone.now() - timedelta(hours=5))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, Reason.STALE)


@pytest.fixture
def half_sent(alice) -> Delivery:
    """A push that one phone has, while another's provider was away."""
    for number in (1, 2):
        push_tokens.register(alice.id, platform=Platform.IOS, token=f"{number:064x}", device_id=f"phone {number}")
    push = delivery(alice, channel=Channel.PUSH, title="half")

    class Half(Provider):
        def send(self, chunk):
            first, second = chunk
            yield Result(first, "taken")
            yield Result(second, ProviderDown("away"))

    attempts.attempt(Channel.PUSH, [push.id], Half)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    return Delivery.objects.get(id=push.id)


def test_a_push_that_one_phone_has_and_another_must_not_have_any_more_was_sent(half_sent, provider):
    assert half_sent.state == State.PENDING
    Delivery.objects.update(occurred_at=timezone.now() - timedelta(hours=1))
    attempts.attempt(Channel.PUSH, [half_sent.id], lambda: provider)
    push = Delivery.objects.get()
    assert (push.state, push.reason, push.sent_at) == (State.SENT, "", half_sent.sent_at)
    assert push.sent_at
    assert provider.sent == []


def test_a_push_that_one_phone_has_and_was_read_goes_to_no_other_and_was_sent(half_sent, provider):
    dispatch.cancel([half_sent.notification_id])
    attempts.attempt(Channel.PUSH, [half_sent.id], lambda: provider)
    assert provider.sent == []
    assert states(half_sent) == [State.SENT]


def test_who_has_chosen_a_digest_meanwhile_gets_it_there(alice, provider):
    mail = delivery(alice)
    people.store_choices(alice.id, Choices(email_digest=DigestFrequency.DAILY))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert mail.state == State.HELD
    assert mail.due_at > timezone.now()


def test_what_was_read_meanwhile_is_cancelled(alice, provider):
    mail, held, sent = delivery(alice), delivery(alice, state=State.HELD), delivery(alice, state=State.SENT)
    dispatch.cancel([one.notification_id for one in (mail, held, sent)])
    attempt(provider, mail)
    assert states(mail, held, sent) == [State.SUPPRESSED, State.SUPPRESSED, State.SENT]


def test_what_is_read_while_a_worker_has_it_in_hand_is_not_sent_by_a_later_attempt(alice, provider):
    mail = delivery(alice, title="bad")

    class ReadMeanwhile(Provider):
        def send(self, chunk):
            dispatch.cancel([mail.notification_id])
            yield from super().send(chunk)

    attempt(ReadMeanwhile(bad=TransientFailure("later")), mail)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    attempt(provider, mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (PermanentFailure("MessageRejected"), State.FAILED, Reason.ALREADY_READ),  # which a retry goes by
        ("message", State.SENT, ""),
    ],
)
def test_what_is_read_in_a_workers_hand_keeps_its_mark_unless_it_went_out(alice, answer, state, reason):
    mail = delivery(alice, title="read")

    class ReadMeanwhile(Provider):
        def send(self, chunk):
            dispatch.cancel([mail.notification_id])
            yield from super().send(chunk)

    attempt(ReadMeanwhile(read=answer), mail)
    mail.refresh_from_db()
    assert (mail.state, mail.reason) == (state, reason)


def test_what_is_unread_again_goes_out_after_all(alice, bob, provider):
    people.store_choices(bob.id, Choices(email_digest=DigestFrequency.HOURLY))
    soon = timezone.now() + timedelta(hours=1)
    mail, held = delivery(alice), delivery(bob, state=State.HELD, due_at=soon)
    ids = [mail.notification_id, held.notification_id]
    dispatch.cancel(ids)
    dispatch.restore(ids)
    attempt(provider, mail)
    assert states(mail, held) == [State.SENT, State.HELD]


def test_what_was_read_in_a_workers_hand_and_is_unread_again_is_tried_again(alice, provider):
    mail = delivery(alice, title="bad")

    class ReadMeanwhile(Provider):
        def send(self, chunk):
            dispatch.cancel([mail.notification_id])
            yield from super().send(chunk)

    attempt(ReadMeanwhile(bad=TransientFailure("later")), mail)
    dispatch.restore([mail.notification_id])
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    attempt(provider, mail)
    assert states(mail) == [State.SENT]


def test_an_answer_outlives_a_moment_without_postgresql(alice, provider, monkeypatch):
    mail, failures = delivery(alice), iter([OperationalError, OperationalError])
    write = answers._write

    def fail_twice(*arguments):
        if error := next(failures, None):
            raise error
        return write(*arguments)

    monkeypatch.setattr(answers, "_write", fail_twice)
    monkeypatch.setattr(answers, "_DATABASE_PAUSE_SECONDS", 0)
    monkeypatch.setattr(answers, "drop_connection", lambda: None)  # the test's transaction lies on it
    attempt(provider, mail)
    assert states(mail) == [State.SENT]
    assert provider.sent == [mail.id]


def test_a_worker_whose_lease_is_about_to_end_asks_for_no_more(alice, monkeypatch):
    monkeypatch.setattr(attempts, "LEASE", timedelta(seconds=1))
    mails = [delivery(alice), delivery(alice)]
    provider = Provider()
    attempt(provider, *mails)
    assert provider.sent == []
    assert states(*mails) == [State.PENDING, State.PENDING]


def test_a_type_that_the_catalogue_has_dropped_is_not_sent(alice, provider):
    mail = delivery(alice, type="retired")
    attempt(provider, mail)
    mail.refresh_from_db()
    assert mail.reason == Reason.UNKNOWN_TYPE


def test_redis_away_stops_nothing(alice, provider, servers):
    mail = delivery(alice)
    servers.valkey.stop()
    attempt(provider, mail)
    assert states(mail) == [State.SENT]


def test_an_answer_does_not_wait_on_record_for_another_that_stays_out(alice, monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", timedelta())
    answered, silent = delivery(alice), delivery(alice)
    meanwhile: list[list[str]] = []

    class OneStaysOut(Provider):
        def send(self, chunk):
            first, second = chunk
            yield from super().send([first])
            yield None
            meanwhile.append(states(answered, silent))
            yield from super().send([second])

    attempt(OneStaysOut(), answered, silent)
    assert meanwhile == [[State.SENT, State.SENDING]]
    assert states(answered, silent) == [State.SENT, State.SENT]
