"""How late each stage was: from the moment an event was due, and from the stage before. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.load.evidence import Evidence
from benchmarks.load.plan import Plan
from benchmarks.load.sheet import Moments, Sheet
from benchmarks.percentiles import Percentiles

#: The way to the bell; mails and pushes leave it behind `stored`.
_BEFORE: Mapping[str, str] = {
    "published": "due",
    "received": "published",
    "stored": "received",
    "rung": "stored",
    "socket": "rung",
    "mail": "stored",
    "push": "stored",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Latencies of the events that were due behind the warm-up and reached the stage."""

    name: str
    events: int
    since_due: Percentiles
    before: str  # the stage before
    since_before: Percentiles  # below 0 where an event overtook the answer to its producer


@dataclass(frozen=True, slots=True)
class Second:
    """Event to socket, of the events due in one second: its number since the first event, and milliseconds."""

    at: int
    latency: Percentiles


def columns(plan: Plan, sheet: Sheet, evidence: Evidence, *, start_at: float) -> dict[str, Moments]:
    """Return the moments of every stage by its name, `due` first."""
    return {
        "due": start_at + np.arange(plan.count) / plan.rate,
        "called": sheet.called,
        "published": sheet.published,
        "received": evidence.received,
        "stored": evidence.stored,
        "rung": sheet.rung,
        "socket": sheet.heard,
        "mail": evidence.mailed,
        "push": evidence.pushed,
    }


def measure(plan: Plan, moments: Mapping[str, Moments]) -> list[Stage]:
    """Return the percentiles of every stage that any event reached."""
    steady = {name: column[plan.first_steady :] for name, column in moments.items()}
    stages = []
    for name, before in _BEFORE.items():
        since_due = _differences(steady["due"], steady[name])
        if since_due:
            since_before = Percentiles.of(_differences(steady[before], steady[name]))
            stages.append(Stage(name, len(since_due), Percentiles.of(since_due), before, since_before))
    return stages


def by_second(plan: Plan, moments: Mapping[str, Moments]) -> list[Second]:
    """Return event to socket over time, warm-up included."""
    seconds = ((moments["due"] - moments["due"][0]) // 1).astype(np.int64)
    borders = np.searchsorted(seconds, np.arange(seconds[-1] + 2))
    found = []
    for second, (first, end) in enumerate(pairwise(borders)):
        late = _differences(moments["due"][first:end], moments["socket"][first:end])
        found.append(Second(second, Percentiles.of(late)))
    return found


def lag(plan: Plan, called: Moments, due: Moments) -> Percentiles:
    """Return how long after it was due each call of the producer began; a call is due with its last event."""
    together = plan.mix.way.events_per_call
    return Percentiles.of(_differences(due[together - 1 :: together], called[together - 1 :: together]))


def _differences(earlier: Moments, later: Moments) -> Sequence[float]:
    difference = later - earlier
    known: list[float] = difference[~np.isnan(difference)].tolist()
    return known
