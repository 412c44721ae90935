"""Any interleaving of what may happen to a mail or a push, against a small model of what is allowed (spec §6).

To look longer than `make test` does, and at longer stories (a failure is made short first, which takes its time):

    OUTBOUND_MODEL_EXAMPLES=500 OUTBOUND_MODEL_STEPS=60 pytest -o faulthandler_timeout=0 tests/delivery/test_outbound_model.py
"""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import orjson
import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from pytest_django import Settings
from redis import Redis

from notifications import marking
from notifications.models import Notification
from preferences import people, push_tokens
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from tests.delivery import sns
from tests.delivery.model_clock import Clock, turned_by_hand
from tests.delivery.model_happenings import HAPPENINGS, Occasion
from tests.delivery.model_machine import Machine, kinds_of, one_of, readers, when, which_of
from tests.delivery.model_moves import Actor, keep_log
from tests.delivery.model_people import PLATFORMS, TOKENS, Someone
from tests.delivery.model_world import World

pytestmark = pytest.mark.django_db

_SETTINGS: Final = hypothesis_settings(
    max_examples=int(os.environ.get("OUTBOUND_MODEL_EXAMPLES", "8")),
    stateful_step_count=int(os.environ.get("OUTBOUND_MODEL_STEPS", "40")),
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
_on_or_off = st.fixed_dictionaries({}, optional={Channel.EMAIL: st.booleans(), Channel.PUSH: st.booleans()})
_choices = st.builds(
    Choices,
    overrides=st.just({}) | st.fixed_dictionaries({"task_assigned": _on_or_off, "mentioned": _on_or_off}),
    email_digest=st.sampled_from([DigestFrequency.IMMEDIATE, *DigestFrequency]),
)
_REPORTS: Final[dict[str, Callable[[str], tuple[str, dict[str, Any]]]]] = {
    "delivered": lambda _: ("Delivery", sns.DELIVERED),
    "bounced": lambda address: ("Bounce", sns.bounce(address)),
    "bounced softly": lambda address: ("Bounce", sns.bounce(address, "Transient", "MailboxFull")),
    "marked as spam": lambda address: ("Complaint", sns.complaint(address)),
    "delayed": lambda _: ("DeliveryDelay", sns.DELAYED),
}
_SUPPRESSES: Final = ("bounced", "marked as spam")


class Outbound(Machine):
    """What others do: the people, their providers, and who looks after them."""

    @initialize(choices=st.tuples(_choices, _choices), device=st.sampled_from(sorted(TOKENS)), kinds=kinds_of)
    def begin(self, choices: tuple[Choices, Choices], device: str, kinds: list[str]) -> None:
        """People have chosen something before, one has a device, and something happens."""
        for person, chosen in enumerate(choices):
            self.choose(person, chosen)
        self._sign_in(self.world.people[0], device)
        self.publish(kinds, timedelta())

    @rule(person=readers, choices=_choices)
    def choose(self, person: int, choices: Choices) -> None:
        """Somebody wants something else."""
        with self.world.step(Actor.NOBODY):
            people.store_choices(self.world.people[person].id, choices)
        self.world.people[person].choices = choices

    @rule(person=readers, device=st.sampled_from(sorted(TOKENS)), is_in=st.booleans())
    def sign(self, person: int, device: str, is_in: bool) -> None:
        """Somebody signs in on a device, which is nobody else's from then on, or out."""
        someone = self.world.people[person]
        if not is_in:
            with self.world.step(Actor.NOBODY):
                push_tokens.forget(someone.id, device)
            someone.tokens.pop(device, None)
        elif not someone.is_erased:
            self._sign_in(someone, device)

    def _sign_in(self, someone: Someone, device: str) -> None:
        with self.world.step(Actor.NOBODY):
            push_tokens.register(someone.id, platform=PLATFORMS[device], token=TOKENS[device], device_id=device)
        for other in self.world.people:
            other.tokens.pop(device, None)
        someone.tokens[device] = TOKENS[device]

    @rule(which=which_of, is_read=st.booleans())
    def read(self, which: int, is_read: bool) -> None:
        """Somebody reads one in the bell, or marks it as not read."""
        ids = Notification.objects.order_by("created_at", "id").values_list("user_id", "id")
        if ids:
            mark = marking.mark_read if is_read else marking.mark_unread
            with self.world.step(Actor.READER):
                mark(*one_of(list(ids), which))

    @rule(person=readers)
    def read_all_and_undo(self, person: int) -> None:
        """Somebody reads all, and takes it back."""
        user_id = self.world.people[person].id
        with self.world.step(Actor.READER):
            marked = marking.mark_all_read(user_id)
        with self.world.step(Actor.READER):
            marking.undo_mark_all(user_id, marked.undo_id)

    # --- Providers' words, operators, support ---

    @when(lambda world: world.providers.mails)
    @rule(which=which_of, word=st.sampled_from(sorted(_REPORTS)), is_tagged=st.booleans(), is_doubled=st.booleans())
    def report(self, which: int, word: str, is_tagged: bool, is_doubled: bool) -> None:
        """SES says what became of a mail that it took."""
        mail = one_of(self.world.providers.mails, which)
        kind, details = _REPORTS[word](mail.email)
        delivery_id = mail.delivery_id if is_tagged else None
        report = sns.event(kind, delivery_id=delivery_id, provider_id=mail.message_id, **details)
        self.world.report(orjson.dumps(report).decode(), stops=mail.email if word in _SUPPRESSES else "")

        if is_doubled:
            self.world.repeat(one_of(self.world.reports, which))

    @rule(happening=st.sampled_from(sorted(HAPPENINGS)), which=which_of, person=readers, is_on=st.booleans())
    def happen(self, happening: str, which: int, person: int, is_on: bool) -> None:
        """Something happens that does so now and then."""
        HAPPENINGS[happening](self.world, Occasion(which, self.world.people[person], is_on))


@pytest.fixture
def clock(db: None, valkey: Redis, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Clock]:
    """A clock that the machine turns; nothing is remembered by the real one."""
    settings.ROLLOUT_CACHE = timedelta()
    settings.RELEASE_RAMP = timedelta(minutes=1)
    with turned_by_hand(valkey, monkeypatch) as clock:
        keep_log()
        connection.inc_thread_sharing()
        yield clock
        connection.dec_thread_sharing()


@pytest.mark.parametrize("per_second", [0, 0.2], ids=["unlimited", "slow lanes"])
def test_every_interleaving_keeps_what_is_promised(clock, per_second, settings, monkeypatch):
    def make_world() -> World:
        clock.reset()
        world = World(clock)
        monkeypatch.setattr(
            "celery.app.base.Celery.send_task", lambda _, *arguments, **options: world.send_task(*arguments)
        )
        return world

    settings.OUTBOUND_PER_SECOND = {"email": per_second, "push": per_second}
    run_state_machine_as_test(lambda: Outbound(make_world), settings=_SETTINGS)
