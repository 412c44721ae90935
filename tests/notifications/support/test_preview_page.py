import html
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from delivery import rendering
from delivery.models import Delivery
from notifications.models import Decision, Notification, ReceivedEvent
from notifications.support import preview_page, push_preview, samples
from notifications.support.samples import Sample
from preferences.catalog import CATALOG, TYPES, NotificationType
from tests.staff import staff_with

pytestmark = pytest.mark.django_db

EVERY_TYPE = pytest.mark.parametrize("type_name", [*CATALOG, "digest"])
EVERY_SAMPLE = pytest.mark.parametrize("sample", list(Sample))
NOW = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
DARK, NEVER = "@media all {", "@media not all {"


@pytest.fixture
def support(client: Client, db: None) -> Client:
    client.force_login(staff_with("view_system"))
    return client


@pytest.fixture
def new_type(monkeypatch: pytest.MonkeyPatch) -> NotificationType:
    """A type of the catalogue that the page has never heard of, with the templates of another one's name."""
    new = replace(CATALOG["mentioned"], label="Invited to a project")
    monkeypatch.setitem(CATALOG, "mentioned", new)
    for module in (preview_page, samples):
        monkeypatch.setattr(module, "TYPES", (new,))
    return new


def show(client: Client, **asked: str) -> str:
    response = client.get(reverse("admin:preview"), asked)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def mail(client: Client, type_name: str = "mentioned", **asked: str):
    return client.get(reverse("admin:preview_mail", args=[type_name]), asked)


# --- The page --------------------------------------------------------------------------------------------------


@EVERY_TYPE
@EVERY_SAMPLE
def test_every_type_is_shown_with_every_sample(support, type_name: str, sample: Sample):
    page = show(support, type=type_name, sample=sample)
    assert f"{reverse('admin:preview_mail', args=[type_name])}?sample={sample}&theme=dark" in page
    assert ('id="push"' in page) == ('id="bell"' in page) == (type_name in CATALOG)


def test_the_words_are_those_of_the_renderers_that_send(support):
    page = show(support, type="task_assigned")
    assert page.count("Sarah Kim assigned 'Update pricing page' to you") >= 4  # bell, subject, plain text, phones
    assert page.count("New task assigned to you") >= 4


def test_the_preheader_is_that_of_the_mail(support):
    preheader = re.search(r'id="preheader">([^<]+)<', show(support, type="comment_added"))
    hidden = re.search(r'class="preheader"[^>]*>([^&<]+)', mail(support, "comment_added").content.decode())
    assert preheader
    assert hidden
    assert hidden[1].startswith(preheader[1])


def test_the_type_tells_where_it_is_on_by_default(support):
    page = show(support, type="comment_added")
    assert "bell on by default" in page
    assert "mail off by default" in page


@pytest.mark.parametrize("asked", [{"type": "gone"}, {"sample": "gone"}, {"type": "digest", "sample": "gone"}])
def test_what_nobody_knows_is_not_found(support, asked):
    assert support.get(reverse("admin:preview"), asked).status_code == 404


def test_looking_stores_nothing_and_asks_only_who_looks(support):
    with CaptureQueriesContext(connection) as queries:
        show(support, type="mentioned", sample="long")
        mail(support)
    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert not any(model.objects.exists() for model in (Delivery, Notification, Decision, ReceivedEvent))
    assert len(queries) <= 8  # session, person and rights, twice


def test_who_may_not_see_people_may_not_see_templates(client, db):
    client.force_login(staff_with())
    assert client.get(reverse("admin:preview")).status_code == 403
    assert mail(client).status_code == 403


# --- The mail in its frame -------------------------------------------------------------------------------------


@EVERY_TYPE
@EVERY_SAMPLE
def test_every_mail_can_be_seen_in_light_and_in_dark(support, type_name: str, sample: Sample):
    light, dark = (mail(support, type_name, sample=sample, theme=theme).content.decode() for theme in ("light", "dark"))
    assert (DARK in dark, NEVER in dark) == (True, False)
    assert (DARK in light, NEVER in light) == (False, True)
    assert "prefers-color-scheme" not in light + dark
    assert "light dark" not in light + dark


def test_the_mail_may_be_framed_by_the_page_alone_and_can_run_nothing(support):
    response = mail(support)
    policy = response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy.split("; ")


@pytest.mark.parametrize("asked", [{"theme": "sepia"}, {"sample": "gone"}])
def test_a_mail_that_nobody_knows_is_not_found(support, asked):
    assert mail(support, **asked).status_code == 404
    assert mail(support, "gone").status_code == 404


@EVERY_TYPE
def test_unsubscribing_in_a_preview_leads_to_a_link_that_does_not_work(support, client, type_name: str):
    (link,) = set(re.findall(r'href="[^"]*(/email/unsubscribe/[^"]+)"', mail(support, type_name).content.decode()))
    assert client.get(link).status_code == 404
    assert client.post(link, {"choice": "all"}).status_code == 404


def test_what_an_event_says_is_text_in_the_mail(support):
    page = mail(support, "comment_added", sample="long").content.decode()
    assert "<script" not in page
    assert "<b>no markup" not in page


# --- Samples ---------------------------------------------------------------------------------------------------


@EVERY_SAMPLE
@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
def test_every_push_fits_its_provider(type_, sample: Sample):
    specimen = samples.single(type_, sample, now=NOW)
    for phone in push_preview.on_phones(specimen.push, now=NOW):
        assert 0 < phone.size <= phone.largest


def test_the_bare_sample_has_neither_actor_nor_resource():
    specimen = samples.single(CATALOG["mentioned"], Sample.BARE, now=NOW)
    assert (specimen.item.actor, specimen.item.resource) == (None, None)
    assert specimen.item.body == "Someone mentioned you in an item"


def test_the_long_sample_is_as_long_as_texts_can_be_and_turns_direction():
    specimen = samples.single(CATALOG["comment_added"], Sample.LONG, now=NOW)
    assert len(specimen.item.title) == rendering.TITLE_LENGTH
    directions = {unicodedata.bidirectional(letter) for letter in specimen.item.body}
    assert {"L", "R", "AL"} <= directions


def test_the_long_digest_has_to_leave_some_out(support):
    text = re.sub("<[^>]+>", "", mail(support, "digest", sample="long").content.decode())
    assert re.search(r"and \d+ more updates", text)


def test_the_page_and_the_digest_go_by_the_catalogue(support, new_type):
    page = show(support)
    assert "Invited to a project" in page
    assert "Task assigned to you" not in page
    assert len(samples.digest(Sample.BARE, now=NOW)) == 1
