"""Who is in the demo. Their ids follow from their addresses, so that they are the same on every machine."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5


@dataclass(frozen=True, slots=True)
class Character:
    """Someone in the demo; `key` is what comes before @example.com."""

    key: str
    name: str

    @property
    def email(self) -> str:
        return f"{self.key}@example.com"

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE_URL, f"mailto:{self.email}")

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]


class Duty(StrEnum):
    """What someone does in the admin."""

    ADMIN = "admin"  # everything
    SUPPORT = "support"  # answers "why did she get it?"
    PM = "pm"  # raises the rollout percentage


#: Those whom the page can sign in as.
AUDIENCE: Final = (
    Character("alice", "Alice Moreau"),
    Character("bob", "Bob Okafor"),
    Character("charlie", "Charlie Lindqvist"),
)
#: Left alone by the demo: whatever dave has, somebody sent on purpose.
BYSTANDER: Final = Character("dave", "Dave Tanaka")

SARAH: Final = Character("sarah.kim", "Sarah Kim")
MARCUS: Final = Character("marcus.chen", "Marcus Chen")
JORDAN: Final = Character("jordan.lee", "Jordan Lee")
ALEX: Final = Character("alex.rivera", "Alex Rivera")

EVERYBODY: Final = (*AUDIENCE, BYSTANDER, SARAH, MARCUS, JORDAN, ALEX)

STAFF: Final = {
    Duty.ADMIN: Character("admin", "Ada Admin"),
    Duty.SUPPORT: Character("support", "Sam Support"),
    Duty.PM: Character("pm", "Pia PM"),
}


def in_audience(key: str | None) -> Character | None:
    """Return the one whom the page may sign in as `key`, or None."""
    return next((character for character in AUDIENCE if character.key == key), None)
