import socket
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from devstack.ports import LOOPBACK
from devstack.simulators.ses import message
from devstack.simulators.ses.refusals import Refused
from tests.devstack.ses_calls import ALICE, BOB, FROM, PLAIN, letter, post, send


def refusal_of(ses, *to: str, **parameters):
    with pytest.raises(ClientError) as refused:
        send(ses, *to, **parameters)
    return refused.value.response


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
