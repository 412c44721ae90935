import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from django.core.mail import EmailMultiAlternatives
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from pytest_django import Settings

from delivery import letters
from delivery.errors import PermanentFailure
from delivery.mail import compose
from delivery.models import DIGEST, Delivery
from delivery.rendering import render
from delivery.transports.contract import Outgoing
from preferences import unsubscribe
from preferences.catalog import TYPES
from preferences.models import User

NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
ALICE = UUID(int=1)
MANY_TYPES = pytest.mark.parametrize("type_name", [type_.name for type_ in TYPES])
NOTHING = {"actor": "", "title": "", "kind": "", "resource_id": "", "url": ""}
#: Everything with which somebody could end a header and begin another.
BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"]


@pytest.fixture(autouse=True)
def _addresses(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://app.example.com"
    settings.PREFERENCES_URL = "https://app.example.com/settings"
    settings.DEFAULT_FROM_EMAIL = "Acme <notifications@example.com>"


def delivery(
    type_name="task_assigned",
    *,
    actor="Sarah Kim",
    title="Update pricing page",
    kind="task",
    resource_id="tsk_456",
    url="/tasks/tsk_456",
    params=None,
    minutes_ago=0,
) -> Delivery:
    """What the pipeline puts on record for such an event."""
    content = render(
        type_name,
        actor_name=actor or None,
        resource_type=kind or None,
        resource_title=title or None,
        params=params or {},
    )
    return Delivery(
        id=7,
        type=type_name,
        title=content.title,
        body=content.body,
        actor_name=actor,
        resource_type=kind,
        resource_id=resource_id,
        resource_url=url,
        resource_title=title,
        occurred_at=NOW - timedelta(minutes=minutes_ago),
    )


def user(email="alice@example.com", **stored) -> User:
    return User(id=ALICE, email=email, name="Alice Moreau", notification_preferences=stored)


def mail_of(*args, **changes) -> EmailMultiAlternatives:
    return compose(Outgoing(delivery(*args, **changes), user()))


def digest_of(*items: Delivery, **stored) -> EmailMultiAlternatives:
    return compose(Outgoing(Delivery(id=8, type=DIGEST), user(**stored), items))


def comments(*actors: str) -> list[Delivery]:
    return [
        delivery("comment_added", actor=actor, params={"excerpt": f"says {actor}"}, minutes_ago=minutes)
        for minutes, actor in enumerate(actors)
    ]


def html_of(mail: EmailMultiAlternatives) -> str:
    ((html, mimetype),) = mail.alternatives
    assert mimetype == "text/html"
    assert isinstance(html, str)
    return html


def received(mail: EmailMultiAlternatives) -> EmailMessage:
    """The mail as its reader's program takes it apart."""
    return message_from_bytes(mail.message().as_bytes(), policy=policy.default)


class Page(HTMLParser):
    """Everything that a test wants to know about a page: its tags, its addresses, the text that is shown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.directed: list[str] = []  # text straight below an element with dir="auto"
        self._last: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._last = dict(attrs)
        self.tags.append(tag)
        self.addresses.extend(value for name, value in attrs if name in ("href", "src", "background", "action"))

    def handle_data(self, data):
        if self._last.get("dir") == "auto":
            self.directed.append(data.strip())


# --- One notification ------------------------------------------------------------------------------------------


def test_the_subject_is_the_notifications_sentence():
    assert mail_of().subject == "Sarah Kim assigned 'Update pricing page' to you"


def test_what_somebody_wrote_is_quoted_and_kept_out_of_the_subject():
    mail = mail_of("comment_added", params={"excerpt": "Looks good"})
    assert mail.subject == "Sarah Kim commented on 'Update pricing page'"
    assert "“Looks good”" in mail.body
    assert ">Looks good</div>" in html_of(mail)


def test_both_statuses_stand_in_the_sentence():
    mail = mail_of("status_changed", params={"from": "Open", "to": "Done"})
    assert mail.subject == "Sarah Kim changed the status of 'Update pricing page' from Open to Done"
    assert "</a> from Open to Done</h1>" in html_of(mail)


def test_a_long_subject_ends_in_an_ellipsis():
    subject = mail_of(title="word " * 50).subject
    assert len(subject) <= letters.SUBJECT_LENGTH
    assert subject.endswith("…")


def test_the_subject_may_be_in_any_script():
    assert received(mail_of(actor="سارة", title="料金ページ 💶"))["Subject"] == "سارة assigned '料金ページ 💶' to you"


@MANY_TYPES
@pytest.mark.parametrize("extension", ["html", "txt"])
def test_every_type_has_its_mail(type_name, extension):
    assert get_template(f"notifications/{type_name}/email.{extension}")


@MANY_TYPES
def test_every_type_renders_without_actor_resource_and_params(type_name):
    mail = mail_of(type_name, **NOTHING)
    assert mail.subject.startswith("Someone ")
    assert mail.subject in mail.body
    assert "None" not in mail.body + html_of(mail)


@MANY_TYPES
def test_the_text_says_all_that_the_html_says(type_name):
    mail = mail_of(type_name, params={"excerpt": "Looks good", "from": "Open", "to": "Done"})
    links = set(Page(html_of(mail)).addresses)
    assert {link for link in links if link in mail.body} == links
    assert "Sarah Kim" in mail.body
    assert "Wed 4 Mar, 14:30 UTC" in mail.body


@MANY_TYPES
def test_the_text_is_free_of_markup_and_of_gaps(type_name):
    body = mail_of(type_name, title='<b>"Tom" & Jerry\'s</b>').body
    assert '<b>"Tom" & Jerry\'s</b>' in body
    assert "\n\n\n" not in body
    assert "&amp;" not in body


def test_the_time_is_the_users_own():
    mail = compose(Outgoing(delivery(), user(timezone="Asia/Kolkata")))
    assert "Wed 4 Mar, 20:00 IST" in mail.body


def test_the_button_leads_to_the_resource():
    page = html_of(mail_of())
    assert re.search(r'class="button"[^>]*><a href="https://app\.example\.com/tasks/tsk_456"[^>]*>Open task</a>', page)


def test_what_is_about_no_page_has_no_button():
    assert 'class="button"' not in html_of(mail_of(url=""))


def test_the_preview_line_shows_what_was_written_or_the_title():
    assert 'class="preheader" dir="auto"' in html_of(mail_of())
    assert first_text(html_of(mail_of())).startswith("New task assigned to you")
    assert first_text(html_of(mail_of("mentioned", params={"excerpt": "Can you?"}))).startswith("Can you?")


def first_text(html: str) -> str:
    """The first words of the body, which is what lists of mails show."""
    body = html.partition("<body")[2].partition(">")[2]
    return re.sub(r"<[^>]*>", " ", body).strip()


def test_the_reader_is_told_why_and_can_leave():
    mail = mail_of()
    link = unsubscribe.read(token_in(mail.extra_headers["List-Unsubscribe"]))
    assert (link.user_id, link.type_name) == (ALICE, "task_assigned")
    for part in (mail.body, html_of(mail)):
        assert "because “Task assigned to you” is on" in part
        assert "https://app.example.com/settings" in part
        assert mail.extra_headers["List-Unsubscribe"].strip("<>") in part


def token_in(header: str) -> str:
    match = re.fullmatch(r"<https://app\.example\.com/email/unsubscribe/(\S+)>", header)
    assert match, header
    return match[1]


def test_ten_thousand_characters_are_shortened_with_a_link_to_the_rest():
    mail = mail_of("comment_added", params={"excerpt": "word " * 2000})
    for part in (mail.body, html_of(mail)):
        assert 190 <= part.count("word") <= 240  # the preview line has some too
        assert "Read the rest" in part
    assert "Read the rest: https://app.example.com/tasks/tsk_456" in mail.body


def test_the_rest_of_what_is_about_no_page_is_in_the_inbox():
    mail = mail_of("comment_added", **NOTHING, params={"excerpt": "word " * 2000})
    assert "Read the rest: https://app.example.com/" in mail.body


def test_words_stored_under_an_older_template_are_sent_as_they_are():
    old = delivery()
    old.body = "You have a new task from <Sarah>" + "!" * 2000
    mail = compose(Outgoing(old, user()))
    assert mail.subject.startswith("You have a new task from <Sarah>!!!")
    assert '<span dir="auto">You have a new task from &lt;Sarah&gt;!!!' in html_of(mail)
    assert "Read the rest" in mail.body


# --- Looks -----------------------------------------------------------------------------------------------------


def test_styles_are_in_the_elements_and_only_darkness_and_phones_need_a_sheet():
    html = html_of(mail_of())
    (sheet,) = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    assert set(re.findall(r"@media \((\S+):", sheet)) == {"prefers-color-scheme", "max-width"}
    assert re.search(r'class="sentence" style="[^"]*font-size: 18px', html)


def test_dark_mode_is_announced_and_every_colour_has_its_dark_counterpart():
    html = html_of(digest_of(*comments("Sarah", "Bob"), email_digest="daily")) + html_of(mail_of())
    assert '<meta name="color-scheme" content="light dark">' in html
    dark = html.partition("prefers-color-scheme: dark")[2].partition("@media")[0]
    coloured = re.findall(r'class="([\w -]+)"[^>]*style="[^"]*(?<!-)color:', html)
    assert coloured
    assert not [classes for classes in coloured if not any(f".{name}" in dark for name in classes.split())]


def test_the_page_names_its_language():
    assert '<html lang="en" dir="ltr"' in html_of(mail_of())


@pytest.mark.parametrize("text", ["سارة الكيم", "تحديث صفحة الأسعار", "يبدو جيدًا"])
def test_what_people_write_finds_its_own_direction(text):
    mail = mail_of("comment_added", actor="سارة الكيم", title="تحديث صفحة الأسعار", params={"excerpt": "يبدو جيدًا"})
    assert text in Page(html_of(mail)).directed


def test_nothing_is_loaded_from_anywhere():
    tags = Page(html_of(digest_of(*comments("Sarah", "Bob")))).tags
    assert not {"img", "link", "script", "iframe", "object", "form"} & set(tags)


# --- Bad input -------------------------------------------------------------------------------------------------


@MANY_TYPES
@pytest.mark.parametrize("place", ["actor", "title", "kind", "excerpt", "to", "url"])
def test_html_is_shown_and_never_run(type_name, place):
    evil = '"><img src=x onerror=alert(1)></td><script>alert(1)</script>'
    assert tags_with(type_name, place, evil) == tags_with(type_name, place, "harmless")


def tags_with(type_name: str, place: str, text: str) -> list[list[str]]:
    """The tags of a mail and of a digest with this text in one place."""
    changes: dict[str, Any] = {"params": {place: text}} if place in ("excerpt", "to") else {place: text}
    if place == "kind":
        changes["title"] = ""  # then the sentence names the kind
    if place == "url":
        changes["url"] = f"/{text}"
    event = delivery(type_name, **changes)
    return [Page(html_of(mail)).tags for mail in (compose(Outgoing(event, user())), digest_of(event, event))]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("place", ["actor", "title", "kind"])
def test_no_name_or_title_adds_a_header(line_break, place):
    evil = {place: f"Sarah{line_break}Bcc: mallory@example.com{line_break}{line_break}Body"}
    for mail in (mail_of("comment_added", **evil), digest_of(delivery("comment_added", **evil))):
        message = received(mail)
        assert message["Bcc"] is None
        assert len(mail.subject.splitlines()) == 1
        assert set(message.keys()) == set(received(mail_of()).keys())


def test_marks_that_turn_the_direction_are_dropped():
    mail = mail_of(title="invoice\u202efdp.exe\u2066")
    assert mail.subject == "Sarah Kim assigned 'invoicefdp.exe' to you"
    assert not set("\u202e\u2066") & set(mail.body + html_of(mail))


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@example",
        "alice@example.com, bob@example.com",
        "Alice <alice@example.com>",
        "alice@example.com\r\nBcc: mallory@example.com",
        '"al\x01ice"@example.com',
        "älice@example.com",
        "ali\u017fe@example.com",  # a long s, which the case-blind validator takes for an s
        "alice@" + "a" * 63 + ".example" * 30 + ".com",
        "alice@exa\u2028mple.com",
    ],
)
def test_what_is_no_address_fails_for_good(address):
    with pytest.raises(PermanentFailure, match=r"^invalid_address$"):
        compose(Outgoing(delivery(), user(address)))


def test_an_international_domain_is_addressed_in_ascii():
    assert compose(Outgoing(delivery(), user("alice@bücher.example"))).to == ["alice@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "outgoing",
    [
        Outgoing(Delivery(id=1, type="no_such_type", occurred_at=NOW), user()),
        Outgoing(Delivery(id=1, type="../email", occurred_at=NOW), user()),
        Outgoing(Delivery(id=1, type=DIGEST), user()),  # with nothing in it
    ],
)
def test_what_cannot_be_rendered_fails_for_good_and_alone(outgoing):
    with pytest.raises(PermanentFailure, match=r"^template_error$"):
        compose(outgoing)


def test_the_log_says_what_broke_a_template(caplog):
    with pytest.raises(PermanentFailure):
        compose(Outgoing(Delivery(id=1, type="no_such_type", occurred_at=NOW), user()))
    [line] = caplog.records
    assert (line.message, line.delivery_id, line.exc_info[0]) == ("template broke", 1, TemplateDoesNotExist)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "tasks/1", "data:text/html,x", " /tasks/1"])
def test_an_address_that_is_neither_a_path_nor_https_is_no_link(url):
    assert url not in Page(html_of(mail_of(url=url))).addresses


# --- Envelope --------------------------------------------------------------------------------------------------


def every_kind_of_mail() -> Iterator[EmailMultiAlternatives]:
    for type_ in TYPES:
        yield mail_of(type_.name)
        yield mail_of(type_.name, **NOTHING)
        yield mail_of(type_.name, url="https://docs.example.com/a?b=1&c=2")
        yield mail_of(type_.name, params={"excerpt": "word " * 2000, "to": "word " * 2000})
    yield digest_of(*comments("Sarah", "Bob"))
    yield digest_of(*(delivery(resource_id=f"tsk_{number}") for number in range(60)))


def test_all_links_are_absolute():
    for mail in every_kind_of_mail():
        addresses = Page(html_of(mail)).addresses
        assert addresses
        assert [link for link in addresses if not re.match(r"https?://[\w.:-]+/", link)] == []


def test_links_of_other_hosts_stay_as_they_are():
    mail = mail_of(url="https://docs.example.com/a?b=1&c=2")
    assert "https://docs.example.com/a?b=1&c=2" in mail.body
    assert "https://docs.example.com/a?b=1&c=2" in Page(html_of(mail)).addresses


def test_mail_programs_can_unsubscribe_with_one_click():
    message = received(mail_of())
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert unsubscribe.read(token_in(message["List-Unsubscribe"])).user_id == ALICE


def test_no_header_begins_on_its_second_line():
    raw = mail_of(actor="سارة" * 9, title="料金ページ" * 9).message().as_bytes(linesep="\r\n")
    headers, _, _ = raw.partition(b"\r\n\r\n")
    assert b"\r\nList-Unsubscribe: <https://" in headers
    assert b"\r\nSubject: =?utf-8?" in headers


def test_ses_is_told_where_its_feedback_belongs(settings: Settings):
    settings.SES_CONFIGURATION_SET = "notifications"
    message = received(mail_of())
    assert message["X-SES-CONFIGURATION-SET"] == "notifications"
    assert message["X-SES-MESSAGE-TAGS"] == "delivery_id=7"


def test_without_a_configuration_set_its_header_is_left_out(settings: Settings):
    settings.SES_CONFIGURATION_SET = ""
    assert received(mail_of())["X-SES-CONFIGURATION-SET"] is None


def test_absence_notes_are_not_invited():
    assert received(mail_of())["Auto-Submitted"] == "auto-generated"


def test_text_comes_before_html_and_both_arrive_whole():
    mail = mail_of("comment_added", title="料金ページ", params={"excerpt": "ø" * 3000})
    message = received(mail)
    assert (message["From"], message["To"]) == ("Acme <notifications@example.com>", "alice@example.com")
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == mail.body
    assert html.get_content().strip() == html_of(mail).strip()


# --- Digest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actors", "subject"),
    [
        (["Sarah Kim"], "1 update: Sarah Kim commented on 'Update pricing page'"),
        (["Sarah Kim", "Bob"], "2 updates: Sarah Kim and Bob commented on 'Update pricing page'"),
        (["Sarah Kim", *"ABC"], "4 updates: Sarah Kim and 3 others commented on 'Update pricing page'"),
        (["", ""], "2 updates: Someone commented on 'Update pricing page'"),
    ],
)
def test_a_digest_says_once_what_several_people_did(actors, subject):
    assert digest_of(*comments(*actors)).subject == subject


def test_names_and_counts_stand_out_and_the_resource_is_linked():
    html = re.sub(r' style="[^"]*"', "", html_of(digest_of(*comments("Sarah Kim", *"ABC"))))
    assert '<strong dir="auto">Sarah Kim</strong> and <strong dir="auto">3 others</strong> commented on <a' in html
    assert 'href="https://app.example.com/tasks/tsk_456">Update pricing page</a>' in re.sub(' dir="auto"', "", html)


def test_the_newest_remarks_of_a_group_are_told_with_their_authors():
    mail = digest_of(*comments("Sarah", "Bob", "Carol"))
    assert "Sarah: says Sarah\n  Bob: says Bob\n" in mail.body
    assert "says Carol" not in mail.body + html_of(mail)
    assert "3 updates, the latest Wed 4 Mar, 14:30 UTC" in mail.body


def test_of_several_changes_of_status_the_latest_are_told():
    changes = [
        delivery("status_changed", params={"from": "Open", "to": "In review"}, minutes_ago=2),
        delivery("status_changed", actor="Bob", params={"from": "In review", "to": "Done"}),
    ]
    body = digest_of(*changes).body
    assert "Bob and Sarah Kim changed the status of 'Update pricing page'\n" in body
    assert "Bob: from In review to Done" in body


def test_a_remark_that_is_the_same_again_is_told_once_and_makes_room_for_another():
    moves = [("Open", "In review", 9), ("In review", "Open", 3), ("Open", "In review", 2), ("Open", "In review", 1)]
    body = digest_of(
        *(delivery("status_changed", params={"from": a, "to": b}, minutes_ago=ago) for a, b, ago in moves)
    ).body
    assert re.findall(r"Sarah Kim: (.+)", body) == ["from Open to In review", "from In review to Open"]
    assert "4 updates, the latest" in body


def test_a_digest_of_one_reads_like_its_notification():
    body = digest_of(delivery("status_changed", params={"from": "Open", "to": "Done"})).body
    assert body.count("from Open to Done") == 1


def test_a_digest_is_bounded_and_links_to_what_it_leaves_out():
    mail = digest_of(*(delivery(resource_id=f"tsk_{number}") for number in range(32)))
    assert mail.subject.startswith("32 updates: ")
    assert html_of(mail).count(">Update pricing page</a>") == 20
    assert "and 12 more updates: https://app.example.com/" in mail.body
    assert re.search(r'and <a href="https://app\.example\.com/"[^>]*>12 more updates</a>', html_of(mail))


def test_a_digest_stays_below_the_size_at_which_gmail_cuts():
    long = {"title": "ש" * 255, "actor": "ש" * 150, "params": {"excerpt": "ש" * 10_000}}
    items = [
        delivery("comment_added", **{**long, "actor": f"{number} {long['actor']}"[:150]}, resource_id=f"{number % 50}")
        for number in range(200)
    ]
    assert len(html_of(digest_of(*items)).encode()) < 102_000


def test_the_preview_line_of_a_digest_tells_what_the_subject_does_not():
    mail = digest_of(*comments("Sarah"), delivery("mentioned", actor="Bob", minutes_ago=5))
    assert first_text(html_of(mail)).startswith("Bob mentioned you in 'Update pricing page'")


@pytest.mark.parametrize(
    ("chosen", "why"),
    [("hourly", "hourly digests"), ("daily", "daily digests"), ("weekly", "weekly digests")],
)
def test_a_digest_names_the_choice_that_it_comes_from(chosen, why):
    mail = digest_of(*comments("Sarah"), email_digest=chosen)
    assert f"because you chose {why}." in mail.body
    assert f"because you chose {why}." in html_of(mail)


def test_the_last_digest_of_who_wants_mail_at_once_now_claims_no_choice():
    assert "because these updates were gathered for a digest" in digest_of(*comments("Sarah")).body


def test_leaving_a_digest_means_all_mail():
    mail = digest_of(*comments("Sarah"))
    assert unsubscribe.read(token_in(mail.extra_headers["List-Unsubscribe"])).type_name is None
    assert "Unsubscribe from all mails: " in mail.body
