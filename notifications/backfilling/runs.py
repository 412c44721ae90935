"""Runs of backfills: one row of `backfills` each, which moves on in the transaction of what it counts (spec §8)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

from django.db import connection
from django.utils import timezone

from notifications.models import Backfill

_NAME_LENGTH: Final = 255  # backfills.file_name


class UnderWay(Exception):
    """Another process has this run in hand."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Run {run_id} is under way in another process.")


class UnknownRun(Exception):
    """No run that could be undone has this number."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"There is no backfill of notifications with the number {run_id}.")


def find(kind: Backfill.Kind, *, digest: bytes, name: str) -> Backfill:
    """Return the run over what has this digest, a new one unless there is one that was not undone."""
    run, _ = Backfill.objects.get_or_create(
        kind=kind, file_digest=digest, undone_at=None, defaults={"file_name": PurePath(name).name[-_NAME_LENGTH:]}
    )
    return run


def undoable(run_id: int) -> Backfill:
    """Return the run with this number. Raises UnknownRun; push tokens and preferences have no way back."""
    run = Backfill.objects.filter(id=run_id, kind=Backfill.Kind.NOTIFICATIONS).first()
    if run is None:
        raise UnknownRun(run_id)
    return run


@contextmanager
def in_hand(run: Backfill) -> Iterator[None]:
    """Keep other processes off the run, and read it anew. Raises UnderWay.

    The lock is the connection's: it goes with this process, however that ends.
    """
    key = f"backfill {run.id}"
    if not _ask("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key):
        raise UnderWay(run.id)
    try:
        run.refresh_from_db()
        yield
    finally:
        if connection.is_usable():
            _ask("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)


def advance(run: Backfill, *, position: int, lines: int, counts: Mapping[str, int]) -> None:
    """Note how far the run has come, in the caller's transaction.

    Raises UnderWay when it has moved meanwhile: a lock that was lost with its connection does no harm.
    """
    here = Backfill.objects.filter(id=run.id, position=run.position, lines=run.lines, finished_at=None)
    if not here.update(position=position, lines=lines, counts=dict(counts)):
        raise UnderWay(run.id)
    run.position, run.lines, run.counts = position, lines, dict(counts)


def finish(run: Backfill) -> None:
    """Note that nothing is left to do."""
    run.finished_at = timezone.now()
    run.save(update_fields=["finished_at"])


def start_over(run: Backfill) -> None:
    """Note that nothing is done: whoever gives the file again begins at its first line."""
    run.position, run.lines, run.finished_at = 0, 0, None
    run.save(update_fields=["position", "lines", "finished_at"])


def close_undone(run: Backfill) -> None:
    """Note that nothing of it is left; its file may be loaded anew, as another run."""
    run.undone_at = timezone.now()
    run.save(update_fields=["undone_at"])


def _ask(question: str, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, [key])
        (answer,) = cursor.fetchone()
    return bool(answer)
