"""Messages of SNS as nobody should send them: none is an error of ours, and none that is not signed does anything."""

import json

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.models import Delivery, State, SuppressedAddress
from tests.delivery import sns
from tests.delivery.rows import delivery
from tests.delivery.sns import INVALID, OK, UNAVAILABLE, UNTRUSTED, bounce, complaint, event, notification
from tests.examples import examples
from tests.json_mutants import TEXTS, mutants

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_topic")]
ADDRESS = "alice@example.com"
SIGNED = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
reports = st.sampled_from(
    [
        event("Bounce", delivery_id=1, **bounce(ADDRESS)),
        event("Complaint", delivery_id=1, **complaint(ADDRESS)),
        event("Delivery", delivery_id=1, **sns.DELIVERED),
        event("DeliveryDelay", delivery_id=1, **sns.DELAYED),
        event("Reject", delivery_id=1, reject={"reason": "Bad content"}),
        notification("Bounce", provider_id="0100-ses-1", **bounce(ADDRESS)),
    ]
)
addresses = (
    st.sampled_from(TEXTS) | st.text() | st.emails() | st.from_regex(r"[(<\"\\@ ,:;.)>a]{1,900}", fullmatch=True)
)


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch):
    def refuse(*_, **__):
        raise requests.ConnectionError

    monkeypatch.setattr("requests.get", refuse)


@pytest.fixture
def sent(alice) -> Delivery:
    row = delivery(alice, state=State.SENT, provider_id="0100-ses-1")
    Delivery.objects.filter(id=row.id).update(id=1)
    return Delivery.objects.get(id=1)


def text(body: bytes) -> str:
    """As SNS carries it, which is in JSON: no lone surrogates."""
    return body.decode("utf-8", "replace") or " "


@examples(150)
@given(mutants(reports))
def test_whatever_ses_reports_is_no_error_of_ours(sent, body):
    assert sns.post(sns.message(text(body))) in (OK, INVALID, UNAVAILABLE)
    assert Delivery.objects.get(id=1).state in (State.SENT, State.DELIVERED, State.BOUNCED)


@examples(150)
@given(addresses)
@example("(" * 900)
@example("<" * 900 + ">" * 900)
@example('"\\' * 400)
@example("a@xn--a.xn--" + "9" * 200)
@example("a@" + "xn--." * 40)
def test_whatever_address_bounced_is_no_error_of_ours(sent, address):
    assert sns.post(sns.message(event("Bounce", delivery_id=1, **bounce(text(address.encode(errors="replace")))))) == OK


@examples(100)
@given(st.data())
def test_what_was_changed_after_it_was_signed_does_nothing(sent, data):
    original = data.draw(st.builds(sns.message, reports))
    body = data.draw(mutants(st.just(original)))
    Delivery.objects.update(state=State.SENT)
    SuppressedAddress.objects.all().delete()
    assert sns.post(body) in (OK, INVALID, UNTRUSTED, UNAVAILABLE)
    if Delivery.objects.get(id=1).state != State.SENT or SuppressedAddress.objects.exists():
        received = json.loads(body)
        assert {name: received[name] for name in SIGNED} == {name: original[name] for name in SIGNED}


@examples(100)
@given(st.data())
def test_whatever_is_signed_is_no_error_of_ours(sent, data):
    usual = data.draw(st.builds(sns.message, reports) | st.builds(sns.subscription))
    name = data.draw(st.sampled_from(sorted(usual)))
    value = data.draw(st.sampled_from(TEXTS) | st.text()).encode(errors="replace").decode()
    assert sns.post(sns.signed({**usual, name: value})) in (OK, INVALID, UNTRUSTED, UNAVAILABLE)
