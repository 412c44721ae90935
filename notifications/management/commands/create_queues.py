from typing import Any

from django.core.management.base import BaseCommand

from delivery import dispatch
from notifications.event_queue import EventQueue


class Command(BaseCommand):
    help = "Create the queues of events and of outbound tasks, or bring their attributes up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        queue = EventQueue()
        queue.create()
        names = [queue.name, queue.dead_letters().name, *dispatch.create_queues()]
        self.stdout.write(f"Ready: {', '.join(names)}.")
