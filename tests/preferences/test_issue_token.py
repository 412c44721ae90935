"""`manage.py issue_token`: a token to try the API with."""

import pytest
from django.core.management import CommandError, call_command

from preferences.authentication import authenticate, identify
from preferences.service_tokens import Service

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("development", ["DEMO", "DEBUG"])
def test_in_development_a_command_prints_a_token(settings, capsys, alice, development):
    setattr(settings, development, True)
    call_command("issue_token", "Alice@example.com")
    assert authenticate(capsys.readouterr().out.strip()).user == alice


def test_elsewhere_the_command_refuses(settings, alice):
    settings.DEMO = settings.DEBUG = False
    with pytest.raises(CommandError, match="Auth Service"):
        call_command("issue_token", alice.email)


def test_the_command_refuses_an_address_of_nobody(settings):
    settings.DEMO = True
    with pytest.raises(CommandError, match=r"nobody@example\.com"):
        call_command("issue_token", "nobody@example.com")


@pytest.mark.parametrize("development", ["DEMO", "DEBUG"])
def test_in_development_a_command_prints_a_services_token(settings, capsys, development):
    setattr(settings, development, True)
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    call_command("issue_token", service="tasks")
    assert identify(capsys.readouterr().out.strip()) == Service("tasks")


def test_the_command_refuses_a_service_that_could_publish_nothing(settings):
    settings.DEMO = True
    with pytest.raises(CommandError, match="SERVICE_TOKEN_SOURCES"):
        call_command("issue_token", service="unheard-of")


def test_where_the_auth_service_alone_can_sign_the_command_says_so(settings, alice):
    settings.DEMO, settings.JWT_ALGORITHM = True, "RS256"
    with pytest.raises(CommandError, match="Only JWT_ALGORITHM=HS256"):
        call_command("issue_token", alice.email)


def test_elsewhere_the_command_signs_for_no_service_either(settings):
    settings.DEMO = settings.DEBUG = False
    with pytest.raises(CommandError, match="Auth Service"):
        call_command("issue_token", service="tasks")
