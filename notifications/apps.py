from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """What happened, and the inbox."""

    name = "notifications"
    verbose_name = "What happened, and the inbox"

    def ready(self) -> None:
        """Hand delivery the function that counts the unread."""
        from delivery import badges  # noqa: PLC0415 - the models exist only now
        from notifications import inbox  # noqa: PLC0415

        badges.install(inbox.unread_counts)
