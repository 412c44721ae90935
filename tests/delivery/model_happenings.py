"""What happens now and then: operators, support, accounts that end, infrastructure that fails."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from delivery import retries, suppressions
from delivery.models import Delivery, State, SuppressedAddress
from notifications.upkeep import erasure, retention
from preferences.models import User
from tests.delivery.model_moves import Actor
from tests.delivery.model_people import Someone
from tests.delivery.model_world import World


@dataclass(frozen=True)
class Occasion:
    """To what or whom it happens, and which way."""

    which: int
    person: Someone
    is_on: bool


def _retry(world: World, _: Occasion) -> None:
    """Support has everything tried again that failed."""
    with world.step(Actor.SUPPORT):
        retries.retry(Delivery.objects.filter(state=State.FAILED))


def _turn_switch(world: World, occasion: Occasion) -> None:
    world.turn_switch(on=occasion.is_on)


def _turn_flag(world: World, occasion: Occasion) -> None:
    world.turn_flag(on=occasion.is_on)


def _turn_sqs(world: World, occasion: Occasion) -> None:
    """SQS takes no calls, or takes them again."""
    world.is_sqs_away = occasion.is_on


def _lose_redis(world: World, _: Occasion) -> None:
    """Redis forgets what it knew of the lanes."""
    world.clock.forget()


def _lose_call(world: World, occasion: Occasion) -> None:
    """A task is lost on its way."""
    if world.calls:
        del world.calls[occasion.which % len(world.calls)]


def _stop(world: World, occasion: Occasion) -> None:
    """A worker is asked to stop."""
    if world.workers:
        world.workers[occasion.which % len(world.workers)].is_stopping = True


def _suppress(world: World, occasion: Occasion) -> None:
    """Support stops all mail to an address, or lets it go again."""
    address = occasion.person.email
    with world.step(Actor.NOBODY):
        if occasion.is_on:
            suppressions.add(address, SuppressedAddress.Cause.MANUAL)
        else:
            SuppressedAddress.objects.filter(address_hash=suppressions.address_hash(address)).delete()
    occasion.person.is_suppressed = occasion.is_on


def _close(world: World, occasion: Occasion) -> None:
    """An account is closed, or opened again."""
    with world.step(Actor.NOBODY):
        User.objects.filter(id=occasion.person.id).update(is_active=not occasion.is_on)
    occasion.person.is_active = not occasion.is_on


def _erase(world: World, occasion: Occasion) -> None:
    """An account is erased."""
    user = User.objects.filter(id=occasion.person.id).first()
    if user is not None:
        with world.step(Actor.ERASURE):
            list(erasure.erase(user))
        occasion.person.is_erased = True
        occasion.person.tokens.clear()


def _prune(world: World, occasion: Occasion) -> None:
    """What is old goes."""
    world.let_pass(timedelta(days=100 if occasion.is_on else 8))
    with world.step(Actor.PRUNING):
        list(retention.prune())


HAPPENINGS: Final[Mapping[str, Callable[[World, Occasion], None]]] = {
    happening.__name__.strip("_"): happening
    for happening in (
        _retry, _turn_switch, _turn_flag, _turn_sqs, _lose_redis, _lose_call, _stop,
        _suppress, _close, _erase, _prune,
    )
}  # fmt: skip
