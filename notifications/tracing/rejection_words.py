"""Why an event was rejected, in words that fit behind "because" and go to people who never see its body."""

from collections.abc import Mapping
from typing import Final

from notifications.models import RejectedEvent, Rejection

#: `{detail}` is what is wrong and where. It is left out where it only repeats the reason, and where it is an error's
#: own text, which may quote what the event says.
WORDS: Final[Mapping[Rejection, str]] = {
    Rejection.NOT_JSON: "it is no JSON ({detail})",
    Rejection.WRONG_SHAPE: "it has not the form that was agreed ({detail})",
    Rejection.UNKNOWN_TYPE: "{detail}",
    Rejection.TOO_MANY_RECIPIENTS: "it names more than 10,000 recipients",
    Rejection.TOO_LARGE: "it is larger than 1 MiB",
    Rejection.BAD_URL: "{detail}",
    Rejection.FORBIDDEN_SOURCE: "the service that sent it may not publish under this source",
    Rejection.ID_COLLISION: "another notification has the id that one of its own would have",
    Rejection.INTERNAL_ERROR: "it made our own software fail",
}


def why(rejected: RejectedEvent) -> str:
    """Say why it was rejected."""
    return WORDS[Rejection(rejected.reason)].format(detail=rejected.detail)
