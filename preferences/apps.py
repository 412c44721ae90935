from django.apps import AppConfig
from django.core.checks import register

from preferences import switch_turns
from preferences.checks import check_introspection, check_key_set, check_service_sources


class PreferencesConfig(AppConfig):
    """Who wants what."""

    name = "preferences"
    verbose_name = "Who wants what"

    def ready(self) -> None:
        """Have every manage.py command look at our settings, and note when switches turn."""
        register(check_service_sources)
        register(check_introspection)
        register(check_key_set)
        switch_turns.listen()
