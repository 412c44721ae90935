"""Room for many sockets: each is an open file."""

import resource
from typing import Final

_BESIDE: Final = 1_000  # that a process has open beside its sockets


def allow(sockets: int) -> None:
    """Let this process and those that it starts hold so many sockets each. Raises ValueError where that is too many."""
    wanted = sockets + _BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        is_enough = hard == resource.RLIM_INFINITY or hard >= wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard if is_enough else wanted))
