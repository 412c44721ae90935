from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.tracing import clock, trace
from notifications.tracing.event_recipients import RecipientPage
from notifications.tracing.steps import Step


class Command(BaseCommand):
    help = "Say why somebody got something or did not: the answer in one sentence, and the timeline behind it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="EVENT_OR_NTF_ID", help="an event's id, or that of a notification or digest")
        parser.add_argument("--user", default="", help="address, usr_… or UUID; left out: everybody it concerned")
        parser.add_argument("--source", default="", help="of the event, where several sources use the same id")
        parser.add_argument("--after", default="", metavar="PLACE", help="go on in a long list of recipients")

    def handle(self, *args: Any, **options: Any) -> None:
        found = trace.find(options["id"], source=options["source"], user=options["user"], after=options["after"])
        if not found.is_found:
            raise CommandError("\n".join([found.answer, *found.notes]))
        for line in (found.answer, *found.notes):
            self.stdout.write(line)
        if found.steps:
            self.stdout.write("")
        for step in found.steps:
            self._write_step(step)
        if found.recipients:
            self._write_recipients(found.recipients)

    def _write_step(self, step: Step) -> None:
        at = clock.to_the_millisecond(step.at) if step.at else ""
        self.stdout.write(f"{at:<27}  {step.stage:<9}  {step.sentence}")

    def _write_recipients(self, page: RecipientPage) -> None:
        for row in page.rows:
            self.stdout.write(f"\n{row.name} {row.key if row.user_id else ''}".rstrip())
            for fate in row.fates:
                self.stdout.write(f"  {fate.channel:<6}  {fate.end.replace('_', ' '):<8}  {fate.clause}")
        if page.next:
            self.stdout.write(f"\nThere are more: --after {page.next}")
