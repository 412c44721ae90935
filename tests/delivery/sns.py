"""SNS as our webhook meets it: messages signed with a certificate of the tests' own."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509.oid import NameOID
from django.test import Client

from delivery.models import Delivery, SesMessage, State
from tests.delivery.rows import states, suppressed

#: What our webhook answers, by status.
OK, INVALID, UNTRUSTED, UNAVAILABLE = 200, 400, 403, 503

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-feedback"
HOST = "sns.us-east-1.amazonaws.com"
CERTIFICATE_URL = f"https://{HOST}/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb"
_ADDRESS = "/webhooks/ses"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_HASHES = {"1": SHA1, "2": SHA256}


@cache
def key() -> rsa.RSAPrivateKey:
    """The key that SNS signs with here."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(*, days: int = 30, signing_key: Any = None, host: str = "sns.amazonaws.com") -> x509.Certificate:
    """A certificate that was made 60 days ago and expires in `days`."""
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    signing_key = signing_key or key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signing_key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(signing_key, SHA256())
    )


def message(
    text: str | Mapping[str, Any] = "", *, age: timedelta = timedelta(), version: str = "2", **fields: str
) -> dict[str, str]:
    """A signed message; `fields` replace the usual ones before it is signed."""
    sent_at = datetime.now(UTC) - age
    usual = {
        "Type": "Notification",
        "MessageId": str(uuid4()),
        "TopicArn": TOPIC,
        "Message": text if isinstance(text, str) else json.dumps(text),
        "Timestamp": f"{sent_at:%Y-%m-%dT%H:%M:%S}.{sent_at.microsecond // 1000:03d}Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    }
    return signed({**usual, **fields})


def subscription(**fields: str) -> dict[str, str]:
    """A signed request to confirm that the topic's messages shall come to us."""
    usual: dict[str, Any] = {"Type": "SubscriptionConfirmation", "Token": "2336412f37fb", "SubscribeURL": SUBSCRIBE_URL}
    return message("You have chosen to subscribe to the topic", **{**usual, **fields})


def signed(fields: Mapping[str, str], *, with_key: Any = None) -> dict[str, str]:
    """The message with SNS's signature, or with that of `with_key`."""
    text = "".join(f"{name}\n{fields[name]}\n" for name in _SIGNED.get(fields["Type"], ()) if name in fields)
    algorithm = _HASHES.get(fields["SignatureVersion"], SHA256)
    signature = (with_key or key()).sign(text.encode(), PKCS1v15(), algorithm())
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def post(body: Any) -> int:
    """Deliver it as SNS does and return the status of the answer, whose body says nothing."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True)
    answer = client.generic("POST", _ADDRESS, data, content_type="text/plain; charset=UTF-8")
    assert answer.content == b""
    assert not answer.cookies
    return answer.status_code


def assert_refused(body: Any, sent: Delivery, status: int = UNTRUSTED) -> None:
    """Deliver it, and find that it changed nothing: `sent` is the one mail that it might have been about."""
    assert post(body) == status
    assert (states(sent), suppressed(), SesMessage.objects.count()) == ([State.SENT], set(), 0)


# --- SES's reports, in its two formats ------------------------------------------------------------------------


def event(
    kind: str, *, delivery_id: int | str | None = None, provider_id: str = "0100-ses-1", **details: Any
) -> dict[str, Any]:
    """An event as a configuration set publishes it; the mail carries our tag if `delivery_id` is given."""
    tags = {
        "ses:configuration-set": ["mail"],
        **({"delivery_id": [str(delivery_id)]} if delivery_id is not None else {}),
    }
    return {
        "eventType": kind,
        "mail": {"messageId": provider_id, "tags": tags, "destination": ["alice@example.com"]},
        **details,
    }


def notification(kind: str, *, provider_id: str, **details: Any) -> dict[str, Any]:
    """A notification as an identity sends it: without tags."""
    return {"notificationType": kind, "mail": {"messageId": provider_id}, **details}


def bounce(address: str, kind: str = "Permanent", subtype: str = "General") -> dict[str, Any]:
    """The part that tells of a bounce."""
    server_says = f"smtp; 550 5.1.1 <{address}>: user unknown"
    recipients = [{"emailAddress": address, "action": "failed", "status": "5.1.1", "diagnosticCode": server_says}]
    return {"bounce": {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": recipients}}


def complaint(address: str, kind: str = "abuse", subtype: str | None = None) -> dict[str, Any]:
    """The part that tells of a complaint."""
    recipients = [{"emailAddress": address}]
    details = {"complainedRecipients": recipients, "complaintFeedbackType": kind, "complaintSubType": subtype}
    return {"complaint": details}


DELIVERED: dict[str, Any] = {"delivery": {"recipients": ["alice@example.com"], "processingTimeMillis": 800}}
DELAYED: dict[str, Any] = {"deliveryDelay": {"delayType": "MailboxFull", "delayedRecipients": []}}
