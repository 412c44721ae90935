"""What providers answer, in plain words that fit behind "because".

Codes: Amazon SES API Reference, FCM REST reference, Apple's "Handling notification responses from APNs", and the few
of our own transports. Feedback: Amazon SES Developer Guide, "Contents of event data".
"""

from collections.abc import Mapping
from typing import Final

from preferences.catalog import Channel
from preferences.push_tokens import Platform

_SES_IN_TROUBLE: Final = "our mail provider does not let us in"
_SES_PAUSED: Final = "our mail provider has paused our sending"
_SES_BUSY: Final = "our mail provider takes no more from us for the moment"
_SES_SET_UP: Final = "our mail provider is not set up for us"
_PUSH_IN_TROUBLE: Final = "the push service does not let us in"
_PUSH_BUSY: Final = "the push service takes no more from us for the moment"
_PUSH_SET_UP: Final = "pushes are not set up here as they should be"
_LOST: Final = "each try broke off on our side, without an answer"
_APP_GONE: Final = "the app is no longer on the phone, or was installed anew"

_MAIL: Final[Mapping[str, str]] = {
    "template_error": "its text could not be made",
    "worker_lost": _LOST,
    "invalid_address": "their address is none that mail can be sent to",
    "MessageRejected": "our mail provider would not send it",
    "InvalidParameterValue": "our mail provider would not send it to this address",
    "Throttling": _SES_BUSY,
    "ThrottlingException": _SES_BUSY,
    "TooManyRequestsException": _SES_BUSY,
    "AccessDenied": _SES_IN_TROUBLE,
    "ExpiredToken": _SES_IN_TROUBLE,
    "InvalidClientTokenId": _SES_IN_TROUBLE,
    "SignatureDoesNotMatch": _SES_IN_TROUBLE,
    "NoCredentialsError": _SES_IN_TROUBLE,
    "AccountSendingPausedException": _SES_PAUSED,
    "ConfigurationSetSendingPausedException": _SES_PAUSED,
    "ConfigurationSetDoesNotExist": _SES_SET_UP,
    "MailFromDomainNotVerifiedException": _SES_SET_UP,
}
_PUSH: Final[Mapping[str, str]] = {
    "worker_lost": _LOST,
    "UNREGISTERED": _APP_GONE,
    "Unregistered": _APP_GONE,
    "BadDeviceToken": "Apple knows no such phone",
    "ExpiredToken": "the phone's registration has expired",
    "DeviceTokenNotForTopic": "the phone is registered with another app",
    "SENDER_ID_MISMATCH": "the phone is registered with another app",
    "PayloadTooLarge": "it was too large for a push",
    "INVALID_ARGUMENT": "Google would not take it as it was",
    "TooManyRequests": "the phone got too many pushes in a short time",
    "QUOTA_EXCEEDED": _PUSH_BUSY,
    "RESOURCE_EXHAUSTED": _PUSH_BUSY,
    "Forbidden": _PUSH_IN_TROUBLE,
    "InvalidProviderToken": _PUSH_IN_TROUBLE,
    "MissingProviderToken": _PUSH_IN_TROUBLE,
    "UNAUTHENTICATED": _PUSH_IN_TROUBLE,
    "PERMISSION_DENIED": _PUSH_IN_TROUBLE,
    "THIRD_PARTY_AUTH_ERROR": _PUSH_IN_TROUBLE,
    "ExpiredProviderToken": _PUSH_IN_TROUBLE,
    "UnrelatedKeyIdInToken": _PUSH_IN_TROUBLE,
    "BadCertificate": _PUSH_IN_TROUBLE,
    "access_refused": _PUSH_IN_TROUBLE,
    "BadTopic": _PUSH_SET_UP,
    "MissingTopic": _PUSH_SET_UP,
    "TopicDisallowed": _PUSH_SET_UP,
    "NOT_FOUND": _PUSH_SET_UP,
    "bad_apns_key": _PUSH_SET_UP,
    "bad_service_account": _PUSH_SET_UP,
    "fcm_not_configured": "pushes to Android phones are not set up here",
    "apns_not_configured": "pushes to iPhones are not set up here",
}
_CODES: Final[Mapping[Channel, Mapping[str, str]]] = {Channel.EMAIL: _MAIL, Channel.PUSH: _PUSH}
_WHO: Final[Mapping[Channel, str]] = {Channel.EMAIL: "our mail provider", Channel.PUSH: "the push service"}

#: Answers that only one of the push services gives.
_OF_ONE_PLATFORM: Final = {
    "Unregistered": Platform.IOS,
    "BadDeviceToken": Platform.IOS,
    "UNREGISTERED": Platform.ANDROID,
}
_PLATFORMS: Final[Mapping[Platform, str]] = {Platform.IOS: "iOS device", Platform.ANDROID: "Android device"}

#: Words of feedback: the first that the note holds.
_FEEDBACK: Final[Mapping[str, str]] = {
    "OnAccountSuppressionList": "our mail provider has their address on its list of bad ones",
    "Suppressed": "our mail provider has their address on its list of bad ones",
    "MailboxFull": "their mailbox is full",
    "MessageTooLarge": "the mail is too large for their mailbox",
    "ContentRejected": "their mail server refused what it says",
    "AttachmentRejected": "their mail server refused what it says",
    "Complaint": "it was marked as spam",
    "Reject": "our mail provider found a virus in it",
    "DeliveryDelay": "their mail server has not taken it yet",
    "Permanent": "their address does not exist, or takes no mail",
    "Transient": "their mail server would not take it for the time being",
    "Bounce": "their mail server would not take it",
}
_FEEDBACK_KINDS: Final = ("Bounce", "Complaint", "Reject", "DeliveryDelay")


def in_words(code: str, channel: Channel, *, is_final: bool) -> str:
    """Say what a provider's answer or feedback means, the code behind it in brackets."""
    return f"{_meaning(code, channel, is_final=is_final)} ({code})" if code else _unknown(channel, is_final=is_final)


def is_feedback(code: str) -> bool:
    """Whether it is what became of a mail after the provider took it."""
    return code.startswith(_FEEDBACK_KINDS)


def is_complaint(code: str) -> bool:
    """Whether somebody marked the mail as spam, which tells that it had arrived."""
    return code.startswith("Complaint")


def device_in_words(platform: Platform | None, answer: str) -> str:
    """Return what kind of device it is; of one that is gone, what its provider's answer tells of it."""
    known = platform or _OF_ONE_PLATFORM.get(answer)
    return _PLATFORMS[known] if known else "device"


def _meaning(code: str, channel: Channel, *, is_final: bool) -> str:
    if is_feedback(code):
        return next(words for word, words in _FEEDBACK.items() if word in code)
    return _CODES[channel].get(code) or _unknown(channel, is_final=is_final)


def _unknown(channel: Channel, *, is_final: bool) -> str:
    return f"{_WHO[channel]} {'refused it' if is_final else 'does not answer as it should'}"
