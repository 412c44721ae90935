"""The mail that tells of many notifications at once."""

import re

import pytest

from preferences import unsubscribe
from tests.delivery.mails import comments, delivery, digest_of, first_text, html_of, token_in

pytestmark = pytest.mark.usefixtures("our_addresses")


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
