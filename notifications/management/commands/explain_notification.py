from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from notifications.explaining import explain, forecast_report, forecasts
from notifications.models import Forecast
from notifications.tracing.steps import NAMES
from notifications.upkeep.batch_command import BatchCommand, person_named
from notifications.upkeep.durations import duration
from preferences.catalog import CATALOG, Channel, NotificationType

#: By code, and by the word that the answers have for it.
_CHANNELS: Final[Mapping[str, Channel]] = {
    **{channel.value: channel for channel in Channel},
    **{name.lower(): channel for channel, name in NAMES.items()},
}


class Command(BatchCommand):
    help = "Say what an event would mean for one person, or for everybody under other defaults. Nothing is sent."
    batch_size = forecasts.BATCH
    dry_run_help = "with --everybody: say how many people would be counted, and count none"
    batch_size_help = "with --everybody: people of one step"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("type", choices=CATALOG, help="what would happen")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--user", metavar="WHO", help="address, usr_… or UUID")
        whom.add_argument("--everybody", action="store_true", help="count all people; run it again to go on")
        parser.add_argument("--actor", metavar="WHO", help="who did it (default: somebody else)")
        parser.add_argument("--age", type=duration, metavar="4h", help="how long ago (default: just now)")
        parser.add_argument(
            "--default",
            action="append",
            default=[],
            dest="defaults",
            metavar="CHANNEL=on|off",
            help=f"a default to try, for {', '.join(_CHANNELS)}; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        type_, defaults = CATALOG[options["type"]], dict(map(_read_default, options["defaults"]))
        if options["user"]:
            self._explain(explain.with_defaults(type_, defaults), options)
        elif options["actor"] or options["age"] is not None:
            raise CommandError("--actor and --age go with --user: everybody is asked about an event of now.")
        elif options["dry_run"]:
            self._say_what_would_be_counted(type_, defaults)
        else:
            self._count(type_, defaults, batch_size=options["batch_size"])

    def _explain(self, type_: NotificationType, options: Mapping[str, Any]) -> None:
        actor_id = person_named(options["actor"]).id if options["actor"] else None
        age = options["age"] or timedelta()
        prospect = explain.explain(type_, person_named(options["user"]).id, actor_id=actor_id, age=age)
        self.stdout.write(prospect.sentence)
        if prospect.caveat:
            self.stdout.write(prospect.caveat)
        self.stdout.write("")
        for channel in prospect.channels:
            self.stdout.write(f"{channel.channel:<7} {channel.outcome:<9} {channel.reason:<18} {channel.sentence}")

    def _say_what_would_be_counted(self, type_: NotificationType, defaults: Mapping[Channel, bool]) -> None:
        begun = forecasts.find_unfinished(type_.name, defaults=defaults)
        if begun:
            self.stdout.write(f"Counting would go on behind {begun.users:,} of about {begun.total:,} people.")
        else:
            self.stdout.write(f"About {forecasts.about_how_many():,} people would be counted.")

    def _count(self, type_: NotificationType, defaults: Mapping[Channel, bool], *, batch_size: int) -> None:
        forecast = forecasts.begin(type_.name, defaults=defaults, asked_by=None)
        with self.progress("Counting", forecast.total) as advance:
            counted = 0
            for users in forecasts.run(forecast, batch_size=batch_size):
                advance(users - counted)
                counted = users
        self._report(forecast)

    def _report(self, forecast: Forecast) -> None:
        self.stdout.write("\n".join(forecast_report.sentences(forecast)))
        self.stdout.write(f"\n{'':<31} {'now':>11} {'then':>11} {'change':>11}")
        for row in forecast_report.rows(forecast):
            self.stdout.write(f"{row.place:<8} {row.words:<22} {row.now:>11,} {row.then:>11,} {row.difference:>+11,}")


def _read_default(text: str) -> tuple[Channel, bool]:
    """Read `email=on`, or `mail=on`."""
    name, _, given = text.partition("=")
    if name not in _CHANNELS or given not in ("on", "off"):
        raise CommandError(f"{text!r} is no default such as email=on; channels are {', '.join(_CHANNELS)}.")
    return _CHANNELS[name], given == "on"
