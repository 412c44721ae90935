from typing import Any

from django.core.management.base import BaseCommand

from notifications.event_queue import EventQueue


class Command(BaseCommand):
    help = "Create the queue of events and its dead-letter queue, or bring their attributes up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        queue = EventQueue()
        queue.create()
        self.stdout.write(f"{queue.name} and {queue.dead_letters().name} are ready.")
