"""How much of what, and when each event is due. Pure."""

from dataclasses import dataclass

from benchmarks.load.mix import ROUND_OF_USERS, Mix
from benchmarks.publisher import Order
from benchmarks.traffic import Traffic

NAME = "load"


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` events a second for `warm_up` and then `seconds` seconds; only what is due in the latter has latencies.

    Every event is accounted for, also those of the warm-up.
    """

    mix: Mix
    rate: float
    seconds: float
    warm_up: float = 10.0
    users: int = 1_000

    def __post_init__(self) -> None:
        if self.users < 1 or self.users % ROUND_OF_USERS:
            raise ValueError(f"the mix is even only with a multiple of {ROUND_OF_USERS} users")
        if self.rate <= 0 or self.seconds <= 0:
            raise ValueError("rate and seconds must be more than 0")

    @property
    def count(self) -> int:
        """How many events there are; whole calls of the producer, so that none waits for company at the end."""
        together = self.mix.way.events_per_call
        return -(-round(self.rate * (self.warm_up + self.seconds)) // together) * together

    @property
    def first_steady(self) -> int:
        """The number of the first event behind the warm-up."""
        return round(self.rate * self.warm_up)

    def order(self, *, start_at: float) -> Order:
        """Return what the producer is to do, from `start_at` (monotonic) on."""
        return Order(Traffic(NAME, self.count, self.users), self.mix.way, rate=self.rate, start_at=start_at)
