"""What a mail may cost, counted and not timed: after the first of its type, whatever can be kept is kept."""

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient
from css_inline import CSSInliner
from django.template import Template
from django_ses import SESBackend

from delivery import letters
from delivery.models import DIGEST
from delivery.transports.contract import Outgoing
from delivery.transports.email import SesTransport
from preferences.catalog import TYPES
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db
#: Calls of functions in Python for each of four mails and a digest: 2,610 with Python 3.11. By boto3, and with a boundary
#: that Python itself seeks, a mail takes 3,060 more.
MOST_CALLS = 3_500


@pytest.fixture
def send(mailbox, alice) -> Callable[[], None]:
    """Sends a mail of each type and a digest; once already, so that everything is open and compiled."""
    single = [Outgoing(delivery(alice, type=type_.name), alice) for type_ in TYPES]
    digest = Outgoing(delivery(alice, type=DIGEST), alice, [one.delivery for one in single])

    def send() -> None:
        answers = [result.answer for result in SesTransport().send([*single, digest])]
        assert [type(answer) for answer in answers] == [str] * len(answers)

    send()
    return send


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[str]]:
    """Has a class note each call of a method."""

    def count(owner: Any, name: str) -> list[str]:
        noted: list[str] = []
        original = getattr(owner, name)

        def note(*args: Any, **kwargs: Any) -> Any:
            noted.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, note)
        return noted

    return count


def functions_called(work: Callable[[], None]) -> int:
    """Of this thread, those in Python."""
    events: list[str] = []
    sys.setprofile(lambda _frame, event, _argument: events.append(event))
    try:
        work()
    finally:
        sys.setprofile(None)
    return events.count("call")


def test_a_mail_is_one_call_of_ses(send, mailbox):
    mailbox.empty()
    send()
    assert [call["action"] for call in mailbox.received()] == ["SendRawEmail"] * (len(TYPES) + 1)


def test_no_template_is_compiled_a_second_time(send, count):
    compiled = count(Template, "compile_nodelist")
    send()
    assert compiled == []
    Template("")  # counted like the others
    assert len(compiled) == 1


def test_no_expression_is_compiled_a_second_time(send, count):
    compiled = count(re._compiler, "compile")
    send()
    assert compiled == []
    re.compile("a mail has no such expression")
    assert len(compiled) == 1


def test_the_styles_are_read_by_one_inliner(send, monkeypatch):
    monkeypatch.setattr(letters, "CSSInliner", None)  # another could not be made
    assert isinstance(letters._inliner(), CSSInliner)
    send()


def test_boto3_sends_no_mail(send, count):
    made = count(BaseClient, "_make_api_call")
    send()
    assert made == []
    stock = SESBackend()
    stock.open()
    stock.connection.get_send_quota()  # counted like the others
    assert made == ["_make_api_call"]


def test_a_mail_takes_no_more_calls_of_functions_than_it_has_to(send):
    assert functions_called(send) / (len(TYPES) + 1) < MOST_CALLS
