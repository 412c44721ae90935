import uuid

import pytest
from waffle.models import Switch

from preferences import rollout, user_ids
from preferences.models import Flag, User
from tests.preferences.services import service
from tests.rest import details, refusal

ROLLOUT = "/api/v1/rollout"
pytestmark = pytest.mark.django_db


def enabled(*users) -> list[str]:
    response = service().post(ROLLOUT, {"users": [str(user) for user in users]})
    assert response.status_code == 200, response.content
    found: list[str] = response.json()["enabled"]
    return found


def turn(**flag) -> None:
    Flag.objects.filter(name=rollout.FLAG).update(**flag)
    rollout.forget()


def test_ids_come_back_in_the_form_and_order_in_which_they_were_given(alice, bob):
    given = [str(bob.id), user_ids.show(alice.id), str(alice.id).upper()]
    assert enabled(*given) == given


def test_users_outside_of_the_flag_are_left_to_the_legacy_mail(alice, bob):
    turn(everyone=None, percent=None)
    Flag.objects.get(name=rollout.FLAG).users.add(alice)
    rollout.forget()
    assert enabled(alice.id, bob.id) == [str(alice.id)]


def test_the_answer_is_the_one_that_the_pipeline_acts_on():
    people = User.objects.bulk_create(User(name=f"{n}", email=f"{n}@example.com") for n in range(200))
    turn(everyone=None, percent=50)
    assert enabled(*(person.id for person in people)) == [
        str(person.id) for person in people if rollout.current().includes(person.id)
    ]
    assert 60 < len(enabled(*(person.id for person in people))) < 140


def test_users_whom_we_do_not_know_are_left_to_the_legacy_mail(alice):
    assert enabled(uuid.uuid4(), "", "\x00", "alice", "usr_1", alice.id) == [str(alice.id)]


def test_the_kill_switch_takes_nobody_out_since_what_it_holds_still_comes(alice):
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True)
    rollout.forget()
    assert enabled(alice.id) == [str(alice.id)]


def test_a_thousand_users_are_answered_with_one_query_of_them(alice, django_assert_num_queries):
    rollout.current()
    with django_assert_num_queries(1):
        assert enabled(*(uuid.uuid4() for _ in range(1_000))) == []


@pytest.mark.parametrize(
    "body",
    [{}, [], {"users": "alice"}, {"users": [1]}, {"users": [None]}, {"users": ["x"] * 1_001}, {"users": [], "who": 1}],
    ids=lambda body: str(body)[:20],
)
def test_anything_else_is_refused(body):
    assert details(service().post(ROLLOUT, body))


def test_a_user_that_is_no_text_is_named_by_its_place():
    assert details(service().post(ROLLOUT, {"users": ["alice", 1]})).keys() == {"users.1"}


def test_broken_json_is_refused():
    assert refusal(service()("POST", ROLLOUT, b"{")) == (400, "INVALID_REQUEST")


def test_nobody_is_an_answer_too():
    assert enabled() == []
