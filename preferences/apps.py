from django.apps import AppConfig
from django.core.checks import register

from preferences import switch_turns
from preferences.checks import check_introspection, check_key_set, check_service_sources
from preferences.secret_checks import check_secret_key, check_token_keys
from preferences.startup import SETTINGS


class PreferencesConfig(AppConfig):
    """Who wants what."""

    name = "preferences"
    verbose_name = "Who wants what"

    def ready(self) -> None:
        """Have every process and command look at our settings, and note when switches turn."""
        register(check_service_sources, SETTINGS)
        register(check_introspection, SETTINGS)
        register(check_key_set, SETTINGS)
        register(check_secret_key, SETTINGS, deploy=True)
        register(check_token_keys, SETTINGS, deploy=True)
        switch_turns.listen()
