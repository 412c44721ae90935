from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications import rejections
from notifications.models import RejectedEvent, Rejection


class Command(BaseCommand):
    help = "Process rejected events once more, after a fix. Repeating it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="of the rejected events; none: all of them")
        parser.add_argument("--reason", choices=Rejection.values, help="only those with this reason")
        parser.add_argument("--dry-run", action="store_true", help="say how many would be processed, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = RejectedEvent.objects.filter(replayed_at=None)
        if options["ids"]:
            waiting = waiting.filter(id__in=options["ids"])
        if options["reason"]:
            waiting = waiting.filter(reason=options["reason"])
        if options["dry_run"]:
            self.stdout.write(f"{waiting.count()} rejected events would be processed.")
            return
        outcomes = [rejections.replay(rejected) for rejected in waiting.order_by("id").iterator(chunk_size=100)]
        self.stdout.write(f"{sum(outcomes)} accepted.")
        if not all(outcomes):
            raise CommandError(f"{outcomes.count(False)} rejected again; the admin shows why.")
