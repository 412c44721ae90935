from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from notifications.upkeep import erasure
from notifications.upkeep.batch_command import BatchCommand, person_named
from notifications.upkeep.erasure import InOffice, Overtaken
from notifications.upkeep.steps import Step
from preferences import user_ids
from preferences.models import User


class Command(BatchCommand):
    help = "Remove a person everywhere, for good. A run that was stopped is run again. See docs/erasure.md."
    batch_size = erasure.BATCH

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("who", metavar="WHO", help="address, usr_… or UUID")
        parser.add_argument("--no-input", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["who"])
        try:
            erasure.refuse_staff(person)
            if options["dry_run"]:
                self.stdout.write("A dry run: nothing is changed. Rows that would be removed or changed:")
                self._go_through(erasure.rehearse(person, batch=options["batch_size"]))
            else:
                self._erase(person, is_asked=not options["no_input"], batch=options["batch_size"])
        except (InOffice, Overtaken) as error:
            raise CommandError(str(error)) from error

    def _erase(self, person: User, *, is_asked: bool, batch: int) -> None:
        if is_asked:
            _confirm(person)
        in_hand = erasure.in_hand(person)
        self._go_through(erasure.erase(person, batch=batch))
        user_id = user_ids.show(person.id)
        self.stdout.write(f"{user_id} is erased. Kept: event ids, and a suppressed address as its hash.")
        self.stdout.write(
            "Not reached: messages still in the queues and backups. An event that names this id from now on is"
            " recorded under unknown_user."
        )
        if in_hand:
            self.stdout.write(f"{in_hand:,} mails and pushes were in a worker's hands and may have gone out.")

    def _go_through(self, steps: Iterable[Step]) -> None:
        changed: Counter[str] = Counter()
        for table, some in groupby(steps, key=attrgetter("table")):
            with self.progress(table, None) as advance:
                for step in some:
                    changed[table] += step.changed
                    advance(step.looked_at)
        self.report(changed)


def _confirm(person: User) -> None:
    """Have the address typed, or the id of somebody without one."""
    wanted = person.email or user_ids.show(person.id)
    try:
        answer = input(f"Everything about {person.name} goes, for good. Type {wanted} to confirm: ")
    except EOFError:
        answer = ""
    if answer.strip().lower() != wanted:
        raise CommandError("Nothing was erased.")
