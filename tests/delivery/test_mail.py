"""The mail of one notification: what it says, and how it looks."""

import re

import pytest
from django.template.loader import get_template

from delivery import letters
from delivery.mail import compose
from delivery.transports.contract import Outgoing
from preferences import unsubscribe
from preferences.catalog import TYPES
from tests.delivery.mails import (
    ALICE,
    NOTHING,
    Page,
    comments,
    delivery,
    digest_of,
    first_text,
    html_of,
    mail_of,
    received,
    token_in,
    user,
)

pytestmark = pytest.mark.usefixtures("our_addresses")
MANY_TYPES = pytest.mark.parametrize("type_name", [type_.name for type_ in TYPES])


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


def test_the_reader_is_told_why_and_can_leave():
    mail = mail_of()
    link = unsubscribe.read(token_in(mail.extra_headers["List-Unsubscribe"]))
    assert (link.user_id, link.type_name) == (ALICE, "task_assigned")
    for part in (mail.body, html_of(mail)):
        assert "because “Task assigned to you” is on" in part
        assert "https://app.example.com/settings" in part
        assert mail.extra_headers["List-Unsubscribe"].strip("<>") in part


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


# --- Looks ---------------------------------------------------------------------------------------------------


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
