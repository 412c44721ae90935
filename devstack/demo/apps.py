from django.apps import AppConfig
from django.contrib import admin
from django.core.checks import Tags, register

from devstack.demo.checks import check_demo_is_local
from preferences.startup import SETTINGS


class DemoConfig(AppConfig):
    """What exists only under DEMO=1."""

    name = "devstack.demo"
    label = "demo"
    verbose_name = "Demo"

    def ready(self) -> None:
        """Have every process and command refuse a demo that others could reach, and the login say where to look."""
        register(check_demo_is_local, Tags.security, SETTINGS)
        admin.site.login_template = "demo/login.html"
