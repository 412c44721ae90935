"""What workers had in hand when something took it from them: whose lease nobody will end but the clock."""

import contextlib
import time
from typing import Final

import psycopg

from devstack.waiting import wait_until
from drills.database import Database
from preferences.catalog import Channel

_LET_GO: Final = 30.0  # seconds until whoever has something in hand has let it go
_SENDERS: Final = (Channel.EMAIL, Channel.PUSH)


class Claims:
    """The claims of killed workers. PostgreSQL may be away when one is killed, so they are looked up when it is back.

    One worker sends on each channel: what was claimed before it was killed, and is still claimed, was its own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unseen: list[tuple[Channel, float]] = []  # workers killed, and when; what they had is not known yet
        self.crashed: set[int] = set()  # deliveries that a killed worker may have sent

    def are_held(self, channel: Channel) -> bool:
        """Whether the channel's worker has anything in hand just now; PostgreSQL may be away."""
        with contextlib.suppress(psycopg.Error):
            return bool(self._database.in_hand(channel))
        return False

    def note_kill(self, channel: Channel) -> None:
        """Note that the channel's worker has just been killed."""
        self._unseen.append((channel, time.time()))

    def look_up(self) -> bool:
        """Learn what killed workers had in hand, and put its leases forward; False while PostgreSQL is away."""
        try:
            while self._unseen:
                channel, killed_at = self._unseen[0]
                in_hand = self._database.claimed_before(killed_at, channel)
                self.crashed |= in_hand
                self._database.end_leases(in_hand)
                self._unseen.pop(0)
        except psycopg.Error:
            return False
        return True

    def end_lost_ones(self) -> int:
        """Put the leases forward of what nobody has in hand; return how many deliveries that were.

        PostgreSQL took the claim and went before it could say so. None of these was sent, so none may be sent twice:
        they are not among the `crashed`.
        """
        now = time.time()
        wait_until(lambda: not self._claimed_before(now), seconds=_LET_GO)
        return self._database.end_leases(self._claimed_before(now))

    def _claimed_before(self, moment: float) -> set[int]:
        return {id_ for channel in _SENDERS for id_ in self._database.claimed_before(moment, channel)}
