"""What reads must hold (spec §10), and whether they did. Pure."""

from collections.abc import Sequence
from typing import Final

from benchmarks.musts import Must
from benchmarks.percentiles import Percentiles
from benchmarks.reads.kinds import Kind
from benchmarks.reads.measures import Scene, Shown

_MOST_MS: Final = 25.0  # P95 of a list call
_MOST_RATIO: Final = 1.3  # the last page to page 1
_LEAST_STORED: Final = 0.9  # of the rate; with less, it was not the load that was asked for


def judge(shown: Sequence[Shown]) -> list[Must]:
    """Return all musts. Those of latency are asked where one calls at a time.

    Eight who never pause keep the one process busy: what they wait for is mostly each other.
    """
    alone = [one for one in shown if one.scene.connections == 1]
    return [
        *(_of_list(one) for one in alone),
        *(_of_hoarder(one) for one in alone),
        *(_of_last_page(one) for one in alone),
        *(_of_writes(one) for one in shown if one.scene.writes),
    ]


def ratio(shown: Shown) -> float:
    """Return what the last page takes, by the one of page 1: medians of calls in turn."""
    first, last = (Percentiles.of(shown.in_turn[kind]).p50 for kind in (Kind.FIRST_PAGE, Kind.LAST_PAGE))
    return last / first


def _of_list(shown: Shown) -> Must:
    seconds = [taken for kind, tally in shown.tallies.items() if kind.is_list for taken in tally.seconds]
    return _of_latency(f"list call, P95 < {_MOST_MS:g} ms", shown.scene, seconds)


def _of_hoarder(shown: Shown) -> Must:
    text = f"count of the hoarder, P95 < {_MOST_MS:g} ms"
    return _of_latency(text, shown.scene, shown.tallies[Kind.HOARDER_COUNT].seconds)


def _of_latency(text: str, scene: Scene, seconds: Sequence[float]) -> Must:
    p95 = Percentiles.of(seconds).p95
    return Must(f"{text}: {scene.name}", f"{p95:.1f} ms", holds=p95 < _MOST_MS)


def _of_last_page(shown: Shown) -> Must:
    found = ratio(shown)
    text = f"{Kind.LAST_PAGE} costs at most {_MOST_RATIO} times page 1: {shown.scene.name}"
    return Must(text, f"{found:.2f} times", holds=found <= _MOST_RATIO)


def _of_writes(shown: Shown) -> Must:
    stored, wanted = shown.stored_per_second, shown.scene.writes
    text = f"the events were stored: {shown.scene.name}"
    return Must(text, f"{stored:,.0f}/s", holds=stored >= _LEAST_STORED * wanted)
