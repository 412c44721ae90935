import uuid

import pytest

from preferences import user_ids

ID = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


@pytest.mark.parametrize("text", [ID.hex, str(ID), f"usr_{ID.hex}"])
def test_each_form_is_read_in_any_case(text):
    assert user_ids.parse(text) == user_ids.parse(text.upper()) == user_ids.parse(text.title()) == ID


@pytest.mark.parametrize("text", ["", "usr_", f"usr_{ID}", f"usr_usr_{ID.hex}", f"{{{ID}}}", f"{ID}\n", None, 7])
def test_anything_else_is_nobodys(text):
    assert user_ids.parse(text) is None


def test_an_id_is_read_as_it_is_shown():
    assert user_ids.parse(user_ids.show(ID)) == ID
