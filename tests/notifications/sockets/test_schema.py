"""The JSON Schema of the socket against what is said on it."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports import bell
from notifications import marking, pipeline
from notifications.models import Path
from notifications.published_schemas import documents
from notifications.sockets import messages
from notifications.sockets.messages import BadMessage
from notifications.sockets.schema import FROM_A_BELL, FROM_THE_SERVICE
from preferences.authentication import issue_token
from preferences.models import Flag, User
from tests.bells import open_bell_with
from tests.cloudevents import event_for, message
from tests.conftest import Web
from tests.examples import examples
from tests.json_schema import from_schema

DOCUMENT = documents()["socket.json"]
ID = "ntf_0000000000000000"


def of(part: str) -> Any:
    """A validator of one side's messages."""
    schema = {"$ref": f"#/$defs/{part}", "$defs": DOCUMENT["$defs"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def types(schemas: list[dict[str, Any]]) -> set[str]:
    return {type_ for schema in schemas for type_ in schema["properties"]["type"]["enum"]}


# --- From a bell ---------------------------------------------------------------------------------------------


@examples(100)
@given(st.sampled_from(FROM_A_BELL).flatmap(from_schema))
def test_whatever_fits_is_understood(said):
    assert messages.read(json.dumps(said))


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        {},
        {"type": "PING"},
        {"type": "resume"},
        {"type": "resume", "after": None},
        {"type": "displayed", "id": 1},
    ],
)
def test_what_is_refused_does_not_fit(said):
    with pytest.raises(BadMessage):
        messages.read(json.dumps(said))
    assert not of("FromABell").is_valid(said)


# --- From the service ----------------------------------------------------------------------------------------


@pytest.fixture
def conversation(web: Web, alice: User, bob: User) -> list[Any]:
    """All that a bell hears while everything happens to it that can."""
    events = [message(event_for(alice, id=name, data={"actor": {"id": str(bob.id)}})) for name in ("one", "two")]
    with open_bell_with(web.websocket_url, issue_token(alice)) as open_:
        heard = [open_.hear("hello")]
        pipeline.process(events, path=Path.SQS)
        heard += [open_.hear("notification"), open_.hear("notification")]
        first, second = (each["notification"]["id"] for each in heard[1:])
        marking.mark_read(alice.id, first)
        heard.append(open_.hear("read"))
        marking.mark_unread(alice.id, first)
        heard.append(open_.hear("unread"))
        marked = marking.mark_all_read(alice.id, up_to=max(first, second))
        heard.append(open_.hear("read"))
        marking.undo_mark_all(alice.id, marked.undo_id)
        heard.append(open_.hear("unread"))
        open_.say({"type": "resume", "after": first})
        heard.append(open_.hear("missed"))
        open_.say({"type": "ping"})
        heard.append(open_.hear("pong"))
        open_.say({"type": "PING"})
        heard.append(open_.hear("error"))
        bell.publish([(alice.id, {"type": "resync"})])
        heard.append(open_.hear("resync"))
        Flag.objects.update(everyone=False)
        heard.append(open_.hear("disabled"))
        Flag.objects.update(everyone=True)
        heard.append(open_.hear("enabled"))
    with open_bell_with(web.websocket_url, issue_token(alice)) as later:
        return [*heard, later.hear("hello")]


def test_whatever_we_say_fits_and_whatever_fits_is_said(conversation):
    for said in conversation:
        of("FromTheService").validate(said)
    assert {said["type"] for said in conversation} == types(FROM_THE_SERVICE)


def test_what_we_do_not_say_does_not_fit(conversation):
    changes = [{"more": 1}, {"type": "novelty"}, {"unread_count": -1}, {"notification": {"id": ID}}]
    assert not [change for change in changes if of("FromTheService").is_valid({**conversation[1], **change})]


def test_a_message_that_lacks_something_does_not_fit(conversation):
    for said in conversation:
        for name in said:
            assert not of("FromTheService").is_valid({key: said[key] for key in said if key != name}), (said, name)
