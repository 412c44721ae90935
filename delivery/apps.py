from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """How it gets there."""

    name = "delivery"
    verbose_name = "How it gets there"
