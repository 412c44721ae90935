import asyncio
import os
import ssl
import time
import uuid
from collections import deque
from pathlib import Path

import aioapns
import aioapns.connection
import httpx
import jwt
import pytest
from aioapns import NotificationRequest, PushType
from aioapns.exceptions import MaxAttemptsExceeded
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event, RemoteSettingsChanged, StreamReset
from h2.settings import SettingCodes

from devstack.identity import Identity
from devstack.keys import new_ec_key
from devstack.ports import LOOPBACK
from devstack.stack import Servers, describe
from devstack.waiting import wait_on_loop

ALICE, BOB = "a11ce0" * 12, "b0b000" * 12
HOST, PORT = os.environ["APNS_HOST"], int(os.environ["APNS_PORT"])
TOPIC = os.environ["APNS_TOPIC"]
PATIENCE = 0.3  # seconds


def trusting():
    context = ssl.create_default_context(cafile=os.environ["APNS_CA_FILE"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    return context


# --- What is sent, by aioapns ----------------------------------------------------------------------------------


class Simulated(aioapns.connection.APNsTLSClientProtocol):
    APNS_SERVER = HOST
    APNS_PORT = PORT


@pytest.fixture
async def client():
    apns = aioapns.APNs(
        key=os.environ["APNS_KEY"],
        key_id=os.environ["APNS_KEY_ID"],
        team_id=os.environ["APNS_TEAM_ID"],
        topic=TOPIC,
        ssl_context=trusting(),
        max_connections=1,
        max_connection_attempts=1,
    )
    apns.pool.protocol_class = Simulated
    yield apns
    await closed(apns.pool)


async def closed(pool):
    for connection in list(pool.connections):
        connection.close()
    assert await wait_on_loop(lambda: not pool.connections, seconds=30)


async def push(client, token: str = ALICE, *, patience: float = 30, **headers):
    message = headers.pop("message", {"aps": {"alert": {"title": "Sarah Kim “assigned” ✓"}}})
    async with asyncio.timeout(patience):
        return await client.send_notification(NotificationRequest(token, message, **headers))


async def test_what_aioapns_sends_over_http2_is_on_record_word_for_word(apns, client):
    message = {"aps": {"alert": {"title": "é שלום 🎉"}, "badge": 3, "thread-id": "task.1"}, "url": "/tasks/1"}
    sent = await push(
        client, message=message, collapse_key="ntf_1", push_type=PushType.ALERT, priority=10, time_to_live=900
    )
    [received] = apns.received()
    assert (sent.status, received["apns_id"], received["token"]) == ("200", sent.notification_id, ALICE)
    assert received["payload"] == message
    headers = [received[name] for name in ("topic", "push_type", "collapse_id", "priority")]
    assert headers == [TOPIC, "alert", "ntf_1", "10"]
    assert 890 < int(received["expiration"]) - time.time() <= 900


async def test_hundreds_share_one_connection_and_a_dead_token_among_them_harms_no_other(apns, client):
    apns.fail("dead_token", match=BOB)
    tokens = [f"{number:064x}" for number in range(150)] + [BOB] + [f"{number:064x}" for number in range(150, 300)]
    answers = await asyncio.gather(*(push(client, token) for token in tokens))
    assert [token for token, answer in zip(tokens, answers, strict=True) if answer.status != "200"] == [BOB]
    assert {call["connection"] for call in apns.received()} == {apns.received()[0]["connection"]}
    assert len(apns.shown()) == 300


async def test_a_dead_token_has_its_time_in_milliseconds(apns, client):
    apns.fail("dead_token", count=1, timestamp=1_700_000_000_123)
    told = await push(client)
    apns.fail("dead_token")
    now = await push(client)
    assert (told.status, told.description, told.timestamp) == ("410", "Unregistered", 1_700_000_000_123)
    assert abs(now.timestamp - time.time() * 1000) < 60_000


async def test_only_the_stacks_own_authority_vouches_for_it():
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(HOST, PORT, ssl=ssl.create_default_context())


# --- What APNs refuses -----------------------------------------------------------------------------------------


def provider_token(*, key: str = "", kid: str = "", **claims) -> str:
    usual = {"iss": os.environ["APNS_TEAM_ID"], "iat": int(time.time())}
    headers = {"kid": kid or os.environ["APNS_KEY_ID"]}
    return jwt.encode({**usual, **claims}, key or os.environ["APNS_KEY"], algorithm="ES256", headers=headers)


@pytest.fixture
def http2():
    with httpx.Client(base_url=f"https://{HOST}:{PORT}", http2=True, verify=trusting(), timeout=30) as client:
        yield client


def post(http2: httpx.Client, token: str = ALICE, *, body: bytes = b'{"aps":{}}', path: str = "", **headers):
    """Headers are named as keywords are; None leaves one out."""
    usual = {"authorization": f"bearer {provider_token()}", "apns-topic": TOPIC}
    given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    kept = {name: value for name, value in given.items() if value is not None}
    return http2.post(path or f"/3/device/{token}", content=body, headers=kept)


def refusal(answer: httpx.Response):
    return answer.status_code, answer.json()["reason"]


def test_an_id_is_echoed_or_made(apns, http2):
    mine = str(uuid.uuid4())
    token = f"bearer {provider_token()}"
    echoed = post(http2, authorization=token, apns_id=mine)
    made = post(http2, authorization=token)
    assert (echoed.http_version, echoed.status_code, echoed.content) == ("HTTP/2", 200, b"")
    assert echoed.headers["apns-id"] == mine
    assert str(uuid.UUID(made.headers["apns-id"])).upper() == made.headers["apns-id"]


@pytest.mark.parametrize(
    ("call", "status", "reason"),
    [
        ({"token": "nothex"}, 400, "BadDeviceToken"),
        ({"token": "abcd"}, 400, "BadDeviceToken"),
        ({"token": ""}, 400, "MissingDeviceToken"),
        ({"apns_topic": None}, 400, "MissingTopic"),
        ({"apns_topic": "a topic"}, 400, "BadTopic"),
        ({"apns_topic": "com.example.other"}, 400, "DeviceTokenNotForTopic"),
        ({"apns_push_type": "shout"}, 400, "InvalidPushType"),
        ({"apns_priority": "7"}, 400, "BadPriority"),
        ({"apns_collapse_id": "x" * 65}, 400, "BadCollapseId"),
        ({"apns_expiration": "soon"}, 400, "BadExpirationDate"),
        ({"apns_id": "17"}, 400, "BadMessageId"),
        ({"body": b""}, 400, "PayloadEmpty"),
        ({"body": b"[]"}, 400, "PayloadEmpty"),
        ({"body": b'{"aps":{"alert":"%s"}}' % (b"x" * 4096)}, 413, "PayloadTooLarge"),
        ({"body": b"x" * 300_000}, 413, "PayloadTooLarge"),
        ({"path": "/4/device"}, 404, "BadPath"),
        ({"authorization": None}, 403, "MissingProviderToken"),
        ({"authorization": "bearer x"}, 403, "InvalidProviderToken"),
        ({"authorization": f"bearer {provider_token(key=new_ec_key())}"}, 403, "InvalidProviderToken"),
        ({"authorization": f"bearer {provider_token(kid='OTHERKEY01')}"}, 403, "InvalidProviderToken"),
        ({"authorization": f"bearer {provider_token(iss='OTHERTEAM1')}"}, 403, "InvalidProviderToken"),
        ({"authorization": f"bearer {provider_token(iat=int(time.time()) - 3601)}"}, 403, "ExpiredProviderToken"),
        ({"authorization": f"bearer {provider_token(iat=int(time.time()) + 3600)}"}, 403, "InvalidProviderToken"),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(apns, http2, call, status, reason):
    answer = post(http2, **call)
    assert refusal(answer) == (status, reason)
    assert answer.headers["apns-id"] == call.get("apns_id", apns.calls()[0]["apns_id"])
    assert [(entry["status"], entry["reason"]) for entry in apns.calls()] == [(status, reason)]


def test_only_post_is_a_push(apns, http2):
    assert refusal(http2.get(f"/3/device/{ALICE}")) == (405, "MethodNotAllowed")


def test_the_longest_collapse_id_and_the_largest_payload_are_taken(apns, http2):
    largest = b'{"aps":{"alert":"%s"}}' % (b"x" * (4096 - 20))
    assert len(largest) == 4096
    assert post(http2, body=largest, apns_collapse_id="x" * 64).status_code == 200


def test_a_provider_token_may_change_only_every_20_minutes(apns, http2):
    now = int(time.time())
    for age in (1500, 200, 100):
        answer = post(http2, authorization=f"bearer {provider_token(iat=now - age)}")
    assert [call["status"] for call in apns.received()] == [200, 200, 429]
    assert refusal(answer) == (429, "TooManyProviderTokenUpdates")


def test_a_provider_token_that_expired_stays_expired_and_a_new_one_works(apns, http2):
    old, new = (f"bearer {provider_token(iat=int(time.time()) - age)}" for age in (5, 0))
    post(http2, authorization=old)
    apns.fail("expired_token", count=1)
    refused = [post(http2, authorization=old) for _ in range(2)]
    assert {refusal(answer) for answer in refused} == {(403, "ExpiredProviderToken")}
    assert post(http2, authorization=new).status_code == 200


def test_no_token_is_on_record(apns, http2):
    token = provider_token()
    post(http2, authorization=f"bearer {token}")
    assert token not in apns.http.get("/_received").text


# --- Faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ({"kind": "throttle"}, "429", "TooManyRequests"),
        ({"kind": "error"}, "503", "ServiceUnavailable"),
        ({"kind": "error", "code": "Shutdown"}, "503", "Shutdown"),
        ({"kind": "error", "status": 500}, "500", "InternalServerError"),
        ({"kind": "reject"}, "400", "TopicDisallowed"),
        ({"kind": "reject", "code": "BadDeviceToken"}, "400", "BadDeviceToken"),
        ({"kind": "reject", "code": "PayloadTooLarge"}, "413", "PayloadTooLarge"),
        ({"kind": "reject", "code": "InvalidProviderToken"}, "403", "InvalidProviderToken"),
        ({"kind": "dead_token"}, "410", "Unregistered"),
        ({"kind": "dead_token", "code": "ExpiredToken"}, "410", "ExpiredToken"),
    ],
)
async def test_faults_are_told_in_the_words_of_apns(apns, client, fault, status, reason):
    apns.fail(**fault)
    answer = await push(client)
    assert (answer.status, answer.description) == (status, reason)
    assert apns.shown() == []


def test_a_throttle_may_name_its_time(apns, http2):
    apns.fail("throttle", retry_after=7)
    assert post(http2).headers["retry-after"] == "7"


@pytest.mark.parametrize("kind", ["timeout", "reset_stream"])
async def test_a_push_without_an_answer_leaves_the_others_alone(apns, client, kind):
    apns.fail(kind, match=BOB)
    unanswered = asyncio.create_task(push(client, BOB, patience=PATIENCE))
    answered = await push(client)
    with pytest.raises(TimeoutError):
        await unanswered
    assert answered.status == "200"
    assert {call["connection"] for call in apns.received()} == {apns.received()[0]["connection"]}


async def test_a_slow_push_is_answered_in_the_end(apns, client):
    apns.fail("slow", match=BOB, seconds=0.2)
    slow = asyncio.create_task(push(client, BOB))
    quick = await push(client)
    assert (quick.status, slow.done()) == ("200", False)
    assert (await slow).status == "200"


@pytest.mark.parametrize("kind", ["goaway", "reset"])
async def test_a_connection_closed_in_the_middle_takes_those_without_an_answer(apns, client, kind):
    before = await push(client)
    apns.fail(kind, match=BOB, count=1)
    with pytest.raises(MaxAttemptsExceeded):
        await push(client, BOB)
    after = await push(client, BOB)
    assert (before.status, after.status) == ("200", "200")
    assert [call["status"] for call in apns.received()] == [200, None, 200]
    assert apns.received()[0]["connection"] == apns.received()[1]["connection"] != apns.received()[2]["connection"]


async def test_fewer_streams_at_a_time_are_enough(apns, client):
    await push(client)
    apns.fail("max_streams", streams=5)
    await push(client)
    answers = await asyncio.gather(*(push(client, f"{number:064x}") for number in range(50)))
    assert {answer.status for answer in answers} == {"200"}
    assert {call["connection"] for call in apns.received()} == {apns.received()[0]["connection"]}


# --- Frames ----------------------------------------------------------------------------------------------------


class Wire:
    """A client that shows the frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self._heard: deque[Event] = deque()

    def push(self, stream: int) -> None:
        token = f"bearer {provider_token()}"
        names = [(":method", "POST"), (":scheme", "https"), (":authority", HOST), (":path", f"/3/device/{ALICE}")]
        self.h2.send_headers(stream, [*names, ("authorization", token), ("apns-topic", TOPIC)])
        self.h2.send_data(stream, b'{"aps":{}}', end_stream=True)

    async def first(self, kind):
        """Return the next event of this kind; one read may bring several."""
        while True:
            while self._heard:
                event = self._heard.popleft()
                if isinstance(event, kind):
                    return event
            self._writer.write(self.h2.data_to_send())
            async with asyncio.timeout(30):
                data = await self._reader.read(65_536)
            assert data, "the connection was closed"
            self._heard.extend(self.h2.receive_data(data))


@pytest.fixture
async def wire():
    context = trusting()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context)
    yield Wire(reader, writer)
    writer.transport.abort()


async def test_a_goaway_says_why_and_which_stream_was_the_last(apns, wire):
    apns.fail("goaway")
    for stream in (1, 3):
        wire.push(stream)
    goaway = await wire.first(ConnectionTerminated)
    assert (goaway.error_code, goaway.last_stream_id) == (0, 0)
    assert goaway.additional_data == b'{"reason":"Shutdown"}'


async def test_a_reset_stream_is_told(apns, wire):
    apns.fail("reset_stream")
    wire.push(1)
    assert (await wire.first(StreamReset)).stream_id == 1


@pytest.mark.parametrize(("streams", "announced"), [(None, 1000), (7, 7)])
async def test_the_number_of_streams_is_announced(apns, wire, streams, announced):
    if streams:
        apns.fail("max_streams", streams=streams)
    settings = {}
    while settings.get(SettingCodes.MAX_CONCURRENT_STREAMS) != announced:
        changed = (await wire.first(RemoteSettingsChanged)).changed_settings
        settings.update({code: setting.new_value for code, setting in changed.items()})


async def test_junk_closes_its_own_connection_only(apns, http2):
    context = trusting()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(HOST, PORT, ssl=context)
    writer.write(b"GET / HTTP/1.1\r\n\r\n" * 10)
    async with asyncio.timeout(30):
        await reader.read()
    writer.transport.abort()
    assert post(http2).status_code == 200


# --- The process -----------------------------------------------------------------------------------------------


def test_the_stack_says_where_it_is(apns, servers: Servers):
    stack = describe(servers, Identity(), port=8000, demo=True)
    assert httpx.get(f"{stack.apns_simulator_url}/_received").json() == []
    assert stack.environment["APNS_PORT"] == os.environ["APNS_PORT"] == str(servers.apns.api_port)
    assert stack.environment["APNS_HOST"] == LOOPBACK
    assert Path(stack.environment["APNS_CA_FILE"]).read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_nothing_but_public_keys_is_left_on_disk(servers: Servers):
    files = [path.read_text() for path in servers.apns.directory.iterdir()]
    assert files
    assert not any("PRIVATE" in text for text in files)
