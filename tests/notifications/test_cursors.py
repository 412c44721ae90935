import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import cursors
from notifications.cursors import InvalidCursor
from notifications.inbox import Position, Status

ALICE, CHARLIE = UUID(int=1), UUID(int=3)
POSITION = Position(datetime(2026, 3, 4, 14, 30, 0, 123456, tzinfo=UTC), "ntf_0123456789abcdef")
CURSOR = cursors.encode(POSITION, user_id=ALICE, status=Status.ALL)


def read(text: str, *, user_id=ALICE, status=Status.ALL) -> Position:
    return cursors.decode(text, user_id=user_id, status=status)


def base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def test_a_cursor_names_its_place_to_the_microsecond():
    assert read(CURSOR) == POSITION


def test_a_cursor_starts_as_in_the_seed():
    assert CURSOR.startswith(base64url('{"id":"ntf_')[:-1])
    assert "=" not in CURSOR


def test_another_users_cursor_is_refused():
    with pytest.raises(InvalidCursor):
        read(CURSOR, user_id=CHARLIE)


def test_a_cursor_of_another_filter_is_refused():
    with pytest.raises(InvalidCursor):
        read(CURSOR, status=Status.UNREAD)


@pytest.mark.parametrize("length", range(len(CURSOR)))
def test_a_truncated_cursor_is_refused(length):
    with pytest.raises(InvalidCursor):
        read(CURSOR[:length])


@pytest.mark.parametrize("place", range(0, len(CURSOR), 7))
def test_a_changed_cursor_is_refused(place):
    with pytest.raises(InvalidCursor):
        read(CURSOR[:place] + ("A" if CURSOR[place] != "A" else "B") + CURSOR[place + 1 :])


@pytest.mark.parametrize(
    "written",
    [
        {"id": POSITION.id, "at": 0},
        {"id": POSITION.id, "at": 10**18, "signature": ""},
        {"id": POSITION.id, "at": 10**400, "signature": ""},
        {"id": POSITION.id, "at": "soon", "signature": ""},
        {"id": POSITION.id, "at": 0.5, "signature": ""},
        {"id": POSITION.id, "at": None, "signature": ""},
        {"id": None, "at": 0, "signature": ""},
        {"id": {}, "at": 0, "signature": ""},
        {"id": "\x00", "at": 0, "signature": ""},
        {},
        [],
        None,
    ],
    ids=str,
)
def test_a_cursor_of_ones_own_making_is_refused(written):
    with pytest.raises(InvalidCursor):
        read(base64url(json.dumps(written)))


@given(st.text())
def test_any_other_text_is_refused(text):
    with pytest.raises(InvalidCursor):
        read(text)
