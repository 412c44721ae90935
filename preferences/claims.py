"""What a bearer token says, once somebody has vouched for it: its signature, or the Auth Service."""

import math
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a token speaks for, and until when."""

    subject: str
    scope: object  # as the token has it: of any type, or None
    expires_at: datetime  # aware, UTC
    ask_again_at: float = math.inf  # monotonic seconds, when it may have been revoked; never for what is signed
