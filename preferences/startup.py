"""What every process looks at before it works. `manage.py` runs system checks; uvicorn and Celery go on without."""

from typing import Final

from django.core.checks import run_checks

from telemetry.last_words import log_what_nobody_catches

#: Of the checks that tell whether these settings can work at all: quick, and asking nobody.
SETTINGS: Final = "settings"


def begin() -> None:
    """Refuse wrong settings, and keep what nobody catches out of stderr. Raises SystemExit."""
    refuse_wrong_settings()
    log_what_nobody_catches()


def refuse_wrong_settings() -> None:
    """End the process, saying why on stderr, where a setting would fail or protect nothing. Raises SystemExit."""
    found = run_checks(tags=[SETTINGS], include_deployment_checks=True)
    wrong = [str(each) for each in found if each.is_serious()]
    if wrong:
        raise SystemExit("\n".join(wrong))
