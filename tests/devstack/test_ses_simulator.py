import os
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from django.core.mail import EmailMultiAlternatives
from django_ses import SESBackend
from hypothesis import given
from hypothesis import strategies as st

from devstack.identity import Identity
from devstack.ports import LOOPBACK
from devstack.simulators.server import SesSimulator
from devstack.simulators.ses import mailbox as mailbox_module
from devstack.simulators.ses import message
from devstack.simulators.ses.mail_file import MailFile
from devstack.simulators.ses.mailbox import Mail, Mailbox
from devstack.simulators.ses.refusals import Refused
from devstack.stack import REGION, Servers, describe

ALICE, BOB = "alice@example.com", "bob@example.com"
FROM = "notifications@example.com"
PLAIN = f"From: {FROM}\r\nTo: {ALICE}\r\nSubject: Hello\r\n\r\nHello"


def client_of(url: str):
    patience = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    return boto3.client("ses", endpoint_url=url, region_name=REGION, config=patience)


@pytest.fixture
def ses():
    with closing(client_of(os.environ["SES_ENDPOINT_URL"])) as client:
        yield client


def send(ses, *to: str, raw: str = PLAIN, **parameters) -> str:
    answer = ses.send_raw_email(
        Source=FROM, Destinations=to or [ALICE], RawMessage={"Data": raw.encode()}, **parameters
    )
    return answer["MessageId"]


def refusal_of(ses, *to: str, **parameters):
    with pytest.raises(ClientError) as refused:
        send(ses, *to, **parameters)
    return refused.value.response


def letter(**headers: str) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives("Sarah Kim “assigned” ✓", "text é", f"Nótices <{FROM}>", [f"Alice Moreau <{ALICE}>"])
    mail.extra_headers = headers
    mail.attach_alternative("<p>html é</p>", "text/html")
    return mail


def post(mail: EmailMultiAlternatives) -> None:
    backend = SESBackend(aws_region_name=REGION, aws_region_endpoint=os.environ["SES_ENDPOINT_URL"])
    backend.open()
    with closing(backend.connection):
        backend.send_messages([mail])


# --- What is sent ----------------------------------------------------------------------------------------------


def test_what_django_sends_is_in_the_mailbox_word_for_word(mailbox):
    post(letter())
    [mail] = mailbox.mails()
    assert (mail["to"], mail["from"]) == ([ALICE], f"Nótices <{FROM}>")
    assert (mail["subject"], mail["text"]) == ("Sarah Kim “assigned” ✓", "text é")
    assert mail["html"] == "<p>html é</p>"
    assert mail["headers"]["To"] == f"Alice Moreau <{ALICE}>"


def test_long_headers_are_shown_on_one_line(mailbox):
    link = f"<https://example.com/{'a' * 300}>"
    post(letter(**{"List-Unsubscribe": link, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}))
    [mail] = mailbox.mails()
    assert mail["headers"]["List-Unsubscribe"] == link
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mail_is_kept_under_the_id_that_its_sender_is_told_and_ses_replaces_message_id(mailbox):
    post(sent := letter(**{"Message-ID": "<ours@example.com>"}))
    [mail] = mailbox.mails()
    assert mail["id"] == sent.extra_headers["message_id"]
    assert mail["headers"]["Message-ID"] == f"<{mail['id']}@email.amazonses.com>"


def test_tags_come_from_the_header_or_before_it_from_the_call(mailbox, ses):
    tagged = f"X-SES-MESSAGE-TAGS: delivery_id=17, channel=email\r\n{PLAIN}"
    send(ses, raw=tagged)
    send(ses, raw=tagged, Tags=[{"Name": "delivery_id", "Value": "18"}])
    assert [mail["tags"] for mail in mailbox.mails()] == [
        {"delivery_id": "17", "channel": "email"},
        {"delivery_id": "18"},
    ]


def test_without_an_envelope_the_mail_itself_says_whom_it_is_for(mailbox, ses):
    ses.send_raw_email(RawMessage={"Data": f"Cc: Bob <{BOB}>\r\n{PLAIN}".encode()})
    assert mailbox.mails()[0]["to"] == [ALICE, BOB]


def test_the_quota_counts_what_was_sent(mailbox, ses):
    before = ses.get_send_quota()
    send(ses)
    assert ses.get_send_quota()["SentLast24Hours"] == before["SentLast24Hours"] + 1
    assert before["MaxSendRate"] > 0


# --- What SES refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("alice", "Missing final '@domain'"),
        ("alice@", "Missing domain"),
        ("ali ce@example.com", "Local address contains control or whitespace"),
        ("alíce@example.com", "Local address contains illegal character"),
        ("alice.@example.com", "Local address ends with dot"),
        ("alice@exámple.com", "Domain contains illegal character"),
        ("alice@example..com", "Domain contains dot-dot"),
        (f"{ALICE}, {BOB}", "Illegal address"),
        (f"{ALICE}\nBcc: {BOB}", "Local address contains control or whitespace"),
    ],
)
def test_what_is_no_address_is_refused_with_the_whole_mail(mailbox, ses, address, text):
    assert refusal_of(ses, BOB, address)["Error"] == {
        "Type": "Sender",
        "Code": "InvalidParameterValue",
        "Message": text,
    }
    assert mailbox.mails() == []


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Subject: Hello\r\n\r\nHello", "Missing required header 'From'."),
        (f"subject: Injected\r\n{PLAIN}", "Duplicate header 'subject'."),
        (f"{PLAIN}{'a' * 1000}", "A line is longer than 998 bytes."),
        (f"X-SES-MESSAGE-TAGS: id=a:b\r\n{PLAIN}", "Invalid tag value <a:b>: only alphanumeric ASCII characters"),
    ],
)
def test_a_mail_that_is_not_well_formed_is_refused(mailbox, ses, raw, text):
    error = refusal_of(ses, raw=raw)["Error"]
    assert error["Code"] == "InvalidParameterValue"
    assert error["Message"].startswith(text)
    assert mailbox.mails() == []


def test_more_than_fifty_recipients_are_refused(mailbox, ses):
    too_many = [f"user{number}@example.com" for number in range(51)]
    assert refusal_of(ses, *too_many)["Error"]["Message"] == "Recipient count exceeds 50."


def test_a_call_that_django_ses_does_not_make_is_refused(ses):
    with pytest.raises(ClientError, match="InvalidAction"):
        ses.list_identities()


@given(st.binary(max_size=300))
def test_no_mail_breaks_the_reader(junk):
    for raw in (junk, b"From: a@example.com\r\nContent-Type: text/html; charset=" + junk):
        with suppress(Refused):
            assert message.read(raw).headers


# --- Faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ({"kind": "throttle"}, "Throttling", 400),
        ({"kind": "error"}, "ServiceUnavailable", 503),
        ({"kind": "error", "status": 500}, "InternalFailure", 500),
        ({"kind": "reject"}, "MessageRejected", 400),
        ({"kind": "error", "code": "AccountSendingPausedException"}, "AccountSendingPausedException", 400),
        ({"kind": "reject", "code": "MailFromDomainNotVerifiedException"}, "MailFromDomainNotVerifiedException", 400),
        ({"kind": "error", "code": "ExpiredToken"}, "ExpiredToken", 403),
    ],
)
def test_faults_are_told_in_the_words_of_ses(mailbox, ses, fault, code, status):
    mailbox.fail(**fault)
    refused = refusal_of(ses)
    assert (refused["Error"]["Code"], refused["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert refused["Error"]["Type"] == ("Sender" if status < 500 else "Receiver")
    assert refused["ResponseMetadata"]["RequestId"]
    assert mailbox.mails() == []


def test_a_fault_may_name_a_time_and_a_text(mailbox, ses):
    mailbox.fail("throttle", retry_after=7, message="Daily message quota exceeded.")
    refused = refusal_of(ses)
    assert refused["Error"]["Message"] == "Daily message quota exceeded."
    assert refused["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"


def test_a_throttled_call_has_the_text_that_ses_is_known_for(mailbox, ses):
    mailbox.fail("throttle")
    assert refusal_of(ses)["Error"]["Message"] == "Maximum sending rate exceeded."


def test_a_fault_hits_only_whom_it_is_meant_for_and_as_often_as_it_is_meant(mailbox, ses):
    mailbox.fail("throttle", match="BOB@", count=1)
    send(ses, ALICE)
    refusal_of(ses, BOB)
    send(ses, BOB)
    assert [mail["to"] for mail in mailbox.mails()] == [[ALICE], [BOB]]


def test_a_list_of_faults_is_met_one_after_the_other(mailbox, ses):
    mailbox.http.put("/_faults", json=[{"kind": "throttle", "count": 1}, {"status": 503, "count": 1}])
    codes = [refusal_of(ses)["Error"]["Code"] for _ in range(2)]
    send(ses)
    assert codes == ["Throttling", "ServiceUnavailable"]
    assert [fault["hits"] for fault in mailbox.http.get("/_faults").json()] == [1, 1]


def test_a_fault_may_be_told_by_its_status_alone(mailbox):
    kinds = {429: "throttle", 503: "error", 400: "reject", "slow": "slow"}
    answers = [mailbox.http.put("/_faults", json={"status": status}).json() for status in kinds]
    assert [fault["kind"] for [fault] in answers] == list(kinds.values())


def test_taken_back_a_fault_hits_nobody(mailbox, ses):
    mailbox.fail("error")
    mailbox.heal()
    send(ses)
    assert mailbox.http.get("/_faults").json() == []


@pytest.mark.parametrize(
    "fault",
    [
        {},
        [[]],
        {"kind": "explode"},
        {"status": 200},
        {"status": True},
        {"kind": "slow", "seconds": "1"},
        {"kind": "slow", "seconds": -1},
        {"kind": "error", "count": 1.5},
        {"kind": "error", "match": 1},
        {"kind": "error", "cuont": 1},
    ],
)
def test_what_is_no_fault_is_refused_and_changes_nothing(mailbox, fault):
    mailbox.fail("slow")
    refused = mailbox.http.put("/_faults", json=fault)
    assert refused.status_code == 400
    assert refused.json()["error"]
    assert [planned["kind"] for planned in mailbox.http.get("/_faults").json()] == ["slow"]


def test_a_call_that_times_out_sends_nothing(mailbox, ses):
    mailbox.fail("timeout", count=1)
    with pytest.raises(ReadTimeoutError):
        send(ses)
    send(ses)
    assert len(mailbox.mails()) == 1


def test_a_slow_call_sends_though_its_sender_waits_no_longer(mailbox, ses):
    mailbox.fail("slow", seconds=5)
    with pytest.raises(ReadTimeoutError):
        send(ses)
    assert len(mailbox.mails()) == 1


def test_a_slow_call_is_answered_in_the_end(mailbox, ses):
    mailbox.fail("slow", seconds=0.1)
    assert send(ses) == mailbox.mails()[0]["id"]


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "timeout", "seconds": 0.1}])
def test_a_connection_is_reset_as_tcp_does_it(mailbox, fault):
    mailbox.fail(**fault)
    with socket.create_connection((LOOPBACK, mailbox.http.base_url.port), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: ses\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_reset_call_sends_nothing(mailbox, ses):
    mailbox.fail("reset", count=1)
    with pytest.raises(ConnectionClosedError):
        send(ses)
    assert mailbox.mails() == []


def test_every_call_is_on_record_with_its_outcome(mailbox, ses):
    sent = send(ses, Tags=[{"Name": "delivery_id", "Value": "17"}])
    mailbox.fail("throttle")
    refusal_of(ses, BOB)
    first, second = mailbox.received()
    assert (first["status"], first["message_id"], first["tags"]) == (200, sent, {"delivery_id": "17"})
    assert (second["status"], second["fault"], second["to"]) == (400, "throttle", [BOB])
    assert mailbox.http.get("/_received", params={"after": first["number"]}).json() == [second]


# --- The mailbox -----------------------------------------------------------------------------------------------


def test_the_stack_says_where_the_mailbox_is(mailbox, ses, servers: Servers):
    stack = describe(servers, Identity(), port=8000, demo=True)
    send(ses)
    assert httpx.get(stack.mailbox_url).json() == mailbox.mails() != []
    assert stack.ses_endpoint_url == stack.environment["SES_ENDPOINT_URL"] == servers.ses.url


def test_the_newest_mail_comes_last_and_one_may_ask_for_few_or_for_ones_own(mailbox, ses):
    ids = [send(ses, to) for to in (ALICE, BOB, ALICE)]
    assert [mail["id"] for mail in mailbox.mails()] == ids
    assert [mail["id"] for mail in mailbox.mails(to="Alice@example.com")] == [ids[0], ids[2]]
    assert [mail["id"] for mail in mailbox.http.get("/mailbox?limit=2").json()] == ids[1:]
    assert mailbox.http.get(f"/mailbox/{ids[0]}").json()["id"] == ids[0]


def test_a_mail_in_a_browser_can_run_nothing(mailbox):
    post(letter())
    page = mailbox.http.get(f"/mailbox/{mailbox.mails()[0]['id']}/html")
    assert (page.text, page.headers["content-type"]) == ("<p>html é</p>", "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"].split("; ")
    assert policy[0].startswith("sandbox ")
    assert "allow-scripts" not in policy[0]
    assert "default-src 'none'" in policy


def test_a_mail_without_html_is_shown_as_text(mailbox, ses):
    page = mailbox.http.get(f"/mailbox/{send(ses)}/html")
    assert (page.text, page.headers["content-type"]) == ("Hello", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/mailbox/none", 404), ("/mailbox/none/html", 404), ("/v2/email", 404), ("/mailbox?limit=x", 400)],
)
def test_what_is_not_there_is_said_so(mailbox, path, status):
    assert mailbox.http.get(path).status_code == status


def test_mails_outlast_a_kill_and_deleted_ones_do_not_come_back(tmp_path: Path):
    with SesSimulator(tmp_path / "ses") as own, closing(client_of(own.url)) as ses:
        send(ses)
        mails = httpx.get(own.mailbox_url).json()
        os.kill(own.pid, signal.SIGKILL)
        own.stop()
        own.start()
        assert httpx.get(own.mailbox_url).json() == mails != []
        httpx.delete(own.mailbox_url)
        own.stop()
        own.start()
        assert httpx.get(own.mailbox_url).json() == []


def mail_number(number: int) -> Mail:
    return Mail(
        id=f"mail-{number}",
        to=[ALICE],
        sender=FROM,
        subject="",
        headers={},
        text="",
        html="",
        received_at="2026-03-04T14:30:00.000Z",
        tags={},
    )


def test_only_the_latest_mails_are_kept_in_memory_and_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mailbox_module, "_MOST_MAILS", 3)
    with closing(Mailbox(tmp_path)) as box:
        for number in range(10):
            box.add(mail_number(number))
        latest = box.newest()
    assert latest == [mail_number(number).as_json() for number in (7, 8, 9)]
    with closing(Mailbox(tmp_path)) as again, closing(MailFile(tmp_path, most=3)) as file:
        assert again.newest() == latest
        assert len(list(file.lines())) <= 6


def test_mails_that_take_too_much_room_make_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mailbox_module, "_MOST_BYTES", 2 * len(mail_number(0).as_json()))
    with closing(Mailbox(tmp_path)) as box:
        for number in range(3):
            box.add(mail_number(number))
        assert box.find("mail-0") is None
        assert len(box.newest()) == 2


@pytest.mark.parametrize("whole", [[], [b"whole"]])
def test_a_line_that_was_never_finished_is_dropped(tmp_path: Path, whole: list[bytes]):
    (tmp_path / "mails.jsonl").write_bytes(b"\n".join([*whole, b"half"]))
    with closing(MailFile(tmp_path, most=3)) as file:
        file.append(b"next")
        assert list(file.lines()) == [*whole, b"next"]
