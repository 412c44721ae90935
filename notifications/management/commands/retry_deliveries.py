from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone

from delivery import retries
from delivery.models import Delivery
from delivery.retries import Retried
from delivery.transports.registry import OUTBOUND
from notifications.upkeep.batch_command import BatchCommand, person_named
from notifications.upkeep.durations import duration
from preferences.catalog import Channel


class Command(BatchCommand):
    help = "Have workers try once more what failed. What is too old by now to be sent late stays failed."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="of deliveries; none: all that failed")
        parser.add_argument("--channel", type=Channel, choices=OUTBOUND, help="only this one")
        parser.add_argument("--since", type=duration, metavar="2h", help="only what failed since then")
        parser.add_argument("--error", default="", metavar="CODE", help="only what the provider refused with this code")
        parser.add_argument("--user", metavar="WHO", help="only this person's: address, usr_… or UUID")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options)
        retried = Retried()
        with self.progress("deliveries", chosen.count()) as advance:
            steps = retries.retry_in_batches(chosen, batch=options["batch_size"], dry_run=options["dry_run"])
            for step in steps:
                retried += step
                advance(step.called + step.too_old + step.not_failed)
        if options["dry_run"]:
            self.stdout.write("A dry run: nothing was changed.")
        self.report({"called": retried.called, "too old": retried.too_old, "not failed": retried.not_failed})

    def _chosen(self, options: dict[str, Any]) -> QuerySet[Delivery]:
        """Return what the options name; by number also what has not failed, to be told of."""
        if options["ids"]:
            return self._of_ids(options)
        since: timedelta | None = options["since"]
        earliest = timezone.now() - since if since else None
        failed = retries.find(channel=options["channel"], since=earliest, error=options["error"])
        return failed.filter(user=person_named(options["user"])) if options["user"] else failed

    def _of_ids(self, options: dict[str, Any]) -> QuerySet[Delivery]:
        if any(options[name] for name in ("channel", "since", "error", "user")):
            raise CommandError("Name deliveries by their numbers, or by what they have in common.")
        wanted = set(options["ids"])
        chosen = Delivery.objects.filter(id__in=wanted)
        if missing := wanted - set(chosen.values_list("id", flat=True)):
            raise CommandError(f"No delivery has the number {', '.join(map(str, sorted(missing)))}.")
        return chosen
