"""By what a person is found in text, and what stands there once the person is erased (spec §4)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.utils.encoding import punycode

from delivery.rendering import NOBODY
from preferences import user_ids
from preferences.models import User

#: In place of an id or an address.
ERASED: Final = "erased"


@dataclass(frozen=True)
class Traces:
    """What tells of one person wherever it stands."""

    user_id: UUID
    name: str  # "" once nobody is named by it any more
    address: str  # "" when there is none

    @cached_property
    def pattern(self) -> str:
        """Match the id in any of its forms, and the address: in Python and PostgreSQL alike, whatever the case."""
        forms = [f"(?:usr_)?(?:{self.user_id.hex}|{self.user_id})"]
        for address in self.addresses:  # and not a longer one that ends or begins like it
            forms.append(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)")
        return "|".join(forms)

    @cached_property
    def addresses(self) -> Sequence[str]:
        """The address as it is and as SES reports it; none when there is none."""
        local, _, domain = self.address.rpartition("@")
        try:
            reported = f"{local}@{punycode(domain)}"
        except UnicodeError:
            reported = self.address
        return sorted({self.address, reported}) if self.address else []

    def are_in(self, text: str) -> bool:
        """Whether the text has the id or the address."""
        return self._compiled.search(text) is not None

    def blot(self, text: str) -> str:
        """Return the text without id and address."""
        return self._compiled.sub(ERASED, text)

    def is_id(self, text: object) -> bool:
        """Whether the text is the person's id."""
        return user_ids.parse(text) == self.user_id

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)


def of(person: User) -> Traces:
    """Return by what this person is found."""
    return Traces(person.id, person.name, person.email or "")


def unname(text: str, *names: str) -> str:
    """Return the text with nobody called by one of the names."""
    for name in names:
        if name and name in text:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", NOBODY, text)
    return text


# --- Events ----------------------------------------------------------------------------------------------------


def is_actor(event: object, traces: Traces) -> bool:
    """Whether the person did what the CloudEvent tells."""
    actor = _data(event).get("actor")
    return isinstance(actor, dict) and traces.is_id(actor.get("id"))


def has_recipients(event: object) -> bool:
    """Whether the CloudEvent concerns anybody."""
    return bool(_data(event).get("recipients"))


def without(event: object, traces: Traces) -> object:
    """Return the CloudEvent without the person: as recipient, as actor, and in all its text.

    Its id and source stay, by which repeats are told. What was said to nobody else goes with the person.
    """
    if not isinstance(event, dict):
        return _blotted(event, traces, ())
    names = (traces.name,) if is_actor(event, traces) else ()
    cleaned = {
        key: value if key in ("id", "source") else _blotted(value, traces, names) for key, value in event.items()
    }
    if isinstance(event.get("data"), dict):
        cleaned["data"] = _data_without(event["data"], cleaned["data"], traces)
    return cleaned


def _data_without(data: Mapping[str, Any], cleaned: dict[str, Any], traces: Traces) -> dict[str, Any]:
    if is_actor({"data": data}, traces):
        cleaned["actor"] = None
    if isinstance(given := data.get("recipients"), list):
        cleaned["recipients"] = [_blotted(each, traces, ()) for each in given if not traces.is_id(each)]
        if given and not cleaned["recipients"]:
            return {"recipients": []}
    return cleaned


def _blotted(value: Any, traces: Traces, names: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return traces.blot(unname(value, *names))
    if isinstance(value, list):
        return [_blotted(each, traces, names) for each in value]
    if isinstance(value, dict):
        return {traces.blot(key): _blotted(each, traces, names) for key, each in value.items()}
    return value


def _data(event: object) -> Mapping[str, Any]:
    data = event.get("data") if isinstance(event, dict) else None
    return data if isinstance(data, dict) else {}
