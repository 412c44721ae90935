from django.apps import AppConfig


class PreferencesConfig(AppConfig):
    """Who wants what."""

    name = "preferences"
    verbose_name = "Who wants what"
