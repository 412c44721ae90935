import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from devstack.demo.management.commands.seed_demo import Command
from preferences.models import User

pytestmark = pytest.mark.django_db

ADMIN, SUPPORT, PM = "admin@example.com", "support@example.com", "pm@example.com"
#: A page, and who of the three may open it.
PAGES = {
    "/admin/": {ADMIN, SUPPORT, PM},
    "/admin/notifications/account/": {ADMIN, SUPPORT},
    "/admin/operations": {ADMIN, SUPPORT, PM},
    "/admin/preferences/flag/": {ADMIN, PM},
    "/admin/waffle/switch/": {ADMIN},
    "/admin/admin/logentry/": {ADMIN},
}


def seed() -> dict[str, str]:
    """Seed, and return the password that is printed for each login."""
    out = StringIO()
    call_command(Command(), stdout=out)
    return dict(re.findall(r"(\S+@example.com)\s+password (\S+)", out.getvalue()))


def log_in(address: str, password: str) -> Client:
    browser = Client()
    assert browser.login(username=address, password=password)
    return browser


def test_each_login_that_is_printed_opens_what_its_duty_takes_and_no_more():
    logins = {address: log_in(address, password) for address, password in seed().items()}
    opened = {
        page: {address for address, browser in logins.items() if browser.get(page).status_code == 200} for page in PAGES
    }
    assert opened == PAGES


def test_seeding_again_gives_back_the_same_password_and_the_group():
    first = seed()
    support = User.objects.get(email=SUPPORT)
    support.set_password("another")
    support.save()
    support.groups.clear()
    assert seed() == first
    assert log_in(SUPPORT, first[SUPPORT]).get("/admin/notifications/account/").status_code == 200
