import os
from contextlib import closing

import httpx
import pytest

from devstack.identity import Identity
from devstack.stack import describe
from drills.providers import Providers
from tests.devstack.ses_calls import client_of, send


@pytest.fixture
def providers(servers, fcm, apns, mailbox):
    return Providers(describe(servers, Identity(), port=8000, demo=False))


def mail(delivery_id):
    with closing(client_of(os.environ["SES_ENDPOINT_URL"])) as ses:
        send(ses, Tags=[{"Name": "delivery_id", "Value": str(delivery_id)}])


def test_what_providers_took_is_read_on_and_counted_once(providers):
    mail(7)
    assert providers.taken().mails == {7: 1}
    mail(7)
    mail(8)
    assert providers.taken().mails == {7: 2, 8: 1}


def test_what_a_simulator_has_forgotten_before_it_was_read_is_no_silent_gap(providers, monkeypatch):
    only_the_latest = httpx.Response(200, json=[{"number": 20_001, "status": 200}], request=httpx.Request("GET", "/"))
    monkeypatch.setattr(httpx, "get", lambda *_, **__: only_the_latest)
    with pytest.raises(RuntimeError, match="calls 1 to 20000 are forgotten"):
        providers.read()
