"""A storm: everything is broken by chance, as a seed has it, while events go on (drills/plan.py)."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from redis import Redis

from devstack.server import Server
from devstack.sqs_faults import SqsFault, order
from devstack.waiting import wait_until
from drills import inspection
from drills.claims import Claims
from drills.faults import SIGNS_OF_LIFE, Aftermath, Drill
from drills.plan import PROCESSES, Blow, Step, Target, plan
from drills.readers import Readers
from drills.script import Script
from drills.stage import Stage
from preferences.catalog import Channel

NAME: Final = "storm"
_SECONDS: Final = 60.0
_PATIENCE: Final = 90.0  # for a sign of life
_SOON: Final = 2.0
_LOOK_EACH: Final = 0.2
_READ_EACH: Final = 5.0  # far less than it takes the simulators to forget a call

#: Faults of the providers, in the words of devstack.simulators.faults.
_PROVIDERS_FAIL: Final[Mapping[Blow, Mapping[str, Any]]] = MappingProxyType(
    {
        Blow.SLOW: {"kind": "slow", "seconds": 1.0},
        Blow.THROTTLING: {"kind": "throttle"},
        Blow.FAILURE: {"kind": "error", "status": 503},
        Blow.SILENCE: {"kind": "timeout", "seconds": 3},  # less than a client waits: a storm is short
    }
)
#: How they are meanwhile: a killed worker then has something in hand.
_USUAL: Final[Mapping[str, Any]] = MappingProxyType({"kind": "slow", "seconds": 0.2})
_SQS_FAILS: Final = MappingProxyType(
    {Blow.ERRORS: SqsFault(refused=0.2, unheard=0.1), Blow.REDELIVERY: SqsFault(kept=0.1)}
)
#: Retries of what failed after the storm are the sweeper's, whom beat calls and the maintenance worker runs.
_SIGNS: Final = MappingProxyType(
    {**SIGNS_OF_LIFE, "beat and maintenance": lambda stage, since: stage.database.swept(since) > 0}
)


def drill(seed: int) -> Drill:
    """Return the storm of this seed as a drill."""

    def rehearse(stage: Stage, script: Script, seconds: float) -> Aftermath:
        storm = Storm(stage, script, seed)
        return storm.rehearse(seconds)

    return Drill(f"Everything breaks by chance; seed {seed}", _SECONDS, rehearse)


class Storm:
    """One storm on a stage."""

    def __init__(self, stage: Stage, script: Script, seed: int) -> None:
        self._stage = stage
        self._script = script
        self._seed = seed
        self._readers = Readers(stage.base_url, stage.bells, stage.tokens, seed=seed)
        self._memory = inspection.memory(stage)
        self._kills: Counter[str] = Counter()
        self._claims = Claims(stage.database)
        self._read_next = 0.0  # monotonic: when to read on what providers took

    def rehearse(self, seconds: float) -> Aftermath:
        """Play the plan, and see that everything works when it is over."""
        self._script.begin("storm")
        with self._readers:
            self._play(seconds)
            self._check_signs_of_life()
        self._forget_throttles()
        self._script.say(f"deliveries that killed workers had in hand: {len(self._claims.crashed)}")
        self._script.tell("waiting until nobody has anything in hand of before")
        if lost := self._claims.end_lost_ones():
            self._script.say(f"leases of claims that nobody heard of put forward: {lost}")
        if dead := self._stage.dead_letters():
            self._script.say(f"messages that SQS gave up, sent again: {dead}")
            self._stage.redrive()
        return Aftermath(self._claims.crashed, self._look_back)

    # --- Breaking and mending --------------------------------------------------------------------------------

    def _play(self, seconds: float) -> None:
        began = time.monotonic()
        self._stage.providers.fail(**_USUAL)
        for moment, act in self._acts(plan(self._seed, seconds)):
            self._wait_until(began + moment)
            act()
        self._wait_until(began + seconds)
        wait_until(self._claims.look_up, seconds=_PATIENCE)

    def _acts(self, steps: tuple[Step, ...]) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield beginnings and ends in the order of their moments."""
        beginnings = [(step.start, self._beginning(step)) for step in steps]
        ends = [(step.end, self._end(step)) for step in steps if step.end > step.start]
        yield from sorted([*beginnings, *ends], key=itemgetter(0))

    def _beginning(self, step: Step) -> Callable[[], None]:
        def begin() -> None:
            lasting = f", for {step.end - step.start:.1f} s" if step.end > step.start else ""
            self._script.say(f"{step.target}: {step.blow}{lasting}")
            if step.target in PROCESSES:
                self._kill(step.target)
            elif step.target is Target.PROVIDERS:
                self._stage.providers.fail(**_PROVIDERS_FAIL[step.blow])
            elif step.blow in _SQS_FAILS:
                order(self._stage.servers.aws.endpoint_url, _SQS_FAILS[step.blow])
            else:
                self._take_away(step)

        return begin

    def _end(self, step: Step) -> Callable[[], None]:
        def end() -> None:
            if step.target is Target.PROVIDERS:
                self._stage.providers.fail(**_USUAL)
            elif step.blow in _SQS_FAILS:
                order(self._stage.servers.aws.endpoint_url, None)
            else:
                self._server(step.target).start()
            self._script.say(f"{step.target}: mended")

        return end

    def _take_away(self, step: Step) -> None:
        server = self._server(step.target)
        if step.blow is Blow.LOSS:
            with Redis.from_url(self._stage.servers.valkey.url) as valkey:
                valkey.flushall()
        server.stop()
        if step.blow is Blow.RESTART:
            server.start()

    def _server(self, target: Target) -> Server:
        servers = self._stage.servers
        return {Target.POSTGRESQL: servers.postgres, Target.VALKEY: servers.valkey, Target.SQS: servers.aws}[target]

    def _kill(self, target: Target) -> None:
        sends = target.value in set(Channel)
        if sends:  # a moment in which it hurts, if one comes soon
            wait_until(lambda: self._claims.are_held(Channel(target)), seconds=_SOON)
        self._stage.processes.kill(target)
        self._kills[target] += 1
        if sends:
            self._claims.note_kill(Channel(target))

    def _forget_throttles(self) -> None:
        """Put the clock forward for lanes that throttles have slowed down, which need minutes to be fast again, and for
        what waits for its turn there."""
        with Redis.from_url(self._stage.servers.valkey.url) as valkey:
            if buckets := list(valkey.scan_iter("lane:*:bucket")):
                valkey.delete(*buckets)
        self._stage.database.end_turns()

    def _wait_until(self, moment: float) -> None:
        """Learn meanwhile what providers took, and what killed workers had in hand as soon as PostgreSQL can say it."""
        while (left := moment - time.monotonic()) > 0:
            self._claims.look_up()
            if time.monotonic() >= self._read_next:
                self._stage.providers.read()
                self._read_next = time.monotonic() + _READ_EACH
            self._script.tell(f"next in {left:.0f} s")
            time.sleep(min(left, _LOOK_EACH))

    def _retry_lost(self) -> None:
        """Do what docs/operations.md says. Since leases are put forward, a worker that is killed every few seconds may
        have the same mail in hand each time."""
        if lost := self._stage.database.lost():
            unexplained = len(lost - self._claims.crashed)
            self._script.check(
                f"{unexplained} of {len(lost)} that all workers died of met no kill", holds=not unexplained
            )
            self._stage.retry_lost()
            is_drained = self._stage.drain(patience=_PATIENCE, tell=self._script.tell)
            self._script.check("retried, nothing of them is under way", holds=is_drained)

    # --- What must hold --------------------------------------------------------------------------------------

    def _check_signs_of_life(self) -> None:
        """See that each process works, those too that only the others can tell of."""
        since = time.time()
        self._stage.providers.fail("throttle", count=1)  # what it hits is a retry
        for name, shows in _SIGNS.items():
            self._script.tell(f"waiting for a sign of life: {name}")
            works = wait_until(lambda shows=shows: shows(self._stage, since), seconds=_PATIENCE)  # type: ignore[misc]
            self._script.check(f"{name} works {time.time() - since:.0f} s after the storm", holds=works)
        self._stage.providers.heal()

    def _look_back(self) -> None:
        stage, script = self._stage, self._script
        self._retry_lost()
        inspection.check_what_people_see(stage, script, self._readers)
        inspection.check_repeats(stage, script, self._kills)
        inspection.check_dead_letters(stage, script)
        inspection.check_memory(script, self._memory, inspection.memory(stage))
