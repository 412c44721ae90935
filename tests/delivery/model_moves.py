"""By whom a delivery may be moved from one state to another (docs/decisions/0007-the-row-is-the-truth.md), as data,
and a log of how each was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db import connection

from delivery.models import State
from preferences.decisions import Reason


class Actor(StrEnum):
    """Who takes a step."""

    PIPELINE = "pipeline"
    WORKER = "worker"
    SWEEPER = "sweeper"
    DIGESTS = "digests"
    FEEDBACK = "feedback"
    READER = "reader"  # marks as read, and as unread
    SUPPORT = "support"  # retries what failed
    ERASURE = "erasure"
    PRUNING = "pruning"
    NOBODY = "nobody"  # whatever else happens: it moves no delivery


GONE: Final = "gone"
NEW: Final = "new"
IN_FLIGHT: Final = frozenset({State.HELD, State.PENDING, State.SENDING})

_WAITS = (State.PENDING, State.SENDING, State.SENT, State.FAILED)

#: From where, to where: by whom.
MOVES: Final[Mapping[tuple[str, str], frozenset[Actor]]] = {
    (NEW, State.HELD): frozenset({Actor.PIPELINE}),
    (NEW, State.PENDING): frozenset({Actor.PIPELINE, Actor.DIGESTS}),
    (State.PENDING, State.SENDING): frozenset({Actor.WORKER}),
    (State.SENDING, State.PENDING): frozenset({Actor.WORKER, Actor.SWEEPER}),
    (State.SENDING, State.HELD): frozenset({Actor.WORKER}),
    (State.SENDING, State.SENT): frozenset({Actor.WORKER}),
    (State.SENDING, State.FAILED): frozenset({Actor.WORKER}),
    (State.SENDING, State.SUPPRESSED): frozenset({Actor.WORKER}),
    # What a digest has gathered shares its end; what is not wanted in it any more is taken out before.
    (State.HELD, State.SENT): frozenset({Actor.WORKER}),
    (State.HELD, State.FAILED): frozenset({Actor.WORKER}),
    (State.HELD, State.SUPPRESSED): frozenset({Actor.WORKER, Actor.DIGESTS, Actor.READER}),
    (State.PENDING, State.SUPPRESSED): frozenset({Actor.READER}),
    (State.SUPPRESSED, State.PENDING): frozenset({Actor.READER}),
    (State.SUPPRESSED, State.HELD): frozenset({Actor.READER}),
    (State.FAILED, State.PENDING): frozenset({Actor.SUPPORT}),
    (State.FAILED, State.HELD): frozenset({Actor.SUPPORT}),  # of a digest that is tried once more
    **{(state, State.DELIVERED): frozenset({Actor.FEEDBACK}) for state in (*_WAITS, State.HELD)},
    **{(state, State.BOUNCED): frozenset({Actor.FEEDBACK}) for state in (*_WAITS, State.HELD, State.DELIVERED)},
    **{(state, GONE): frozenset({Actor.ERASURE}) for state in IN_FLIGHT},
    **{(state, GONE): frozenset({Actor.ERASURE, Actor.PRUNING}) for state in set(State) - IN_FLIGHT},
}


@dataclass(frozen=True, slots=True)
class Move:
    """One change of one row."""

    delivery_id: int
    before: str  # a state, or NEW
    after: str  # a state, or GONE
    attempts_before: int
    attempts_after: int
    reason_before: str
    in_digest: bool  # gathered by one

    def check(self, actor: Actor) -> None:
        """Fail unless the actor may do so."""
        assert actor in MOVES.get((self.before, self.after), ()), f"{actor}: {self}"
        match self.before, self.after:
            case State.SUPPRESSED, _ if self.after != GONE:
                assert self.reason_before == Reason.ALREADY_READ, self
            case State.HELD, State.SENT | State.FAILED | State.DELIVERED | State.BOUNCED:
                assert self.in_digest, self
            case _, State.HELD if actor is Actor.SUPPORT:
                assert self.in_digest, self
        self._check_attempts(actor)

    def _check_attempts(self, actor: Actor) -> None:
        before, after = self.attempts_before, self.attempts_after
        match self.before, self.after:
            case State.PENDING, State.SENDING:
                assert after == before + 1, self
            case (State.SENDING, State.PENDING) if actor is Actor.WORKER:
                assert after in (before, before - 1), self  # which, the worker's answers tell
            case State.FAILED, State.PENDING:
                assert after == 0, self
            case _ if self.before != NEW and self.after != GONE:
                assert after in (before, 0), self


_LOG = """
    CREATE TABLE model.moves (
        id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, delivery_id bigint, before text, after text,
        attempts_before int, attempts_after int, reason_before text, in_digest bool
    );
    CREATE FUNCTION model.note_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO model.moves (delivery_id, before, after, attempts_before, attempts_after, reason_before, in_digest)
        VALUES (COALESCE(NEW.id, OLD.id), COALESCE(OLD.state, 'new'), COALESCE(NEW.state, 'gone'),
                COALESCE(OLD.attempts, 0), COALESCE(NEW.attempts, 0), COALESCE(OLD.reason, ''),
                COALESCE(NEW.digest_id, OLD.digest_id) IS NOT NULL);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_birth AFTER INSERT OR DELETE ON model.deliveries
        FOR EACH ROW EXECUTE FUNCTION model.note_move();
    CREATE TRIGGER note_move AFTER UPDATE ON model.deliveries
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION model.note_move();
"""


def keep_log() -> None:
    """Have every move of a delivery noted, whoever makes it; in the schema of tests/delivery/model_clock.py."""
    with connection.cursor() as cursor:
        cursor.execute(_LOG)


def new_moves() -> Iterator[Move]:
    """Take the moves since the last look off the log, in their order."""
    with connection.cursor() as cursor:
        cursor.execute("""
            WITH taken AS (DELETE FROM model.moves RETURNING *)
            SELECT delivery_id, before, after, attempts_before, attempts_after, reason_before, in_digest
            FROM taken ORDER BY id
        """)
        rows = cursor.fetchall()
    for row in rows:
        yield Move(*row)
