"""The three calls that measure what telemetry/metric_catalog.py names: `count`, `gauge`, `distribution` (spec §7).

A metric has the tags of the catalogue and no others. A tag's value goes out only if its tag lists it, and as `unknown`
if not; so no id, name or address can leave this way, and the number of series stays small. Without
settings.DOGSTATSD_HOST nothing is measured and every call returns at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

from telemetry import statsd
from telemetry.metric_catalog import MEANINGS, Kind, Metric, Place, Queue, Stage, Tag

#: Values of one line. Longer lines would not fit a datagram of 1,432 bytes, with the name and all tags.
_PACKED: Final = 100
UNKNOWN: Final = "unknown"

#: What each tag may say. Tags whose values the catalogue lists are full; the rest is for `allow`.
_ALLOWED: Final[dict[Tag, frozenset[str]]] = {
    **dict.fromkeys(Tag, frozenset()),
    Tag.STAGE: frozenset(Stage),
    Tag.QUEUE: frozenset(Queue),
    Tag.WHERE: frozenset(Place),
}


def allow(tag: Tag, values: Iterable[str]) -> None:
    """Let a tag say these values too: the members of an enumeration, names of the catalogue; never anybody's data."""
    _ALLOWED[tag] |= frozenset(map(str, values))
    _labels.cache_clear()


def allowed(tag: Tag) -> frozenset[str]:
    """Return what the tag may say."""
    return _ALLOWED[tag]


def are_on() -> bool:
    """Whether anybody listens; asked before a figure is computed that nothing else needs."""
    return statsd.client() is not None


def count(metric: Metric, number: int = 1, **tags: str) -> None:
    """Add to a count; the tags are the metric's own, by name."""
    if client := statsd.client():
        client.count(metric, number, tags=_labels(metric, Kind.COUNT, tuple(tags.items())))


def gauge(metric: Metric, value: float, **tags: str) -> None:
    """Say how much there is just now."""
    if client := statsd.client():
        client.gauge(metric, value, tags=_labels(metric, Kind.GAUGE, tuple(tags.items())))


def distribution(metric: Metric, values: Sequence[float], **tags: str) -> None:
    """Add values, with three decimals: milliseconds, of seconds. Many at once cost a quarter of a microsecond each."""
    if client := statsd.client():
        labels = _labels(metric, Kind.DISTRIBUTION, tuple(tags.items()))
        for packed in _pack(values):
            client.distribution(metric, packed, tags=labels)  # type: ignore[arg-type]  # it writes what it is given


def _pack(values: Sequence[float]) -> Iterator[str]:
    """Write values side by side, as agents read them since version 7.25 (DogStatsD protocol 1.1)."""
    remaining = iter(values)
    while some := tuple(islice(remaining, _PACKED)):
        yield (("%.3f:" * len(some)) % some)[:-1]


@lru_cache(maxsize=4096)
def _labels(metric: Metric, kind: Kind, tags: tuple[tuple[str, str], ...]) -> list[str]:
    """Return the tags as the wire has them. Raises ValueError for what is not the metric's kind, or not its tags."""
    meaning = MEANINGS[metric]
    if kind is not meaning.kind or {name for name, _ in tags} != set(meaning.tags):
        raise ValueError(f"{metric} is a {meaning.kind} with the tags {', '.join(meaning.tags) or 'none'}")
    return [f"{name}:{value if value in _ALLOWED[Tag(name)] else UNKNOWN}" for name, value in tags]
