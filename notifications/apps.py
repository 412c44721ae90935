from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """What happened, and the inbox."""

    name = "notifications"
    verbose_name = "What happened, and the inbox"
