"""How sending fails. A transport translates whatever its provider says into one of these (spec §6 "All outbound")."""

from datetime import datetime, timedelta
from typing import Final

#: Of a code. Providers' own have half of it; but what answers may be something between us and them.
LONGEST_CODE: Final = 100


class SendFailure(Exception):
    """One delivery was not taken; `code` is the provider's own word for why."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = storable(code, LONGEST_CODE)


def storable(text: str, length: int) -> str:
    """Return a provider's word without what PostgreSQL cannot write, in at most `length` letters."""
    return text.replace("\0", "").encode(errors="replace").decode()[:length]


class PermanentFailure(SendFailure):
    """Trying again would end the same way: it is never retried."""


class DeadToken(PermanentFailure):
    """The provider's own word that this device is gone; `since` (aware) when it says since when."""

    def __init__(self, code: str, *, since: datetime | None = None) -> None:
        super().__init__(code)
        self.since = since


class TransientFailure(SendFailure):
    """Trying again may help; not before `retry_after`, when the provider named a time."""

    def __init__(self, code: str, detail: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Throttled(TransientFailure):
    """The provider wants fewer of us: the lane slows down, and no attempt is used up."""


class ProviderDown(TransientFailure):
    """No answer, or the provider's own failure: enough of these open the circuit, and no attempt is used up."""
