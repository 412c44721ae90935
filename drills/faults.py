"""What breaks, for how long, and how it is mended: one function for each drill."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from benchmarks.environment import ROOT
from devstack.processes import read_procfile
from devstack.server import Server
from devstack.waiting import wait_until
from drills.script import Script
from drills.stage import Stage
from drills.switch import SwitchRehearsal
from preferences.catalog import Channel

#: In-app latency, event to bell (spec §10).
WANTED_P95_MS: Final = 2_000.0
_PATIENCE: Final = 60.0
_RESTART_PAUSE: Final = 5.0  # between a restart and the outage behind it
_SLOW_PROVIDER: Final = 0.3  # seconds: a killed worker then has something in hand


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is still to be looked at when something was broken and mended."""

    crashed: Collection[int] = ()  # deliveries that workers had in hand when they were killed
    look_back: Callable[[], None] = _nothing  # checks that are made when nothing is under way any more


@dataclass(frozen=True, slots=True)
class Drill:
    """`rehearse` breaks something for about so many seconds, and returns when it is mended."""

    title: str
    seconds: float
    rehearse: Callable[[Stage, Script, float], Aftermath]
    leaves_in_app_alone: bool = False  # then the spec's P95 of 2 s is wanted during the fault too


def switch(stage: Stage, script: Script, seconds: float) -> Aftermath:
    """Turn the kill switch on, as the admin does, and off again."""
    rehearsal = SwitchRehearsal(stage, script)
    rehearsal.rehearse(seconds)
    return Aftermath(look_back=rehearsal.look_back)


def sqs(stage: Stage, script: Script, seconds: float) -> Aftermath:
    """Stop SQS: the publisher goes by HTTP."""
    script.begin("away")
    _stop_for(stage.servers.aws, script, seconds)
    return Aftermath()


def redis(stage: Stage, script: Script, seconds: float) -> Aftermath:
    """Stop Valkey."""
    script.begin("away")
    _stop_for(stage.servers.valkey, script, seconds)
    return Aftermath()


def postgresql(stage: Stage, script: Script, seconds: float) -> Aftermath:
    """Restart PostgreSQL, and then have it refuse connections for a while."""
    script.begin("restart")
    _stop_for(stage.servers.postgres, script, 0)
    script.let_pass(_RESTART_PAUSE, "after the restart")
    script.begin("away")
    _stop_for(stage.servers.postgres, script, seconds)
    return Aftermath()


def _stop_for(server: Server, script: Script, seconds: float) -> None:
    server.stop()
    script.say(f"{server.name} stopped")
    script.let_pass(seconds, f"{server.name} is away")
    server.start()
    script.say(f"{server.name} started")


def providers(stage: Stage, script: Script, seconds: float) -> Aftermath:
    """Have SES, FCM and APNs answer 503."""
    script.begin("away")
    stage.providers.fail("error", status=503)
    script.say("SES, FCM and APNs answer 503")
    script.let_pass(seconds, "SES, FCM and APNs are away")
    stage.providers.heal()
    script.say("SES, FCM and APNs answer again")
    return Aftermath()


def kill(stage: Stage, script: Script, seconds: float) -> Aftermath:
    """Kill a process of each kind in turn, senders in mid-sending; the supervisor starts it again."""
    names = list(read_procfile(ROOT / "Procfile"))
    crashed: set[int] = set()
    stage.providers.fail("slow", seconds=_SLOW_PROVIDER)
    for name in names:
        script.begin(f"{name} killed")
        crashed |= _kill(name, stage, script, pause=seconds / len(names))
    stage.providers.heal()
    if count := stage.database.end_leases(crashed):
        script.say(f"leases of killed workers put forward, which else end after 10 minutes: {count}")
    return Aftermath(crashed)


def _kill(name: str, stage: Stage, script: Script, *, pause: float) -> set[int]:
    """Kill one process, and wait until it works again, at least for `pause`; return what it had in hand."""
    sends = name in set(Channel)
    if sends:
        wait_until(lambda: bool(stage.database.in_hand(name)), seconds=_PATIENCE)
    killed_at, killed = time.time(), time.monotonic()
    stage.processes.kill(name)
    in_hand = stage.database.in_hand(name) if sends else set()
    script.say(f"{name} killed" + (f", deliveries in its hands: {len(in_hand)}" if sends else ""))
    if name in SIGNS_OF_LIFE:
        works = wait_until(lambda: SIGNS_OF_LIFE[name](stage, killed_at), seconds=_PATIENCE)
        script.check(f"{name} works again {time.monotonic() - killed:.1f} s later", holds=works)
    script.let_pass(pause - (time.monotonic() - killed), f"{name} killed")
    return in_hand


#: What shows that a process works again, after a moment in seconds since the epoch; the others have nothing to show.
SIGNS_OF_LIFE: Final[Mapping[str, Callable[[Stage, float], bool]]] = MappingProxyType(
    {
        "web": lambda stage, _: stage.bells.are_open,
        "intake": lambda stage, since: stage.database.last_received() > since,
        "email": lambda stage, since: stage.database.last_sent(Channel.EMAIL) > since,
        "push": lambda stage, since: stage.database.last_sent(Channel.PUSH) > since,
    }
)


DRILLS: Final[Mapping[str, Drill]] = MappingProxyType(
    {
        "switch": Drill("Kill switch under load", 15, switch),
        "sqs": Drill("SQS gone; the publisher goes by HTTP", 60, sqs, leaves_in_app_alone=True),
        "redis": Drill("Redis gone", 15, redis),
        "postgresql": Drill("PostgreSQL restarted, then gone", 15, postgresql),
        "ses-fcm": Drill("SES, FCM and APNs gone", 25, providers, leaves_in_app_alone=True),
        "kill": Drill("A process of each kind killed", 30, kill),
    }
)
