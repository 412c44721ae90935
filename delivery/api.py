"""What Amazon tells us over HTTP."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from delivery import feedback, sns
from delivery.ses_events import InvalidEvent
from delivery.sns import InvalidMessage, Message, MessageType, UntrustedMessage
from delivery.sns_signatures import SnsUnavailable

logger = logging.getLogger(__name__)

#: SNS repeats after a 5xx, and takes a 4xx for our last word.
_STATUS: Final[Mapping[type[Exception], HTTPStatus]] = {
    InvalidMessage: HTTPStatus.BAD_REQUEST,
    InvalidEvent: HTTPStatus.BAD_REQUEST,
    RequestDataTooBig: HTTPStatus.BAD_REQUEST,
    UntrustedMessage: HTTPStatus.FORBIDDEN,
    SnsUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    feedback.TooEarly: HTTPStatus.SERVICE_UNAVAILABLE,
}


@csrf_exempt  # the signature is the permission
@require_POST
def ses_feedback(request: HttpRequest) -> HttpResponse:
    """POST /webhooks/ses: what SNS delivers. The answer is a status alone, and says nothing to a stranger."""
    try:
        message = sns.read(request.body)
        _ACTIONS[message.type](message)
    except tuple(_STATUS) as error:
        logger.warning("message of SNS refused", extra={"error": type(error).__name__, "detail": str(error)})
        return HttpResponse(status=_STATUS[type(error)])
    return HttpResponse()


def _note_unsubscription(message: Message) -> None:
    """Nobody of us asked for that: from now on bounces go unheard."""
    logger.error("topic unsubscribed", extra={"topic": message.topic})


_ACTIONS: Final[Mapping[MessageType, Callable[[Message], None]]] = {
    MessageType.NOTIFICATION: feedback.apply,
    MessageType.SUBSCRIPTION: sns.confirm,
    MessageType.UNSUBSCRIPTION: _note_unsubscription,
}
