"""What the page can take down: the providers and SQS, as their simulators let anybody do, and the kill switch."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import httpx

from devstack.demo import kill_switch
from devstack.demo.journals import Away, fetch

_CONTROLS: Final = "/_faults"
_TIMEOUT_SECONDS: Final = 2.0


class Fault(StrEnum):
    """What can be on."""

    SES = "ses"
    FCM = "fcm"
    APNS = "apns"
    SQS = "sqs"
    KILL_SWITCH = "kill_switch"


class FaultState(StrEnum):
    """How it stands."""

    ON = "on"
    OFF = "off"
    AWAY = "away"  # its server does not answer at all


@dataclass(frozen=True, slots=True)
class Switch:
    """How the page shows it. `effect` says what one sees while it is on."""

    fault: Fault
    label: str
    told: str
    effect: str


@dataclass(frozen=True, slots=True)
class _Simulator:
    """Where the controls are, as a variable of the stack, and what has every call fail."""

    variable: str
    order: Mapping[str, Any]

    @property
    def controls(self) -> str:
        return f"{os.environ[self.variable]}{_CONTROLS}"


SWITCHES: Final = (
    Switch(Fault.SES, "SES down", "SES is down", "Mail waits and is tried again. Bells and phones go on."),
    Switch(Fault.FCM, "FCM down", "FCM is down", "Pushes to Android wait and are tried again. All else goes on."),
    Switch(Fault.APNS, "APNs down", "APNs is down", "Pushes to iPhones wait and are tried again. All else goes on."),
    Switch(
        Fault.SQS,
        "SQS down",
        "SQS is down",
        "Producers publish by HTTP, and bells go on. Mail and push wait for their workers, whom SQS calls.",
    ),
    Switch(
        Fault.KILL_SWITCH,
        "Kill switch",
        "The kill switch is on",
        "Nothing comes in or goes out, and every bell is hidden. Nothing is lost.",
    ),
)
_SIMULATORS: Final[Mapping[Fault, _Simulator]] = {
    Fault.SES: _Simulator("SES_ENDPOINT_URL", {"kind": "error"}),
    Fault.FCM: _Simulator("FCM_SIMULATOR_URL", {"kind": "error"}),
    Fault.APNS: _Simulator("APNS_SIMULATOR_URL", {"kind": "error"}),
    Fault.SQS: _Simulator("SQS_ENDPOINT_URL", {"refused": 1.0}),
}


def states() -> dict[Fault, FaultState]:
    """Ask each how it stands: whatever took it down, this page or another program."""
    return {fault: _state(fault) for fault in Fault}


def turn(fault: Fault, *, on: bool) -> None:
    """Take it down, or heal it. Raises Away."""
    if fault is Fault.KILL_SWITCH:
        kill_switch.turn(on=on)
        return
    simulator = _SIMULATORS[fault]
    method, order = ("PUT", simulator.order) if on else ("DELETE", None)
    try:
        httpx.request(method, simulator.controls, json=order, timeout=_TIMEOUT_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise Away(fault) from error


def switches() -> list[dict[str, str]]:
    """Return the switches as JSON, each with its state."""
    now = states()
    return [{**asdict(switch), "state": now[switch.fault]} for switch in SWITCHES]


def _state(fault: Fault) -> FaultState:
    if fault is Fault.KILL_SWITCH:
        is_on = kill_switch.is_on()
    else:
        try:
            is_on = any(map(_is_left, fetch(_SIMULATORS[fault].controls)))
        except Away:
            return FaultState.AWAY
    return FaultState.ON if is_on else FaultState.OFF


def _is_left(planned: Mapping[str, Any]) -> bool:
    """Whether a fault has more calls to hit; those of SQS have no end."""
    count = planned.get("count")
    return count is None or planned["hits"] < count
