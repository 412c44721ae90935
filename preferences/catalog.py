"""The notification types of the product: one entry each, pure data.

Adding a type is one entry here and one folder `templates/notifications/<name>/` (docs/adding-a-type.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Channel(StrEnum):
    """What a user chooses; what carries it there is a transport."""

    IN_APP = "in_app"  # a row in the inbox and a push to every open bell
    EMAIL = "email"  # at once or gathered into a digest
    PUSH = "push"  # to every device that the user registered


#: How old an event may be before a channel leaves it out as stale. The inbox is a record and has no such age.
DEFAULT_MAX_AGE: Mapping[Channel, timedelta] = {
    Channel.EMAIL: timedelta(hours=4),
    Channel.PUSH: timedelta(minutes=15),
}


@dataclass(frozen=True, slots=True)
class NotificationType:
    """One kind of event, with what users get when they chose nothing."""

    name: str
    label: str
    channels: frozenset[Channel]  # on by default
    locked: frozenset[Channel] = frozenset()  # users cannot change these
    max_age: Mapping[Channel, timedelta] = field(default_factory=lambda: DEFAULT_MAX_AGE)
    notifies_actor: bool = False  # whether people hear of what they did themselves

    def default(self, channel: Channel) -> bool:
        """Whether users who chose nothing get this type on `channel`."""
        return channel in self.channels


_EVERYWHERE = frozenset(Channel)

#: Defaults are the seed's example body of PUT /api/v1/notifications/preferences.
TYPES: tuple[NotificationType, ...] = (
    NotificationType("task_assigned", "Task assigned to you", _EVERYWHERE),
    NotificationType("comment_added", "Comment added", frozenset({Channel.IN_APP})),
    NotificationType("status_changed", "Status changed", frozenset({Channel.IN_APP, Channel.PUSH})),
    NotificationType("mentioned", "You were mentioned", _EVERYWHERE),
)

CATALOG: Mapping[str, NotificationType] = {type_.name: type_ for type_ in TYPES}


def label_of(type_name: str) -> str:
    """Return what the type is called; one that the catalogue does not have, by its name."""
    return CATALOG[type_name].label if type_name in CATALOG else type_name
