import pytest

from delivery.errors import PermanentFailure
from delivery.outcomes import ACCEPTED
from delivery.transports import apns, email, fcm
from notifications.tracing import provider_words
from preferences.catalog import Channel
from preferences.push_tokens import Platform

FINAL = [
    (channel, code)
    for channel, transport in ((Channel.EMAIL, email), (Channel.PUSH, apns), (Channel.PUSH, fcm))
    for code, kind in transport._FAILURES.items()
    if issubclass(kind, PermanentFailure)
]


@pytest.mark.parametrize(("channel", "code"), FINAL)
def test_every_final_answer_of_a_provider_has_words_of_its_own(channel, code):
    words = provider_words.in_words(code, channel, is_final=True)
    assert words.endswith(f" ({code})")
    assert "refused it" not in words


def test_a_code_that_nobody_knows_is_told_as_it_is():
    assert provider_words.in_words("Odd", Channel.PUSH, is_final=True) == "the push service refused it (Odd)"
    assert (
        provider_words.in_words("", Channel.EMAIL, is_final=False) == "our mail provider does not answer as it should"
    )


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("Bounce, Permanent, General", "their address does not exist, or takes no mail"),
        ("Bounce, Permanent, Suppressed", "our mail provider has their address on its list of bad ones"),
        ("Bounce, Undetermined, Undetermined", "their mail server would not take it"),
        ("DeliveryDelay, TransientCommunicationFailure", "their mail server has not taken it yet"),
        ("Complaint, abuse", "it was marked as spam"),
        ("Reject, Bad content", "our mail provider found a virus in it"),
    ],
)
def test_feedback_is_told_by_what_says_most(note, words):
    assert provider_words.in_words(note, Channel.EMAIL, is_final=True) == f"{words} ({note})"


def test_a_device_that_is_gone_is_known_by_its_providers_word():
    assert provider_words.device_in_words(None, "Unregistered") == "iOS device"
    assert provider_words.device_in_words(None, "UNREGISTERED") == "Android device"
    assert provider_words.device_in_words(None, ACCEPTED) == "device"
    assert provider_words.device_in_words(Platform.IOS, ACCEPTED) == "iOS device"
