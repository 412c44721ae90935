"""Where a link may lead, and whom we ask: open redirects, and requests that an attacker would have us make."""

from typing import Any

import pytest
import requests

from delivery import sns
from delivery.models import Delivery
from delivery.sns import UntrustedMessage
from delivery.updates import absolute
from notifications import links, pipeline
from notifications.models import Notification, Path, RejectedEvent
from tests.cloudevents import event_for, message
from tests.delivery import sns as forged
from tests.delivery.rows import delivery
from tests.staff import browse_as, supporter

AWAY = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\\evil.example",
    " //evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "https://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "http://127.0.0.1",
    "https://127.0.0.1@evil.example/",
    "https://127.0.0.1:8000@evil.example/",
    "https://127.0.0.1\\@evil.example/",
    "https://app.example.com.evil.example/",
    "https://app.example.com@evil.example/",
    "https://app.example.com:8443/",
    "https://app.example.com%2eevil.example/",
    "https://evil.example#app.example.com",
    "https://evil.example?app.example.com",
    "https://app\u3002example.com\u3002evil.example/",
    "https://\u24d4vil.example/",
    "https://app.ex\u0430mple.com/",
    "https://[::1]/",
    "https://2130706433/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://app.example.com/x",
    "file:///etc/passwd",
    "ftp://app.example.com/",
    "mailto:x@evil.example",
    "tasks/1",
    "?x",
    "#x",
    ".//evil.example",
    "",
]


@pytest.fixture(autouse=True)
def one_host_is_allowed(settings):
    settings.PUBLIC_URL, settings.RESOURCE_URL_HOSTS = "https://notifications.example.com", ["app.example.com"]


@pytest.mark.parametrize("url", AWAY)
def test_a_link_that_leads_away_is_none(url):
    assert not links.is_allowed(url)


@pytest.mark.django_db
@pytest.mark.parametrize("url", [url for url in AWAY if url])
def test_an_event_with_it_is_rejected_or_cleaned_into_a_path_of_ours(alice, url):
    resource = {"type": "task", "id": "tsk_1", "url": url, "title": "x"}
    pipeline.process([message(event_for(alice, data={"resource": resource}))], path=Path.SQS)
    for row in Notification.objects.all():
        assert absolute(row.resource_url).startswith("https://notifications.example.com/")
    assert Notification.objects.count() + RejectedEvent.objects.filter(reason="bad_url").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "away", ["//evil.example", "/\\evil.example", "https:evil.example", "\t//evil.example", "javascript:x"]
)
def test_after_a_retry_the_page_leads_nowhere_but_to_us(alice, away):
    failed: Delivery = delivery(alice, state="failed")
    retried = browse_as(supporter()).post(f"/admin/delivery/delivery/{failed.id}/retry/", {"next": away})
    assert retried.status_code == 302
    assert retried["Location"].startswith("/admin/delivery/delivery/")


# --- Whom we ask ---------------------------------------------------------------------------------------------

NOT_SNS = [
    "http://sns.us-east-1.amazonaws.com/{path}",
    "https://sns.us-east-1.amazonaws.com.evil.example/{path}",
    "https://sns.us-east-1.amazonaws.com@evil.example/{path}",
    "https://evil.example\\@sns.us-east-1.amazonaws.com/{path}",
    "https://user:pw@sns.us-east-1.amazonaws.com/{path}",
    "https://sns.us-east-1.amazonaws.com:8443/{path}",
    "https://sns.us-east-1.amazonaws.com:443/{path}",
    "https://sns.eu-west-1.amazonaws.com/{path}",
    "https://sns.us-east-1.amazonaws.com./{path}",
    "https://SNS.us-east-1.amazonaws.com/{path}",
    "https://sns\u3002us-east-1.amazonaws.com/{path}",
    "https://xn--sns-9na.us-east-1.amazonaws.com/{path}",
    "https://sns.us-east-1.amazonaws.com/../{path}",
    "https://sns.us-east-1.amazonaws.com//{path}",
    "https://sns.us-east-1.amazonaws.com/{path}#x",
    "https://sns.us-east-1.amazonaws.com/{path}\n",
    " https://sns.us-east-1.amazonaws.com/{path}",
    "https://[::1]/{path}",
    "https://169.254.169.254/{path}",
    "https://localhost/{path}",
    "https://s3.amazonaws.com/sns.us-east-1.amazonaws.com/{path}",
    "https://sns.s3.amazonaws.com/{path}",
    "file:///{path}",
    "//sns.us-east-1.amazonaws.com/{path}",
    "",
]
CERTIFICATE = "SimpleNotificationService-0123456789abcdef.pem"
CONFIRMATION = f"?Action=ConfirmSubscription&TopicArn={forged.TOPIC}&Token=2336412f37fb"


@pytest.fixture
def asked(monkeypatch, settings) -> list[str]:
    """The addresses that we would ask."""
    settings.SES_FEEDBACK_TOPIC_ARNS = [forged.TOPIC]
    addresses: list[str] = []

    def note(url: str, **_: Any) -> None:
        addresses.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", note)
    return addresses


@pytest.mark.parametrize("form", NOT_SNS)
def test_a_certificate_is_fetched_from_sns_alone(client, asked, form):
    body = forged.message("{}", SigningCertURL=form.format(path=CERTIFICATE))
    assert client.post("/webhooks/ses", body, content_type="application/json").status_code == 403
    assert asked == []


@pytest.mark.parametrize("form", NOT_SNS)
def test_a_subscription_is_confirmed_to_sns_alone(asked, form):
    fields = forged.subscription(SubscribeURL=form.format(path=CONFIRMATION))
    subscription = sns._message(fields)
    with pytest.raises(UntrustedMessage):
        sns.confirm(subscription)
    assert asked == []


def test_the_address_of_sns_is_asked(client, asked):
    body = forged.message("{}", SigningCertURL=f"https://sns.us-east-1.amazonaws.com/{CERTIFICATE}")
    assert client.post("/webhooks/ses", body, content_type="application/json").status_code == 503
    assert asked == [body["SigningCertURL"]]


def test_a_topic_that_is_not_ours_has_nobody_asked(client, asked):
    topic = "arn:aws:sns:us-east-1:999999999999:theirs"
    body = forged.message("{}", TopicArn=topic)
    assert client.post("/webhooks/ses", body, content_type="application/json").status_code == 403
    assert asked == []
