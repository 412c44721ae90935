"""People with everything that a decision about them depends on, as it is now."""

from collections.abc import Collection, Mapping
from uuid import UUID

from delivery import suppressions
from preferences import people, rollout
from preferences.decisions import Recipient


def load(user_ids: Collection[UUID]) -> Mapping[UUID, Recipient]:
    """Return those of the users who exist, by id."""
    return people.load_recipients(user_ids, rollout.current(), suppressed=suppressions.of(user_ids))
