from django.apps import AppConfig
from django.core.checks import register

from notifications.checks import check_retention
from preferences.startup import SETTINGS
from telemetry import internal_errors


class NotificationsConfig(AppConfig):
    """What happened, and the inbox."""

    name = "notifications"
    verbose_name = "What happened, and the inbox"

    def ready(self) -> None:
        """Hand delivery what it cannot know, count errors, have every process and command look at our settings."""
        from delivery import badges, origins  # noqa: PLC0415 - the models exist only now
        from notifications import event_log, inbox  # noqa: PLC0415

        badges.install(inbox.unread_counts)
        origins.install(event_log.origin_of)
        internal_errors.watch()
        register(check_retention, SETTINGS)
