"""The client is installed where nothing of the service is."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from devstack.demo import people
from notifications.event_messages import read_message
from tests.notifications_producer.bare import PROJECT, BareEnvironment, Wheel

ROOT = PROJECT.parent
#: boto3, and what that brings.
BOTO3 = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
#: Which SQS, and as whom.
SQS = ("SQS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NO_PROXY")
OURS = ("notifications", "delivery", "preferences", "telemetry", "notifications_project", "django", "celery", "kombu")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Wheel:
    return Wheel.built_in(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> BareEnvironment:
    return BareEnvironment.with_wheel(wheel, directory=tmp_path_factory.mktemp("bare"))


def example(text: str) -> str:
    """The first program in a document."""
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def test_the_wheel_holds_every_module_and_the_mark_of_its_types_and_nothing_else(wheel):
    modules = {f"notifications_producer/{path.name}" for path in PROJECT.glob("*.py")}
    assert wheel.files == {*modules, "notifications_producer/py.typed"}


def test_the_wheel_has_the_version_of_the_service_and_is_for_the_same_pythons(wheel):
    service = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert wheel.metadata["Version"] == service["version"]
    assert wheel.metadata["Requires-Python"] == service["requires-python"]


def test_the_wheel_describes_itself(wheel):
    assert wheel.metadata["Name"] == "notifications-producer"
    assert wheel.metadata["Summary"]
    assert wheel.metadata["Description-Content-Type"] == "text/markdown"
    assert wheel.metadata.get_payload() == (PROJECT / "README.md").read_text()


def test_it_needs_boto3_alone(wheel):
    assert [requirement.partition(">")[0] for requirement in wheel.metadata.get_all("Requires-Dist")] == ["boto3"]


def test_nothing_of_the_service_comes_along(bare):
    bare.check()
    installed = "import json; from importlib.metadata import distributions as all; "
    assert {*json.loads(bare.run(f"{installed}print(json.dumps([each.name for each in all()]))"))} == {
        "notifications-producer",
        *BOTO3,
    }
    finds = f"from importlib.util import find_spec; print([name for name in {OURS} if find_spec(name)])"
    assert bare.run(finds).strip() == "[]"


def test_every_module_can_be_imported_there(bare):
    imports = "".join(f"import notifications_producer.{path.stem}\n" for path in PROJECT.glob("*.py"))
    place = Path(bare.run(f"{imports}print(notifications_producer.__file__)").strip())
    assert bare.python.parent.parent in place.parents


@pytest.mark.parametrize("document", ["notifications_producer/README.md", "README.md", "docs/producers.md"])
def test_the_example_of_a_document_publishes_from_there_to_people_of_the_demo(bare, queue, document):
    variables = {name: os.environ[name] for name in SQS}
    bare.run(example((ROOT / document).read_text()), EVENTS_QUEUE_URL=queue.url, **variables)
    [message] = queue.receive()
    [event] = read_message(message.body, sent_at=message.sent_at, now=message.sent_at)
    alice, bob, *_ = people.AUDIENCE
    assert (event.type.name, event.resource.id) == ("task_assigned", "tsk_456")
    assert (event.recipients, event.actor_id) == ((alice.id,), bob.id)
