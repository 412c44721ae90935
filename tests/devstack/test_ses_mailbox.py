import os
import signal
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from devstack.identity import Identity
from devstack.simulators.server import SesSimulator
from devstack.simulators.ses import mailbox as mailbox_module
from devstack.simulators.ses.mail_file import MailFile
from devstack.simulators.ses.mailbox import Mail, Mailbox
from devstack.stack import Servers, describe
from tests.devstack.ses_calls import ALICE, BOB, FROM, client_of, letter, post, send


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
