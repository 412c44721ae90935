from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.management.base import CommandError, CommandParser

from notifications.event_queue import EventQueue
from notifications.upkeep import dead_letters
from notifications.upkeep.batch_command import BatchCommand, name_of, positive
from notifications.upkeep.dead_letters import Redriven


class Command(BatchCommand):
    help = (
        "Send dead letters to the queue of events again, once what crashed the intake is mended. What was accepted "
        "before is not doubled. Events without a `time` of their own count from now."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say about how many there are, and change nothing")
        parser.add_argument("--limit", type=positive, metavar="N", help="so many at most, to try whether they pass")

    def handle(self, *args: Any, **options: Any) -> None:
        queue = EventQueue()
        waiting = dead_letters.count(queue)
        if options["dry_run"]:
            self.stdout.write(f"A dry run: nothing was changed. There are about {waiting:,} dead letters.")
            return
        self._tell(self._redrive(queue, options["limit"], waiting))

    def _redrive(self, queue: EventQueue, limit: int | None, waiting: int) -> Redriven:
        redriven = Redriven()
        try:
            with self.progress("dead letters", min(limit or waiting, waiting)) as advance:
                for step in dead_letters.redrive(queue, most=limit):
                    redriven += step
                    advance(step.sent + step.refused)
        except (BotoCoreError, ClientError) as error:
            sent = f"{redriven.sent:,} were sent again by then."
            raise CommandError(f"SQS: {name_of(error)}. {sent} Run it again to go on.") from error
        return redriven

    def _tell(self, redriven: Redriven) -> None:
        self.report({"sent again": redriven.sent, "refused by SQS": redriven.refused})
        if redriven.undeleted:
            self.stdout.write(
                f"{redriven.undeleted:,} of them are dead letters still: sent twice, they are not doubled."
            )
        if redriven.refused:
            raise CommandError("What SQS refused is a dead letter still. Run it again in a minute.")
