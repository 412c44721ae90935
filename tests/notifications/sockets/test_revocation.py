"""Open sockets and the Auth Service's word on their tokens, in a web process that asks it."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed

from devstack.ports import free_port, http_status
from devstack.waiting import wait_on_loop, wait_until
from notifications.sockets.revocation import RevocationWatch
from preferences.api_access import FAILED_AUTHENTICATION
from preferences.authentication import issue_token
from preferences.claims import Claims
from tests.auth_service import CLIENT_ID, CLIENT_SECRET, AuthService, auth_service
from tests.bells import Bell, open_bell_with
from tests.conftest import Web, running_process

LIFE = 1.0  # of an answer, in seconds
PATIENCE = 30.0
FAILURES = f"rate:{FAILED_AUTHENTICATION.call}:127.0.0.1"


@pytest.fixture(scope="module")
def asking_web(django_db_setup, tmp_path_factory) -> Iterator[tuple[Web, AuthService]]:
    port, log = free_port(), tmp_path_factory.mktemp("web") / "asking.log"
    with auth_service() as service:
        environment = {
            "PORT": str(port),
            "ROLLOUT_CACHE_MS": "0",
            "AUTH_INTROSPECTION_URL": service.url,
            "AUTH_INTROSPECTION_CLIENT_ID": CLIENT_ID,
            "AUTH_INTROSPECTION_CLIENT_SECRET": CLIENT_SECRET,
            "AUTH_INTROSPECTION_CACHE_SECONDS": str(LIFE),
            "AUTH_INTROSPECTION_READ_TIMEOUT_SECONDS": "5",
        }
        with running_process("web", environment, log=log) as child:
            assert wait_until(lambda: not child.is_alive or http_status(port, "/healthz") is not None, seconds=30)
            yield Web(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws/notifications", child, log), service


@pytest.fixture
def service(asking_web, transactional_db, flag_on) -> Iterator[AuthService]:
    """The process's Auth Service, in good health, and known to be."""
    web, auth = asking_web
    guesses = (f"at-guess-{number}" for number in itertools.count())
    assert wait_until(lambda: status_of(web, next(guesses)) != httpx.codes.SERVICE_UNAVAILABLE, seconds=PATIENCE)
    yield auth
    auth.heal()
    auth.tokens.clear()


def status_of(web: Web, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{web.base_url}/api/v1/notifications/bell", headers=headers).status_code


@pytest.fixture
def open_bell(asking_web, service) -> Iterator[Callable[[str], Bell]]:
    """Opens a socket with this token; all are closed at the end."""
    with contextlib.ExitStack() as bells:
        yield lambda token: bells.enter_context(open_bell_with(asking_web[0].websocket_url, token))


@pytest.fixture
def greeted(open_bell) -> Callable[[str], Bell]:
    def open_greeted(token: str) -> Bell:
        bell = open_bell(token)
        bell.hear("hello")
        return bell

    return open_greeted


def close_code(bell: Bell) -> int:
    with pytest.raises(ConnectionClosed) as end:
        bell.hear("nothing", seconds=PATIENCE)
    assert end.value.rcvd is not None
    return end.value.rcvd.code


def is_let_in(bell: Bell) -> bool:
    with contextlib.suppress(ConnectionClosed):
        bell.hear("hello")
        return bell.hears_nothing()
    return False


def outlives_answers(bell: Bell, service: AuthService, token: str) -> bool:
    """Whether the socket is open after its token was asked about again, and again."""
    known = service.asked_about(token)
    assert wait_until(lambda: service.asked_about(token) >= known + 2, seconds=PATIENCE)
    return bell.hears_nothing()


# --- A web process that asks -----------------------------------------------------------------------------------


def test_a_socket_stays_open_while_its_token_is_active(greeted, service, alice):
    token = service.issue(alice)
    assert outlives_answers(greeted(token), service, token)


def test_a_socket_closes_with_4401_when_its_token_is_revoked(greeted, service, alice, charlie):
    revoked, other = service.issue(alice), service.issue(charlie)
    bell, stays = greeted(revoked), greeted(other)
    asked = service.asked_about(revoked)
    service.revoke(revoked)

    assert close_code(bell) == 4401
    assert service.asked_about(revoked) <= asked + 2  # one question may have been under way
    assert stays.hears_nothing()


def test_a_revoked_token_frees_its_place(greeted, service, alice, valkey: Redis):
    token = service.issue(alice)
    bell = greeted(token)
    service.revoke(token)

    assert close_code(bell) == 4401
    assert wait_until(lambda: not valkey.zcard(f"bell:sockets:{alice.id.hex}"), seconds=PATIENCE)


def test_a_socket_closes_with_4401_when_its_token_expires(greeted, service, alice):
    assert close_code(greeted(service.issue(alice, lifetime=3))) == 4401


def test_a_token_that_is_not_active_opens_no_socket(open_bell):
    assert close_code(open_bell("at-nobody-issued-this")) == 4401


@pytest.fixture
def forgiven(valkey: Redis) -> Iterator[None]:
    """Leaves no failures behind: all tests come from one address."""
    valkey.delete(FAILURES)
    yield
    valkey.delete(FAILURES)


def test_guesses_beyond_the_limit_cost_no_question_and_known_tokens_pass(greeted, open_bell, service, alice, forgiven):
    known = service.issue(alice)
    greeted(known)
    assert {close_code(open_bell(f"at-made-up-{number}")) for number in range(60)} == {4401}
    asked = len(service.questions)
    assert {close_code(open_bell(f"at-made-up-{number}")) for number in range(60, 65)} == {1013}
    assert not [entry for entry in service.questions[asked:] if entry["token"] != [known]]
    # A test that is late finds the answer about the known token outdated: it is asked about again, and passes then.
    assert wait_until(lambda: is_let_in(open_bell(known)), seconds=PATIENCE)


def test_a_signed_token_opens_no_socket_there(open_bell, alice):
    assert close_code(open_bell(issue_token(alice))) == 4401


def test_a_services_token_opens_no_socket(open_bell, service):
    assert close_code(open_bell(service.issue("tasks", scope="events:write"))) == 4401


def test_while_the_auth_service_is_away_sockets_stay_and_newcomers_come_back_later(greeted, open_bell, service, alice):
    token, new = service.issue(alice, lifetime=7), service.issue(alice)
    bell = greeted(token)
    service.status = 503

    assert outlives_answers(bell, service, token)
    assert close_code(open_bell(new)) == 1013
    assert close_code(bell) == 4401  # at the token's own end


def test_what_was_revoked_during_an_outage_is_closed_after_it(greeted, service, alice):
    token = service.issue(alice)
    bell = greeted(token)
    service.status = 503
    service.revoke(token)
    assert outlives_answers(bell, service, token)

    service.heal()
    assert close_code(bell) == 4401


def test_a_slow_auth_service_holds_no_open_bell_up(greeted, open_bell, service, alice, charlie):
    bell = greeted(service.issue(alice))
    service.answers_after = 4  # longer than all the rest of this test takes, and within the timeout of a question
    tokens = [service.issue(charlie) for _ in range(20)]
    waiting = [open_bell(token) for token in tokens]

    bell.say({"type": "resume", "after": "ntf_0000000000000000"})
    bell.hear("missed")
    assert not all(map(service.asked_about, tokens))  # they wait, four at a time, and the bell did not wait behind them
    service.heal()
    for newcomer in waiting:
        newcomer.hear("hello", seconds=PATIENCE)


def test_sockets_of_one_token_ask_for_it_once(greeted, service, alice):
    token = service.issue(alice)
    bells = [greeted(token) for _ in range(10)]
    known, began = service.asked_about(token), time.monotonic()
    assert wait_until(lambda: service.asked_about(token) >= known + 3, seconds=PATIENCE)

    assert service.asked_about(token) - known <= (time.monotonic() - began) / (0.75 * LIFE) + 1
    assert all(bell.hears_nothing() for bell in bells)


def test_the_log_holds_no_token(asking_web, greeted, service, alice):
    token = service.issue(alice)
    bell = greeted(token)
    service.status = 503
    log = asking_web[0].log
    assert wait_until(lambda: "Auth Service is left alone" in log.read_text(), seconds=PATIENCE)
    assert token not in log.read_text()
    assert "Traceback" not in log.read_text()
    assert bell.hears_nothing()


# --- The watch alone -------------------------------------------------------------------------------------------


class Socket:
    """One that is due, unless it says otherwise."""

    def __init__(self, token: str, *, ask_again_at: float = 0.0, expires_at: float = math.inf) -> None:
        self.token, self.ask_again_at, self.expires_at = token, ask_again_at, expires_at
        self.is_expired = False

    def expire(self) -> None:
        self.is_expired = True

    def renew(self, claims: Claims) -> None:
        self.ask_again_at = claims.ask_again_at


@pytest.fixture
def asked(settings) -> Iterator[AuthService]:
    """An Auth Service that this process asks."""
    with auth_service() as service:
        settings.AUTH_INTROSPECTION_URL = service.url
        settings.AUTH_INTROSPECTION_CLIENT_ID = CLIENT_ID
        settings.AUTH_INTROSPECTION_CLIENT_SECRET = CLIENT_SECRET
        settings.AUTH_INTROSPECTION_CONNECT_TIMEOUT = settings.AUTH_INTROSPECTION_READ_TIMEOUT = timedelta(seconds=10)
        yield service


def is_over(watch: RevocationWatch) -> bool:
    return watch._round is None or watch._round.done()


async def look_at(*sockets: Socket) -> None:
    """Look every few milliseconds, as the watch does every second, until its first round is over."""
    watch = RevocationWatch()
    watch.look(sockets)

    def look_again() -> bool:
        if not is_over(watch):
            watch.look(sockets)
        return is_over(watch)

    assert await wait_on_loop(look_again, seconds=60)


async def test_a_crowd_is_asked_about_a_few_at_a_time(asked):
    asked.answers_after = 0.02
    crowd = [Socket(asked.issue("tasks")) for _ in range(200)]
    await look_at(*crowd)
    assert len(asked.questions) == 200
    assert asked.most_at_once == 8
    assert min(socket.ask_again_at for socket in crowd) > time.monotonic() + 40


async def test_without_an_answer_the_rest_waits_for_the_next_round(asked):
    asked.status = 503
    crowd = [Socket(asked.issue("tasks")) for _ in range(200)]
    await look_at(*crowd)
    assert len(asked.questions) <= 8
    assert not any(socket.is_expired or socket.ask_again_at for socket in crowd)


async def test_only_those_are_asked_about_whose_answers_ended_before_their_tokens(asked):
    fresh, signed = Socket("fresh", ask_again_at=time.monotonic() + 1), Socket("signed", ask_again_at=math.inf)
    over, revoked = Socket("over", expires_at=time.time() - 1), Socket("revoked")
    await look_at(fresh, signed, over, revoked)
    assert [question["token"] for question in asked.questions] == [["revoked"]]
    assert [socket.is_expired for socket in (fresh, signed, over, revoked)] == [False, False, False, True]


async def test_what_goes_wrong_in_a_round_is_raised_by_the_next_look(asked):
    watch = RevocationWatch()
    watch.look([Socket(7)])  # no token at all
    assert await wait_on_loop(lambda: is_over(watch), seconds=30)
    with pytest.raises(ExceptionGroup):
        watch.look([])
    watch.look([])
