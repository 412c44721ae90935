"""The curves that need nothing but the intake: size of a batch, recipients of an event, rows in the tables."""

from dataclasses import replace
from typing import Final

from benchmarks.growth.bench import Bench, Consumer
from benchmarks.growth.drain import Drain, Point
from benchmarks.growth.scale import Curve
from benchmarks.publisher import Way
from benchmarks.traffic import user_id
from notifications_producer import Event

_EVENTS_PER_BATCH_SIZE: Final = 500  # at least so many batches, where batches are small


def batch_sizes(bench: Bench) -> list[Point]:
    """One event a message; the rounds take the sizes in turn, each with an intake of its own."""
    bench.tables.empty()
    drains: dict[int, list[Drain]] = {size: [] for size in bench.scale.batch_sizes}
    for number in range(1, bench.scale.rounds + 1):
        for size, taken in drains.items():
            with bench.intake(INTAKE_BATCH_MESSAGES=str(size)) as intake:
                traffic = bench.traffic(min(bench.scale.events, _EVENTS_PER_BATCH_SIZE * size))
                taken.append(bench.drain(intake, traffic, Way.IN_TENS))
            bench.tell(f"round {number}, batches of {size:,} messages: {taken[-1].per_second:,.0f} events/s")
    return [Point(Curve.BATCH_SIZE, size, taken) for size, taken in drains.items()]


def recipients(bench: Bench) -> list[Point]:
    """One event at a time to an idle intake, which is a new one for each size: what it was given, it keeps."""
    bench.tables.empty()
    points = []
    for count in bench.scale.recipients:
        with bench.intake() as intake:
            drains = [bench.watch(intake, _event_for(bench, count)) for _ in range(bench.scale.rounds)]
        points.append(Point(Curve.RECIPIENTS, count, drains))
        bench.tell(f"an event with {count:,} recipients: {points[-1].seconds:.2f} s to the last row")
    return points


def table_sizes(bench: Bench) -> list[Point]:
    """Ten events a message, to everybody in turn, while the tables hold more and more; half of them leave a mail."""
    bench.tables.empty()
    bench.tables.hold_mails()
    points, filled = [], 0
    with bench.intake() as intake:
        for rows in bench.scale.table_rows:
            _fill(bench, filled, rows)
            filled = rows
            drains = [_drain_packed(bench, intake) for _ in range(bench.scale.rounds)]
            points.append(Point(Curve.TABLE_SIZE, rows, drains))
            bench.tell(f"{rows:,} rows in each table: {points[-1].per_second:,.0f} events/s")
    bench.tables.want_no_mails()
    bench.tables.empty()
    return points


def _fill(bench: Bench, first: int, rows: int) -> None:
    bench.tables.fill(
        first, rows, users=bench.scale.people, tell=lambda reached: bench.tell(f"filling the tables: {reached:,} rows")
    )
    bench.tables.settle()


def _drain_packed(bench: Bench, intake: Consumer) -> Drain:
    return bench.drain(intake, bench.traffic(bench.scale.packed_events), Way.PACKED_IN_TENS)


def _event_for(bench: Bench, count: int) -> Event:
    """Return a new event for the first `count` people, by somebody who is none of them."""
    return replace(
        bench.traffic(1).event(0),
        recipients=[user_id(number) for number in range(count)],
        actor=user_id(bench.scale.people),
    )
