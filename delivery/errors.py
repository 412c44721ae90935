"""How sending fails. A transport turns whatever its provider says into one of these (spec §6 "All outbound").

    SendFailure
    ├── PermanentFailure    never tried again
    │   └── DeadToken       and the device is forgotten
    └── TransientFailure    tried again later, until the attempts of its channel are used up
        ├── Throttled       costs no attempt; the lane slows down
        └── ProviderDown    costs no attempt; some of them in a row close the lane

What follows from each is up to delivery/outcomes.py (the delivery) and delivery/gates.py (the lane).
"""

from datetime import datetime, timedelta
from typing import Final

#: Characters of a code that are kept: twice a provider's own. A proxy between us may answer with anything.
LONGEST_CODE: Final = 100


def storable(text: str, length: int) -> str:
    """Return a provider's word without what PostgreSQL cannot write, in at most `length` characters."""
    return text.replace("\0", "").encode(errors="replace").decode()[:length]


class SendFailure(Exception):
    """One delivery was not taken. `code` says why, in the provider's own word, and goes on record.

    There is no room for the provider's sentence: it may quote an address or a token.
    """

    def __init__(self, code: str) -> None:
        self.code = storable(code, LONGEST_CODE)
        super().__init__(self.code)


class PermanentFailure(SendFailure):
    """Trying again would end the same way."""


class DeadToken(PermanentFailure):
    """The provider's own word that this device is gone; `since` (aware) when it says since when."""

    def __init__(self, code: str, *, since: datetime | None = None) -> None:
        super().__init__(code)
        self.since = since


class TransientFailure(SendFailure):
    """Trying again may help; not before `retry_after`, when the provider named a time."""

    def __init__(self, code: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class Throttled(TransientFailure):
    """The provider takes less than we send."""


class ProviderDown(TransientFailure):
    """The provider did not answer, failed by itself, or does not let us in: any other delivery would fare the same."""
