"""Changes to what somebody chose, as PATCH /api/v1/notifications/preferences brings them (spec §2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from preferences import choices


@dataclass(frozen=True, slots=True)
class ChoiceChanges:
    """What to change, in the form of the column: channels by type, and settings, of which None is the default."""

    types: Mapping[str, Mapping[str, bool]]
    settings: Mapping[str, str | None]

    @classmethod
    def from_request(cls, body: object) -> Self:
        """Read the body, which has the shape of PUT's. Raises InvalidChoices."""
        written = choices.to_stored(choices.from_request(body))
        named = cast(Mapping[str, Any], body).keys() - {"preferences"}
        return cls(
            types={type_: channels for type_, channels in written["preferences"].items() if channels},
            settings={key: written.get(key) for key in named},
        )

    def apply(self, stored: object) -> dict[str, Any]:
        """Return the column's new value.

        What this release does not know stays as it is: during a deployment another one may, and has stored it.
        """
        changed = _object(stored)
        if self.types:
            types = _object(changed.get("preferences"))
            changes = {type_: {**_object(types.get(type_)), **channels} for type_, channels in self.types.items()}
            changed["preferences"] = {**types, **changes}
        changed.update(self.settings)
        return {key: value for key, value in changed.items() if value is not None}


def _object(stored: object) -> dict[str, Any]:
    return dict(stored) if isinstance(stored, Mapping) else {}
