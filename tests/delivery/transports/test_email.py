from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from botocore.config import Config
from pytest_django import Settings

from delivery.errors import PermanentFailure, ProviderDown, SendFailure, Throttled, TransientFailure
from delivery.transports import email
from delivery.transports.contract import Outgoing, Result
from delivery.transports.email import SesTransport
from preferences.models import User
from tests.delivery.aws_service import Reply, answering
from tests.delivery.rows import delivery
from tests.mailbox import Mailbox

pytestmark = pytest.mark.django_db
READ_TIMEOUT = 0.3  # seconds; in production ten
UNANSWERED_PAUSE = timedelta(minutes=1)
NO_ANSWER_OF_SES = [
    Reply(200, b"<SendRawEmailResponse><SendRaw"),
    Reply(200, b"<html>Please log in</html>"),
    Reply(200, b""),
    Reply(302, b"", {"Location": "https://proxy.example.com/"}),
    Reply(403, b"<html><p>Blocked by policy</html>"),
    Reply(403, b"<html><p>Blocked by policy</p></html>"),
    Reply(502, b"upstream connect error"),
]


@pytest.fixture(autouse=True)
def _own_connection() -> Iterator[None]:
    """A connection with the settings of the test, and none of them left behind."""
    email._backend.cache_clear()
    yield
    email._backend.cache_clear()


@pytest.fixture
def impatient(settings: Settings) -> None:
    settings.AWS_SES_CONFIG = Config(connect_timeout=1, read_timeout=READ_TIMEOUT, retries={"total_max_attempts": 1})


@pytest.fixture
def send(mailbox: Mailbox) -> Callable[..., list[Result]]:
    """Sends a mail to each of the users, and returns the answers in their order."""

    def send_to(*users: User) -> list[Result]:
        return list(SesTransport().send([Outgoing(delivery(user), user) for user in users]))

    return send_to


def failure(result: Result) -> SendFailure:
    assert isinstance(result.answer, SendFailure)
    return result.answer


# --- Taken -------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_providers_message_id(send, mailbox, alice):
    (result,) = send(alice)
    (mail,) = mailbox.mails(to=alice.email)
    assert result.answer == mail["id"]


def test_a_mail_that_breaks_on_its_way_to_the_wire_fails_alone(send, mailbox, alice, bob, monkeypatch):
    compose = email.compose

    def break_for_alice(outgoing: Outgoing) -> object:
        return object() if outgoing.user == alice else compose(outgoing)

    monkeypatch.setattr(email, "compose", break_for_alice)
    broken, taken = send(alice, bob)
    assert isinstance(failure(broken), TransientFailure)
    assert isinstance(taken.answer, str)


def test_feedback_finds_the_row_by_a_tag(send, mailbox, alice):
    (result,) = send(alice)
    (mail,) = mailbox.mails()
    assert mail["tags"] == {"delivery_id": str(result.outgoing.delivery.id)}


def test_the_configuration_set_travels_with_the_mail(send, mailbox, alice, settings):
    settings.SES_CONFIGURATION_SET = "notifications"
    send(alice)
    assert mailbox.mails()[0]["headers"]["X-SES-CONFIGURATION-SET"] == "notifications"


def test_mail_programs_are_offered_one_click_to_unsubscribe(send, mailbox, alice, settings):
    send(alice)
    headers = mailbox.mails()[0]["headers"]
    assert headers["List-Unsubscribe"].startswith(f"<{settings.PUBLIC_URL}/email/unsubscribe/")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_chunk_goes_over_one_connection(send, mailbox, alice, bob, charlie):
    send(alice, bob)
    backend = email._backend()
    send(charlie)
    assert email._backend() is backend
    assert [mail["to"] for mail in mailbox.mails()] == [[one.email] for one in (alice, bob, charlie)]


def test_who_stops_asking_in_the_middle_has_sent_no_more(mailbox, alice, bob):
    results = SesTransport().send([Outgoing(delivery(user), user) for user in (alice, bob)])
    next(results)
    assert [mail["to"] for mail in mailbox.mails()] == [[alice.email]]


# --- Refused: each row of the table ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(email._FAILURES))
def test_each_error_of_ses_is_what_the_table_says(send, mailbox, alice, code):
    mailbox.fail("reject", code=code)
    (result,) = send(alice)
    assert type(failure(result)) is email._FAILURES[code]
    assert failure(result).code == code


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_unknown_failure_of_the_provider_is_not_held_against_the_mail(send, mailbox, alice, status):
    mailbox.fail("error", status=status, code="SomethingNew")
    assert type(failure(send(alice)[0])) is ProviderDown


def test_an_unknown_refusal_is_for_good(send, mailbox, alice):
    mailbox.fail("reject", status=400, code="SomethingNew")
    assert type(failure(send(alice)[0])) is PermanentFailure


def test_a_throttle_may_name_a_time(send, mailbox, alice):
    mailbox.fail("throttle", retry_after=7)
    assert failure(send(alice)[0]).retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("retry_after", [None, 1.5])
def test_a_throttle_without_a_whole_number_of_seconds_names_none(send, mailbox, alice, retry_after):
    mailbox.fail("throttle", retry_after=retry_after)
    assert failure(send(alice)[0]).retry_after is None


def test_the_daily_quota_makes_a_long_pause(send, mailbox, alice):
    mailbox.fail("throttle", message="Daily message quota exceeded.")
    (result,) = send(alice)
    assert isinstance(result.answer, Throttled)
    assert result.answer.retry_after == timedelta(minutes=5)


def test_an_outage_may_name_a_time(send, mailbox, alice):
    mailbox.fail("error", retry_after=30)
    (result,) = send(alice)
    assert isinstance(result.answer, ProviderDown)
    assert result.answer.retry_after == timedelta(seconds=30)


def test_one_refused_address_in_a_chunk_harms_no_other(send, mailbox, alice, bob, charlie):
    mailbox.fail("reject", match=bob.email)
    first, refused, last = send(alice, bob, charlie)
    assert failure(refused).code == "MessageRejected"
    assert [mail["id"] for mail in mailbox.mails()] == [first.answer, last.answer]


def test_an_address_that_is_none_is_never_offered_to_ses(send, mailbox, alice, bob):
    User.objects.filter(id=alice.id).update(email="nobody")
    alice.refresh_from_db()
    refused, taken = send(alice, bob)
    assert (type(failure(refused)), failure(refused).code) == (PermanentFailure, "invalid_address")
    assert [call["message_id"] for call in mailbox.received()] == [taken.answer]


def test_a_refusal_quotes_no_address(send, mailbox, alice):
    mailbox.fail("reject", message=f"Address {alice.email} is on the suppression list.")
    assert alice.email not in str(failure(send(alice)[0]))


# --- No answer ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [{"kind": "timeout"}, {"kind": "reset"}])
def test_no_answer_is_an_outage_and_the_mail_was_not_sent(send, mailbox, alice, fault):
    mailbox.fail(**fault)
    assert type(failure(send(alice)[0])) is ProviderDown
    assert mailbox.mails() == []


@pytest.mark.usefixtures("impatient")
def test_what_breaks_an_open_connection_is_not_sent_again(send, mailbox, alice):
    send(alice)
    mailbox.fail("reset")
    assert failure(send(alice)[0]).code == "ConnectionClosedError"
    assert [fault["hits"] for fault in mailbox.http.get("/_faults").json()] == [1]


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_comes_too_late_is_an_outage_although_the_mail_was_taken(send, mailbox, alice):
    mailbox.fail("slow", seconds=READ_TIMEOUT * 5)
    late = failure(send(alice)[0])
    assert (late.code, late.retry_after) == ("ReadTimeoutError", UNANSWERED_PAUSE)
    assert len(mailbox.mails(to=alice.email)) == 1


@pytest.mark.usefixtures("impatient")
def test_each_is_sent_once_and_nobody_sleeps_over_a_failure(send, mailbox, alice, bob, slept):
    send(alice)  # opens the connection
    mailbox.fail("timeout")
    send(alice, bob)
    assert not slept
    assert len(mailbox.http.get("/_faults").json()) == 1
    assert mailbox.http.get("/_faults").json()[0]["hits"] == 2


def test_a_provider_that_is_not_there_is_an_outage_until_it_is_back(send, mailbox, servers, alice):
    send(alice)
    servers.ses.stop()
    unreached = failure(send(alice)[0])
    assert (type(unreached), unreached.code, unreached.retry_after) == (ProviderDown, "EndpointConnectionError", None)
    servers.ses.start()
    assert isinstance(send(alice)[0].answer, str)


@pytest.mark.parametrize("reply", NO_ANSWER_OF_SES, ids=lambda reply: f"{reply.status} {reply.body[:20]!r}")
def test_what_is_not_ses_s_word_is_an_outage_and_no_verdict_on_the_mail(alice, settings, reply):
    with answering(reply) as stranger:
        settings.AWS_SES_REGION_ENDPOINT_URL = stranger.url
        (result,) = SesTransport().send([Outgoing(delivery(alice), alice)])
    assert isinstance(result.answer, ProviderDown)
    assert (result.answer.code, result.answer.retry_after) == ("UnreadableAnswer", UNANSWERED_PAUSE)
    assert len(stranger.calls) == 1


def test_a_page_of_a_load_balancer_in_trouble_is_an_outage(alice, settings):
    with answering(Reply(503, b"<html><body>Service Unavailable</body></html>")) as balancer:
        settings.AWS_SES_REGION_ENDPOINT_URL = balancer.url
        (result,) = SesTransport().send([Outgoing(delivery(alice), alice)])
    assert isinstance(result.answer, ProviderDown)
    assert result.answer.code == "503"


def test_no_mail_is_told_to_a_server_that_cannot_show_a_certificate(servers, alice, settings):
    with answering(tls=servers.certificates) as impostor:
        settings.AWS_SES_REGION_ENDPOINT_URL = impostor.url
        (result,) = SesTransport().send([Outgoing(delivery(alice), alice)])
    assert isinstance(result.answer, ProviderDown)
    assert (result.answer.code, impostor.calls) == ("SSLError", [])
