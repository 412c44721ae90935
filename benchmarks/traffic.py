"""The events of a benchmark: each has one recipient, and says of itself which one it is."""

import uuid
from dataclasses import dataclass
from functools import cache
from typing import Final

from notifications_producer import Event, Resource

#: The four types of the first release, evenly.
TYPES: Final = ("task_assigned", "comment_added", "status_changed", "mentioned")
#: One user in so many has immediate mails, the others digests (spec §10, the default mix).
MAILS_AT_ONCE_EACH: Final = 5
_NAMESPACE: Final = uuid.UUID("6f1d7c1e-52c2-4c3a-9b0e-0e6f3c0a5a11")
_STRIDE: Final = 7  # from a recipient to the actor, who is somebody else


@dataclass(frozen=True, slots=True)
class Traffic:
    """`count` events under one name, spread evenly over `users` recipients."""

    name: str
    count: int
    users: int

    def event(self, number: int) -> Event:
        """Return the event with this number. Its resource carries its id through to the socket."""
        event_id = f"{self.name}-{number:06d}"
        return Event(
            id=event_id,
            source="/services/tasks",
            type=TYPES[number % len(TYPES)],
            recipients=[user_id(number % self.users)],
            actor=user_id((number + _STRIDE) % self.users),
            resource=Resource(type="task", id=event_id, url=f"/tasks/{event_id}", title="Update pricing page"),
            params={"excerpt": "Looks good to me, one question below.", "from": "Open", "to": "In review"},
        )

    def number(self, event_id: str) -> int | None:
        """Return which event of this traffic that is; None for an event of another one."""
        name, _, number = event_id.rpartition("-")
        return int(number) if name == self.name else None


@cache
def user_id(number: int) -> uuid.UUID:
    """Return the id of the benchmark's user with this number."""
    return uuid.uuid5(_NAMESPACE, str(number))


def has_mails_at_once(user: int) -> bool:
    """Whether the user with this number has immediate mails, in the default mix."""
    return user % MAILS_AT_ONCE_EACH == 0
