"""What a storm breaks, and when: drawn by chance from a seed, so that a storm can be had again. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Final

#: Of the whole, from the last mending to the end: what broke last has to recover under load too.
_CALM: Final = 0.15
_LEAST_GAP, _GREATEST_GAP = 1.0, 12.0  # seconds between two blows to the same target
_LONGEST: Final = 60.0  # seconds that a target is away
_BETWEEN_KILLS: Final = 20.0  # seconds on average, of the same process: it is to do something meanwhile


class Target(StrEnum):
    """What is broken."""

    WEB = "web"
    INTAKE = "intake"
    EMAIL = "email"
    PUSH = "push"
    MAINTENANCE = "maintenance"
    BEAT = "beat"
    POSTGRESQL = "postgresql"
    VALKEY = "valkey"
    SQS = "sqs"
    PROVIDERS = "providers"


class Blow(StrEnum):
    """What is done to it."""

    KILL = "kill"  # kill -9; its supervisor starts it again
    RESTART = "restart"
    OUTAGE = "outage"  # connections are refused
    LOSS = "loss"  # an outage after which nothing is there that was there before
    ERRORS = "errors"  # some calls are refused, and some are carried out and answered as if they were not
    REDELIVERY = "redelivery"  # some deletes are promised and not done
    SLOW = "slow"
    THROTTLING = "throttling"
    FAILURE = "failure"  # 503
    SILENCE = "silence"  # no answer


@dataclass(frozen=True, slots=True)
class Step:
    """A blow and its mending, in seconds since the beginning. What is over in an instant ends when it starts."""

    start: float
    end: float
    target: Target
    blow: Blow


#: How long a blow lasts, in seconds: the least, and the share of the storm that is the most.
_LASTING: Final[Mapping[Blow, tuple[float, float]]] = MappingProxyType(
    {
        Blow.KILL: (0.0, 0.0),
        Blow.RESTART: (0.0, 0.0),
        Blow.OUTAGE: (1.0, 0.25),
        Blow.LOSS: (0.5, 0.1),
        Blow.ERRORS: (3.0, 0.3),
        Blow.REDELIVERY: (3.0, 0.3),
        Blow.SLOW: (3.0, 0.3),
        Blow.THROTTLING: (1.0, 0.1),
        Blow.FAILURE: (2.0, 0.25),
        Blow.SILENCE: (2.0, 0.25),
    }
)

_SERVERS: Final[Mapping[Target, tuple[Blow, ...]]] = MappingProxyType(
    {
        Target.POSTGRESQL: (Blow.RESTART, Blow.OUTAGE),
        Target.VALKEY: (Blow.RESTART, Blow.OUTAGE, Blow.LOSS),
        Target.SQS: (Blow.OUTAGE, Blow.ERRORS, Blow.REDELIVERY),
        Target.PROVIDERS: (Blow.SLOW, Blow.THROTTLING, Blow.FAILURE, Blow.SILENCE),
    }
)
PROCESSES: Final = tuple(target for target in Target if target not in _SERVERS)


def plan(seed: int, seconds: float) -> tuple[Step, ...]:
    """Return the steps of a storm of so many seconds, in the order of their starts; the same for the same seed.

    Steps for different targets overlap as chance has it, steps for the same one never, and every process is killed
    at least once. All is mended before the end.
    """
    chance = Random(seed)  # noqa: S311 - it is to be foreseen
    until = seconds * (1 - _CALM)
    steps = [step for target, blows in _SERVERS.items() for step in _blows(chance, target, blows, until, seconds)]
    steps += [step for target in PROCESSES for step in _kills(chance, target, until)]
    return tuple(sorted(steps, key=lambda step: (step.start, step.target)))


def _blows(chance: Random, target: Target, blows: tuple[Blow, ...], until: float, seconds: float) -> Iterator[Step]:
    """Yield blow after blow; the kinds take turns, so that none is left out of a long storm."""
    now, turns = 0.0, list[Blow]()
    while True:
        turns = turns or chance.sample(blows, len(blows))
        blow = turns.pop()
        least, share = _LASTING[blow]
        start = now + chance.uniform(_LEAST_GAP, _GREATEST_GAP)
        end = start + chance.uniform(least, max(least, min(share * seconds, _LONGEST)))
        if end > until:
            return
        yield Step(start, end, target, blow)
        now = end


def _kills(chance: Random, target: Target, until: float) -> Iterator[Step]:
    """Yield a kill at a random moment of each stretch of so many seconds, and one at least."""
    number = max(1, round(until / _BETWEEN_KILLS))
    for turn in range(number):
        moment = until / number * (turn + chance.random())
        yield Step(moment, moment, target, Blow.KILL)
