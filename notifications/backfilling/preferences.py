"""Preferences: those of another system for people who have chosen nothing here, and ours in the form of today."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson
from django.db import transaction

from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.batches import Became, Entry, InvalidLine, Loader, Tally
from notifications.models import Backfill, Rejection
from preferences import choices, choices_in_bulk, people
from preferences.catalog import TYPES
from preferences.choices import Choices, InvalidChoices
from preferences.choices_in_bulk import Rewritten
from preferences.decisions import Reason

#: Someone's own choices, which no file replaces.
HAS_CHOSEN: Final = "has_chosen"


# --- From a file ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """One line: what somebody chose elsewhere."""

    user: str  # address, usr_… or UUID
    choices: Choices


class PreferenceLoader(Loader[Chosen]):
    """Reads {"user": …, "preferences": the body of PUT /api/v1/notifications/preferences}."""

    kind = Backfill.Kind.PREFERENCES

    def read(self, text: str, *, number: int) -> Chosen:
        """Read one person's choices by the rules of the API."""
        try:
            line = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidLine(Rejection.NOT_JSON, str(error)) from None
        if not isinstance(line, dict) or line.keys() != {"user", "preferences"} or not isinstance(line["user"], str):
            raise InvalidLine(Rejection.WRONG_SHAPE, 'must be {"user": "…", "preferences": {…}}')
        try:
            return Chosen(line["user"], choices.from_request(line["preferences"]))
        except InvalidChoices as error:
            raise InvalidLine(Rejection.WRONG_SHAPE, str(error)) from None

    def store(self, entries: Sequence[Entry[Chosen]], *, run_id: int) -> Tally:
        """Store the choices of those who have none."""
        return _choose(entries, choices_in_bulk.store_first)

    def rehearse(self, entries: Sequence[Entry[Chosen]]) -> Tally:
        """Count those who have none."""
        return _choose(entries, lambda chosen: choices_in_bulk.undecided(list(chosen)))


def _choose(entries: Sequence[Entry[Chosen]], put: Callable[[Mapping[UUID, Choices]], set[UUID]]) -> Tally:
    users = people.find_many({entry.value.user for entry in entries})
    known = [entry.value for entry in entries if entry.value.user in users]
    first: dict[UUID, Choices] = {}
    for each in known:
        first.setdefault(users[each.user].id, each.choices)
    stored = len(put(first))
    counts = {Became.STORED: stored, HAS_CHOSEN: len(known) - stored, Reason.UNKNOWN_USER: len(entries) - len(known)}
    return Tally(+Counter(counts))


# --- In the form of today ------------------------------------------------------------------------------------

#: A run over the users has no file. Its `position` is the last user's id without the last 65 bits, to fit a bigint.
_CUT_OFF: Final = 65


def find_rewriting() -> Backfill:
    """Return the run under the catalogue as it is: another catalogue is another run."""
    catalogue = [[type_.name, sorted(type_.channels), sorted(type_.locked)] for type_ in TYPES]
    digest = hashlib.sha256(orjson.dumps(catalogue)).digest()
    return backfill_runs.find(Backfill.Kind.PREFERENCES, digest=digest, name="users")


def rewrite(run: Backfill, *, batch_size: int) -> Iterator[Rewritten]:
    """Write what users have chosen in the form of today where it differs, yielding after each commit.

    Goes on where the run was killed; a finished one starts over, for what was stored since.
    """
    if run.finished_at:
        backfill_runs.start_over(run)
    # The cut-off bits may belong to several users, who are then looked at once more.
    last = UUID(int=(run.position << _CUT_OFF) - 1) if run.position else None
    while (some := _rewrite_some(run, last, batch_size)).last:
        yield some
        last = some.last
    backfill_runs.finish(run)


def _rewrite_some(run: Backfill, after: UUID | None, batch_size: int) -> Rewritten:
    with transaction.atomic():
        some = choices_in_bulk.rewrite_after(after, batch_size)
        if some.last:
            counts = Counter(run.counts) if run.lines else Counter()
            counts += Counter(rewritten=some.rewritten, as_it_should_be=some.users - some.rewritten)
            position = some.last.int >> _CUT_OFF
            backfill_runs.advance(run, position=position, lines=run.lines + some.users, counts=counts)
    return some


def rehearse_rewriting(*, batch_size: int) -> Iterator[Rewritten]:
    """Return what `rewrite` would do, and do nothing."""
    last = None
    while some := list(choices_in_bulk.stored_after(last, batch_size)):
        last = some[-1][0]
        yield Rewritten(last, users=len(some), rewritten=len(choices_in_bulk.differing(some)))
