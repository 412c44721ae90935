"""The kill switch under load: what it stops, and how soon; what it holds; what its release lets go, and leaves out."""

import time
from collections.abc import Collection
from typing import Final

from devstack.waiting import wait_until
from drills.script import Script
from drills.stage import Stage

#: Within so many seconds the switch must be heard everywhere (spec §7).
HEARD: Final = 5.0
_PATIENCE: Final = 60.0
_SLOW_PROVIDER: Final = 2.0  # seconds: so that mails and pushes wait when the switch turns
_WAIT: Final = 20  # mails and pushes that must do so
_COLLECT_DIGESTS: Final = "delivery.collect_digests"


class SwitchRehearsal:
    """One rehearsal, and what is to be asked once everything has come to its end."""

    def __init__(self, stage: Stage, script: Script) -> None:
        self._stage = stage
        self._script = script
        self._aged: Collection[int] = ()
        self._due = 0  # people whose digest came due under the switch

    def rehearse(self, seconds: float) -> None:
        """Turn the switch on, as the admin does, and off again after so many seconds."""
        self._let_some_wait()
        self._stage.bells.forget_turns()
        self._script.begin("switch on")
        turned_at, turned = time.time(), time.monotonic()
        self._stage.database.turn_kill_switch(on=True)
        self._script.say("kill switch on")
        self._stage.providers.heal()
        self._script.let_pass(HEARD, "kill switch on")
        self._put_clock_forward()
        self._script.let_pass(seconds - (time.monotonic() - turned), "kill switch on")
        self._check_standstill(turned_at)
        self._check_turn("disabled", turned)
        self._release()

    def look_back(self) -> None:
        """Check what became of what the switch held."""
        stale, digests = self._stage.database.stale(self._aged), self._stage.database.digests()
        self._script.check(
            f"{stale} of the {len(self._aged)} too old mails and pushes were not sent, as stale",
            holds=stale == len(self._aged) > 0,
        )
        self._script.check(
            f"{digests} digests were made in all, for the {self._due} people whose digest had come due",
            holds=digests == self._due > 0,
        )

    def _let_some_wait(self) -> None:
        self._stage.providers.fail("slow", seconds=_SLOW_PROVIDER)
        wait_until(lambda: self._stage.database.deliveries_pending() >= _WAIT, seconds=_PATIENCE)

    def _put_clock_forward(self) -> None:
        """Make some of what waits too old, and all digests due, and have the worker collect them."""
        self._aged = self._stage.database.age(_WAIT)
        self._due = self._stage.database.bring_digests_due()
        self._stage.call(_COLLECT_DIGESTS)
        self._script.say(
            f"clock put forward: {len(self._aged)} mails and pushes are too old, {self._due} people's digests due"
        )

    def _check_standstill(self, turned_at: float) -> None:
        database, taken = self._stage.database, self._stage.providers.taken()
        self._check_delay("the intake took its last event", database.last_received() - turned_at)
        self._check_delay("the last mail or push went out", taken.latest - turned_at)
        digests = database.digests()
        self._script.check(f"{digests} digests were made under the switch", holds=digests == 0)

    def _release(self) -> None:
        bells = self._stage.bells
        self._script.say(f"{self._stage.held_messages()} messages are held in SQS; kill switch off")
        released = time.monotonic()
        self._stage.database.turn_kill_switch(on=False)
        wait_until(lambda: len(bells.turned["enabled"]) >= bells.number, seconds=2 * HEARD)
        self._check_turn("enabled", released)
        self._stage.call(_COLLECT_DIGESTS)

    def _check_delay(self, what: str, seconds: float) -> None:
        self._script.check(f"{what} {max(0.0, seconds):.1f} s after the switch", holds=seconds <= HEARD)

    def _check_turn(self, turn: str, since: float) -> None:
        bells = self._stage.bells
        heard = bells.turned[turn]
        latest = max(heard.values(), default=since) - since
        self._script.check(
            f"{len(heard)} of {bells.number} bells heard {turn!r} within {latest:.1f} s",
            holds=len(heard) == bells.number and latest <= HEARD,
        )
