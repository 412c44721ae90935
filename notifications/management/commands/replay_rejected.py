from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from notifications import rejections
from notifications.models import RejectedEvent, Rejection
from notifications.upkeep.batch_command import BatchCommand


class Command(BatchCommand):
    help = "Process rejected events once more, after a fix. Repeating it changes nothing."
    batch_size = 100  # bodies in memory, of up to 1 MiB each; every event is a transaction of its own

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "ids", nargs="*", type=int, metavar="ID", help="of the rejected events; none: all but forbidden_source"
        )
        parser.add_argument("--reason", choices=Rejection.values, help="only those with this reason")

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = self._waiting(options)
        total = waiting.count()
        if options["dry_run"]:
            self.stdout.write(f"A dry run: nothing was changed. {total:,} rejected events would be processed.")
            return
        outcomes = {True: 0, False: 0}
        try:
            with self.progress("rejected events", total) as advance:
                for outcome in rejections.replay_all(waiting, batch=options["batch_size"]):
                    outcomes[outcome] += 1
                    advance(1)
        except rejections.Held as held:
            raise CommandError(str(held)) from held
        self.report({"accepted": outcomes[True], "rejected again": outcomes[False]})
        if outcomes[False]:
            raise CommandError(f"{outcomes[False]:,} rejected again; the admin shows why.")

    def _look_up(self, ids: set[int]) -> None:
        """Say which were replayed before. Raises CommandError when there is no such event."""
        replayed_at = dict(RejectedEvent.objects.filter(id__in=ids).values_list("id", "replayed_at"))
        if missing := ids - replayed_at.keys():
            raise CommandError(f"No rejected event has the number {', '.join(map(str, sorted(missing)))}.")
        if done := sorted(id_ for id_, at in replayed_at.items() if at):
            self.stdout.write(f"Accepted by an earlier replay: {', '.join(map(str, done))}.")

    def _waiting(self, options: dict[str, Any]) -> QuerySet[RejectedEvent]:
        """Return what was asked for: an event that its service may not publish only if it, or its reason, is named."""
        waiting = RejectedEvent.objects.filter(replayed_at=None)
        if options["reason"]:
            waiting = waiting.filter(reason=options["reason"])
        if options["ids"]:
            self._look_up(set(options["ids"]))
            return waiting.filter(id__in=options["ids"])
        return waiting if options["reason"] else waiting.exclude(reason=Rejection.FORBIDDEN_SOURCE)
