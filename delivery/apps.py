from django.apps import AppConfig
from django.core.checks import register

from delivery.checks import check_feedback_topics
from preferences.startup import SETTINGS


class DeliveryConfig(AppConfig):
    """How it gets there."""

    name = "delivery"
    verbose_name = "How it gets there"

    def ready(self) -> None:
        """Have every process and command look at our settings."""
        register(check_feedback_topics, SETTINGS)
