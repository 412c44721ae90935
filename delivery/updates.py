"""A delivery's content as mail shows it: clean text, absolute links. The border behind which rendering is pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from delivery.models import Delivery

# Beside controls: Unicode's line breaks, and the marks that turn the direction of all that follows them.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WHITE: Final = frozenset("\t\n\r\x0b\x0c\x85\u2028\u2029")


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that happened. All text is on one line; what is not known is empty."""

    type: str
    title: str
    body: str
    actor: str
    resource_type: str
    resource_id: str
    resource_title: str
    url: str  # absolute
    occurred_at: datetime  # aware

    @property
    def resource(self) -> tuple[str, str]:
        """What it is about, to compare by."""
        return self.resource_type, self.resource_id

    @property
    def kind(self) -> str:
        """What kind of thing it is about, in words: "pull request"."""
        return self.resource_type.replace("_", " ")


def read(delivery: Delivery) -> Update:
    """Return what the delivery says."""
    return Update(
        type=delivery.type,
        title=one_line(delivery.title),
        body=one_line(delivery.body),
        actor=one_line(delivery.actor_name),
        resource_type=one_line(delivery.resource_type),
        resource_id=delivery.resource_id,
        resource_title=one_line(delivery.resource_title),
        url=absolute(delivery.resource_url),
        occurred_at=delivery.occurred_at,
    )


def one_line(text: str) -> str:
    """Return the text without control characters, fit for a header and for one line of a mail.

    Character by character, so that a name in a sentence stays the same name.
    """
    return _CONTROLS.sub(lambda control: " " if control[0] in _WHITE else "", text)


def absolute(url: str) -> str:
    """Return where a path or an https address leads from a mail; "" for anything else."""
    if url.startswith("/"):
        return f"{settings.PUBLIC_URL}{url}"
    return url if url.startswith(("https://", "http://")) else ""
