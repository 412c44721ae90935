from uuid import UUID

import pytest

from preferences import people
from preferences.models import User

pytestmark = pytest.mark.django_db
NOBODY = [
    "",
    " ",
    "nobody@example.com",
    "alice",
    "alice@example.com\x00",
    "\x00",
    "\ud800@example.com",
    str(UUID(int=7)),
]


def names_of(user: User) -> list[str]:
    address, id_ = str(user.email), user.id
    return [address, f" {address.upper()} ", f"usr_{id_.hex}", str(id_), f"\t{id_.hex.upper()}\n"]


def test_somebody_is_found_by_address_and_by_each_form_of_the_id(alice, bob):
    assert [people.find(name) for name in names_of(alice)] == [alice] * 5


@pytest.mark.parametrize("text", NOBODY, ids=repr)
def test_what_names_nobody_finds_nobody(alice, text):
    assert people.find(text) is None


def test_each_of_many_is_found_as_if_it_were_alone(alice, bob):
    texts = [*names_of(alice), *names_of(bob), *NOBODY]
    alone = {text: people.find(text) for text in texts}
    assert people.find_many(texts) == {text: user for text, user in alone.items() if user}
