import io
import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.core.management import call_command

from notifications.event_schema import EVENT_OR_BATCH
from notifications.published_schemas import documents
from tests.cloudevents import cloudevent

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "schemas"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the documents of today."""
    folder = tmp_path_factory.mktemp("schemas") / "new"
    call_command("write_schemas", str(folder), stdout=io.StringIO())
    return folder


def test_the_published_files_are_those_of_the_code(built):
    """`manage.py write_schemas docs/schemas` makes them so."""
    assert {path.name: path.read_text() for path in PUBLISHED.iterdir()} == {
        path.name: path.read_text() for path in built.iterdir()
    }


def test_the_api_serves_the_same_document(client):
    served = client.get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"})
    assert json.loads(served.content) == documents()["openapi.json"]


@pytest.mark.parametrize("name", ["event.json", "socket.json"])
def test_it_is_a_schema(name):
    jsonschema.Draft202012Validator.check_schema(documents()[name])


@pytest.mark.parametrize("body", [cloudevent(), [cloudevent()], [], {}, [{}], cloudevent(id=""), [cloudevent(id="")]])
def test_the_published_schema_of_events_says_what_that_of_the_call_says(body):
    published = jsonschema.Draft202012Validator(documents()["event.json"])
    assert published.is_valid(body) == jsonschema.Draft202012Validator(EVENT_OR_BATCH).is_valid(body)
