"""Mails as they are sent to SES: by boto3, and by Django over django-ses."""

import os
from contextlib import closing
from typing import Any

import boto3
from botocore.config import Config
from django.core.mail import EmailMultiAlternatives
from django_ses import SESBackend

from devstack.stack import REGION

ALICE, BOB = "alice@example.com", "bob@example.com"
FROM = "notifications@example.com"
PLAIN = f"From: {FROM}\r\nTo: {ALICE}\r\nSubject: Hello\r\n\r\nHello"


def client_of(url: str) -> Any:
    """Return boto3's client for the simulator at this address, which tries once and waits half a second."""
    patience = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
    return boto3.client("ses", endpoint_url=url, region_name=REGION, config=patience)


def send(ses: Any, *to: str, raw: str = PLAIN, **parameters: Any) -> str:
    """Send a mail to Alice, or to these; return the id that SES gives it."""
    answer = ses.send_raw_email(
        Source=FROM, Destinations=to or [ALICE], RawMessage={"Data": raw.encode()}, **parameters
    )
    return str(answer["MessageId"])


def letter(**headers: str) -> EmailMultiAlternatives:
    """Write a mail with text and HTML, as the product does."""
    mail = EmailMultiAlternatives("Sarah Kim “assigned” ✓", "text é", f"Nótices <{FROM}>", [f"Alice Moreau <{ALICE}>"])
    mail.extra_headers = headers
    mail.attach_alternative("<p>html é</p>", "text/html")
    return mail


def post(mail: EmailMultiAlternatives) -> None:
    """Send it by django-ses."""
    backend = SESBackend(aws_region_name=REGION, aws_region_endpoint=os.environ["SES_ENDPOINT_URL"])
    backend.open()
    with closing(backend.connection):
        backend.send_messages([mail])
