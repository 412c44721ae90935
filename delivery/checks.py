"""Settings that would make feedback fail, found before it does."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from delivery.sns_signatures import host_of


def check_feedback_topics(**_: Any) -> Sequence[CheckMessage]:
    """Find what is no topic: SNS's own host is derived from it."""
    return [
        Error(
            f"SES_FEEDBACK_TOPIC_ARNS names {topic!r}, which is not the ARN of an SNS topic.",
            hint="Write arn:aws:sns:<region>:<account>:<name>, several separated by commas.",
            id="delivery.E001",
        )
        for topic in settings.SES_FEEDBACK_TOPIC_ARNS
        if not _is_topic(topic)
    ]


def _is_topic(topic: str) -> bool:
    try:
        host_of(topic)
    except ValueError:
        return False
    return True
