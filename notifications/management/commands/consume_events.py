import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications import intake


class Command(BaseCommand):
    help = (
        "Take events, from SQS and from POST /api/v1/events, to the inboxes and open bells until SIGTERM; "
        "what is in hand is finished first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        intakes = intake.of_process()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: intakes[0].stop())  # and with it the others
        for each in intakes:
            each.start()
        if not all(each.join() for each in intakes):
            raise CommandError("A thread died; its error is in the log.")
