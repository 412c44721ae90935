import html
from urllib.parse import parse_qs, urlsplit

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications.explaining import forecasts
from notifications.models import Decision, Forecast, Notification
from preferences.catalog import Channel
from preferences.models import User
from tests.staff import staff_with

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def agent() -> User:
    """Somebody of support who may look and ask."""
    return staff_with("view_forecast", "add_forecast")


@pytest.fixture
def support(client: Client, agent) -> Client:
    client.force_login(agent)
    return client


def text(response) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def ask(client: Client, **fields):
    return client.post(reverse("admin:explain"), {"type": "comment_added", **fields})


def begun(channel: Channel = Channel.EMAIL) -> Forecast:
    return forecasts.begin("comment_added", defaults={channel: True}, asked_by=None)


def open_forecast(client: Client, forecast: Forecast):
    return client.get(reverse("admin:explain"), {"forecast": forecast.id})


def test_one_person_is_answered_in_a_sentence_and_by_channel(support, alice):
    page = text(support.get(reverse("admin:explain"), {"user": "Alice@Example.com ", "type": "task_assigned"}))
    assert "Alice Moreau would see it in the bell at once, get a mail at once, and get no push" in page
    assert "no_push_token" in page


def test_actor_and_age_are_part_of_the_question(support, alice):
    question = {"user": f"usr_{alice.id.hex}", "type": "task_assigned", "age": "5h"}
    assert "5 hours after it happened" in text(support.get(reverse("admin:explain"), question))
    own = {**question, "actor": str(alice.id)}
    assert "they did it themselves" in text(support.get(reverse("admin:explain"), own))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"user": "who@example.com"}, "Nobody has this address or id."),
        ({"actor": "who@example.com"}, "Nobody has this address or id."),
        ({"age": "long"}, "Write it as 90s, 10m, 4h or 2d."),
        ({"type": "gone"}, "Select a valid choice."),
        ({"user": ""}, "This field is required."),
        ({"user": "a\0b"}, "Null characters are not allowed."),
    ],
)
def test_a_wrong_question_is_told_beside_its_field(support, alice, wrong, problem):
    question = {"user": "alice@example.com", "type": "task_assigned", **wrong}
    assert problem in text(support.get(reverse("admin:explain"), question))


def test_explaining_one_person_leaves_no_trace(support, alice):
    support.get(reverse("admin:explain"), {"user": "alice@example.com", "type": "task_assigned"})
    assert not any(model.objects.exists() for model in (Decision, Notification, Forecast, LogEntry))


def test_a_name_is_never_html(support, alice):
    User.objects.filter(id=alice.id).update(name="<script>alert(1)</script>")
    page = support.get(reverse("admin:explain"), {"user": "alice@example.com", "type": "mentioned"})
    assert b"<script>alert" not in page.content
    assert "<script>alert(1)</script> would see it" in text(page)


def test_a_count_is_begun_logged_and_shown(support, agent, monkeypatch, django_capture_on_commit_callbacks):
    called = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, queue: called.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        answer = ask(support, email="on", push="off", in_app="")
    forecast = Forecast.objects.get()
    assert parse_qs(urlsplit(answer.url).query) == {"forecast": [str(forecast.id)]}
    assert (forecast.defaults, forecast.asked_by) == ({"email": True, "push": False}, agent)
    assert LogEntry.objects.get().change_message.endswith("Comment added, with mail on and push off by default")
    assert called == [("notifications.count_forecast", [forecast.id, None])]


def test_a_wrong_type_begins_nothing(support):
    assert "Select a valid choice." in text(ask(support, type="gone"))
    assert not Forecast.objects.exists()


def test_a_page_is_loaded_again_only_while_it_counts(support, alice):
    forecast = begun()
    counting = open_forecast(support, forecast)
    assert "<progress" in text(counting)
    assert "So far" not in text(counting)  # nobody is counted yet: it would change nothing for anybody
    forecasts.advance(forecast, batch_size=1)
    assert "So far: Turning mail on" in text(open_forecast(support, forecast))
    assert counting.headers["Refresh"] == "2"
    list(forecasts.run(forecast))
    finished = open_forecast(support, forecast)
    assert "<progress" not in text(finished)
    assert "So far" not in text(finished)
    assert "Refresh" not in finished.headers


def test_the_result_is_a_sentence_and_a_table(support, agent, alice):
    forecast = begun()
    list(forecasts.run(forecast))
    page = text(open_forecast(support, forecast))
    assert "Turning mail on by default for “Comment added” adds mail for 2 people." in page
    assert "+2" in page
    assert "no phone registered" not in page  # push is off for them anyway


def test_past_counts_are_listed_with_their_questions(support):
    list(forecasts.run(begun()))
    begun(Channel.PUSH)
    page = text(support.get(reverse("admin:explain")))
    assert "Comment added, with mail on by default" in page
    assert page.count("<progress") == 1


@pytest.mark.parametrize("forecast_id", [999, 10**30, "9" * 5_000])
def test_a_count_that_never_was_is_not_found(support, forecast_id):
    assert support.get(reverse("admin:explain"), {"forecast": forecast_id}).status_code == 404


def test_who_may_only_look_cannot_begin_a_count(client):
    client.force_login(staff_with("view_forecast"))
    assert 'method="post" action="/admin/explain"' not in text(client.get(reverse("admin:explain")))
    assert ask(client, email="on").status_code == 403
    assert not Forecast.objects.exists()


def test_staff_without_the_permission_see_nothing(client):
    client.force_login(staff_with())
    assert client.get(reverse("admin:explain")).status_code == 403


def test_a_count_takes_more_than_a_link_from_another_page(agent):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent)
    assert ask(strict, email="on").status_code == 403


def test_every_view_asks_little(support, alice):
    for number in range(30):
        Forecast.objects.create(type="mentioned", defaults={"push": bool(number % 2)}, now={}, then={})
    for question in (
        {},
        {"user": "alice@example.com", "type": "mentioned"},
        {"forecast": Forecast.objects.latest("id").id},
    ):
        with CaptureQueriesContext(connection) as asked:
            assert support.get(reverse("admin:explain"), question).status_code == 200
        assert len(asked) <= MOST_QUERIES, [query["sql"] for query in asked]
