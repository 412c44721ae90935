import httpx
import orjson
import pytest

from benchmarks.load.providers import Provider, _apns_push, _fcm_push, _mail

AT = "2026-01-02T03:04:05.678Z"


def mail(number: int, **deviations):
    tags = {"delivery_id": str(100 + number)}
    return {"number": number, "received_at": AT, "status": 200, "message_id": "m", "tags": tags, **deviations}


def read(provider: Provider, *answers) -> list[str]:
    asked = []
    waiting = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["after"])
        return httpx.Response(200, content=orjson.dumps(next(waiting)))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        for _ in answers:
            provider.read(client)
    return asked


@pytest.fixture
def ses() -> Provider:
    return Provider("SES", "http://ses", _mail)


def test_only_what_is_new_is_asked_for(ses):
    assert read(ses, [mail(1), mail(2)], [], [mail(3)]) == ["0", "2", "2"]
    assert [key for key, _ in ses.taken] == [101, 102, 103]
    assert ses.missed == 0


def test_calls_that_were_forgotten_before_they_were_read_are_counted(ses):
    read(ses, [mail(1)], [mail(5), mail(6)])
    assert ses.missed == 3


@pytest.mark.parametrize("deviation", [{"status": 400}, {"status": None}, {"message_id": None}, {"tags": {}}])
def test_what_was_refused_or_carries_no_mail_does_not_count(ses, deviation):
    read(ses, [mail(1, **deviation)])
    assert ses.taken == []


def test_pushes_go_by_their_notification():
    fcm = {"message_id": "m", "payload": {"message": {"data": {"notification_id": "ntf_1"}}}}
    assert _fcm_push(fcm) == "ntf_1"
    assert _fcm_push({"payload": {"grant_type": "jwt"}}) is None
    assert _apns_push({"payload": {"notification_id": "ntf_2"}}) == "ntf_2"
