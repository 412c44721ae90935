import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications.event_queue import EventQueue
from notifications.intake import Intake


class Command(BaseCommand):
    help = "Take events from the queue to the inboxes and open bells until SIGTERM; what is in hand is finished first."

    def handle(self, *args: Any, **options: Any) -> None:
        intake = Intake(EventQueue())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: intake.stop())
        intake.start()
        if not intake.join():
            raise CommandError("A thread died; its error is in the log.")
