import json

import pytest

from notifications.event_messages import MAX_MESSAGE_BYTES
from notifications.events import Event, Rejected
from notifications.models import Rejection
from tests.cloudevents import cloudevent
from tests.notifications.reading import accepted, read, reason


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "NaN",
        '{"specversion": "1.0", "id": Infinity}',
        "[" * 100_000,
        "\x00",
        b"\xff\xfe",
        '"\\ud800" x',
    ],
)
def test_what_is_not_json_is_rejected(body):
    assert reason(body) is Rejection.NOT_JSON


def test_more_than_one_mebibyte_is_too_large():
    assert reason(cloudevent(data={"params": {"excerpt": "x" * 1_048_576}})) is Rejection.TOO_LARGE


def test_a_bad_event_in_a_batch_leaves_its_neighbours_alone():
    good, bad, other = read([cloudevent(id="1"), {"no": "event"}, cloudevent(id="2")])
    assert (good.id, other.id) == ("1", "2")
    assert (bad.reason, json.loads(bad.body)) == (Rejection.WRONG_SHAPE, {"no": "event"})


def test_control_characters_and_lone_surrogates_are_dropped():
    body = json.dumps(cloudevent()).replace("Update", "\\u0000Up\\u0007da\\ud800te\\n")
    event = accepted(body)
    assert event.resource.title == "Update  pricing page"
    assert "\\u0000" not in event.payload


def test_many_bad_parts_of_one_batch_are_kept_as_that_batch_once():
    batch = [cloudevent(), *[{"n": n} for n in range(101)]]
    event, rejected = read(batch)
    assert isinstance(event, Event)
    assert json.loads(rejected.body) == batch
    assert rejected.detail.startswith("101 events of the batch")


def test_parts_nested_too_deeply_to_write_do_not_multiply_their_batch():
    deep = "[" * 300 + "]" * 300
    body = f"[{deep}, {deep}, {json.dumps(cloudevent())}]"
    events = read(body)
    assert [type(entry) for entry in events] == [Event, Rejected]
    assert events[1].body == body.encode()


def test_a_deep_neighbour_of_an_escaped_emoji_is_rejected_alone():
    deep = "[" * 600 + "]" * 600
    good = json.dumps(cloudevent(data={"resource": {"type": "task", "id": "t", "title": "party 🎉"}}))
    assert "\\ud83c" in good
    assert [type(entry) for entry in read(f"[{good}, {deep}, {good}]")] == [Event, Event, Rejected]


def test_all_the_events_that_a_message_has_room_for_are_read():
    shortest = {"specversion": "1.0", "id": "1", "source": "a", "type": "mentioned", "data": {"recipients": ["x"]}}
    text = json.dumps(shortest, separators=(",", ":"))
    count = MAX_MESSAGE_BYTES // (len(text) + 1)
    events = read(f"[{','.join([text] * count)}]")
    assert (len(events), {type(entry) for entry in events}) == (count, {Event})


def test_more_parts_than_events_have_room_are_rejected_as_one():
    [rejected] = read(f"[{','.join('1' * 500_000)}]")
    assert (rejected.reason, rejected.event_id) == (Rejection.WRONG_SHAPE, "")
    assert "500000" in rejected.detail
