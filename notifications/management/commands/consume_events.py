import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from delivery import dispatch
from notifications.intake import intake
from preferences import startup
from telemetry import garbage


class Command(BaseCommand):
    help = (
        "Take events, from SQS and from POST /api/v1/events, to the inboxes and open bells until SIGTERM; "
        "what is in hand is finished first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        startup.begin()
        intakes = intake.of_process()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: intakes[0].stop())  # and with it the others
        garbage.spare_what_is_loaded()
        with dispatch.gathered_calls():
            for each in intakes:
                each.start()
            is_well = all(each.join() for each in intakes)
        if not is_well:
            raise CommandError("A thread died; its error is in the log.")
