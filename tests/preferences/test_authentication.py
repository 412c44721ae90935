import base64
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.utils import timezone

from devstack.waiting import wait_until
from preferences import authentication, user_ids
from preferences.authentication import AuthenticationUnavailable, CannotIssueTokens, InvalidToken, authenticate, verify
from preferences.checks import check_key_set

pytestmark = pytest.mark.django_db
RSA_KEY = rsa.generate_private_key(65537, 2048)
NEXT_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def claims(settings, user, **changed):
    now = timezone.now()
    usual = {
        "sub": user_ids.show(user.id),
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "exp": now + timedelta(hours=1),
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def signed(settings, user, *, key=None, algorithm="HS256", headers=None, **changed) -> str:
    return jwt.encode(claims(settings, user, **changed), key or settings.JWT_SECRET, algorithm, headers)


# --- A shared secret -----------------------------------------------------------------------------------------


def test_a_token_says_whose_it_is_and_until_when(alice):
    identity = authenticate(authentication.issue_token(alice, lifetime=timedelta(minutes=5)))
    assert identity.user == alice
    assert timedelta(minutes=4) < identity.expires_at - timezone.now() <= timedelta(minutes=5)


def test_a_subject_may_be_a_plain_uuid(settings, alice):
    assert authenticate(signed(settings, alice, sub=str(alice.id))).user == alice


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": 1e300},
        {"exp": "soon"},
        {"sub": None},
        {"sub": "alice"},
        {"sub": "usr_\x00"},
        {"sub": "6b1f4b0e-5a6c-4f5e-9d1c-2f0a7c3e8d41"},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"nbf": 2**40},
        {"key": "somebody else's secret, and long enough for a key"},
        {"algorithm": "HS512"},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_is_refused(settings, alice, changed):
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, **changed))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "ä.ö.ü", "\x00", "\ud800", "x" * 10_000, "e30.e30.", "W10.W10.x"])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(InvalidToken):
        authenticate(token)


def test_deeply_nested_claims_are_refused(settings):
    header = base64.urlsafe_b64encode(b'{"alg":"HS256"}' + b" " * 3).decode()
    nested = base64.urlsafe_b64encode(b"[" * 6000).decode()
    with pytest.raises(InvalidToken):
        authenticate(f"{header}.{nested}.x")


def test_an_unsigned_token_is_refused(settings, alice):
    with pytest.raises(InvalidToken):
        authenticate(jwt.encode(claims(settings, alice), None, "none"))


def test_a_changed_token_is_refused(settings, alice, bob):
    head, _, signature = authentication.issue_token(alice).split(".")
    body = authentication.issue_token(bob).split(".")[1]
    with pytest.raises(InvalidToken):
        authenticate(f"{head}.{body}.{signature}")


def test_the_token_of_a_deleted_user_is_refused(alice):
    token = authentication.issue_token(alice)
    alice.delete()
    with pytest.raises(InvalidToken):
        authenticate(token)


def test_the_token_of_an_inactive_user_is_refused(alice):
    alice.is_active = False
    alice.save()
    with pytest.raises(InvalidToken):
        authenticate(authentication.issue_token(alice))


@pytest.mark.parametrize("setting", ["JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_ALGORITHM"])
def test_without_a_configuration_nobody_comes_in(settings, alice, setting):
    token = authentication.issue_token(alice)
    setattr(settings, setting, "")
    with pytest.raises(AuthenticationUnavailable):
        authenticate(token)


# --- The Auth Service's keys ---------------------------------------------------------------------------------


class AuthService(http.server.ThreadingHTTPServer):
    """Publishes `keys`, and counts who asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Publish)
        self.keys: list[dict] = []
        self.asked = 0
        self.answering = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys"


class _Publish(http.server.BaseHTTPRequestHandler):
    server: AuthService

    def do_GET(self) -> None:
        self.server.asked += 1
        with self.server.answering:
            self._publish()

    def _publish(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"keys": self.server.keys}).encode())

    def log_message(self, *_) -> None:
        pass


def published(key, *, key_id: str) -> dict:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"}


@pytest.fixture
def auth_service(settings) -> Iterator[AuthService]:
    with AuthService() as service:
        service.keys = [published(RSA_KEY, key_id="rsa"), published(EC_KEY, key_id="ec")]
        settings.JWT_ALGORITHM, settings.JWT_JWKS_URL = "RS256", service.url
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@pytest.fixture
def later(monkeypatch) -> Callable[[float], None]:
    """Lets so many seconds pass at once, for whoever measures by the monotonic clock."""
    before, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: before() + passed[0])

    def wait(seconds: float) -> None:
        passed[0] += seconds

    return wait


@pytest.mark.parametrize(("algorithm", "key", "key_id"), [("RS256", RSA_KEY, "rsa"), ("ES256", EC_KEY, "ec")])
def test_a_token_signed_with_a_published_key_is_accepted(settings, auth_service, alice, algorithm, key, key_id):
    settings.JWT_ALGORITHM = algorithm
    token = signed(settings, alice, key=key, algorithm=algorithm, headers={"kid": key_id})
    assert authenticate(token).user == alice


def test_the_keys_are_fetched_once(settings, auth_service, alice):
    token = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    assert {authenticate(token).user for _ in range(5)} == {alice}
    assert auth_service.asked == 1


@pytest.mark.parametrize("headers", [{"kid": "ec"}, {"kid": "unknown"}, {"kid": ""}, {}])
def test_a_token_that_names_another_key_or_none_is_refused(settings, auth_service, alice, headers):
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers=headers))


def test_the_algorithm_is_ours_and_not_the_headers(settings, auth_service, alice):
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, key=EC_KEY, algorithm="ES256", headers={"kid": "ec"}))


def test_our_public_key_is_no_shared_secret(settings, auth_service, alice):
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = signed(settings, alice, headers={"kid": "rsa"}).rpartition(".")[0]
    signature = hmac.digest(public, text.encode(), "sha256")  # by hand: PyJWT would not do it
    with pytest.raises(InvalidToken):
        authenticate(f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


def test_unknown_key_ids_do_not_make_us_ask_again_within_ten_seconds(settings, auth_service, alice, later):
    for number in range(5):
        with pytest.raises(InvalidToken):
            authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": str(number)}))
        later(1.9)
    assert auth_service.asked == 1


def test_a_new_key_is_found_at_once(settings, auth_service, alice, later):
    old = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    new = signed(settings, alice, key=NEXT_RSA_KEY, algorithm="RS256", headers={"kid": "next"})
    authenticate(old)
    later(11)
    auth_service.keys.append(published(NEXT_RSA_KEY, key_id="next"))
    assert {authenticate(token).user for token in (new, old, new)} == {alice}
    assert auth_service.asked == 2


def test_a_new_key_that_came_just_after_the_others_is_found_after_ten_seconds(settings, auth_service, alice, later):
    token = signed(settings, alice, key=NEXT_RSA_KEY, algorithm="RS256", headers={"kid": "next"})
    with pytest.raises(InvalidToken):
        authenticate(token)
    auth_service.keys.append(published(NEXT_RSA_KEY, key_id="next"))
    later(11)
    assert authenticate(token).user == alice


def test_a_key_that_is_taken_back_counts_for_five_minutes_at_most(settings, auth_service, alice, later):
    token = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    authenticate(token)
    auth_service.keys.pop(0)
    later(299)
    assert authenticate(token).user == alice
    later(2)
    with pytest.raises(InvalidToken):
        authenticate(token)


def test_who_names_a_known_key_does_not_wait_for_an_unknown_one(settings, auth_service, alice, later):
    known = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    authenticate(known)
    later(11)
    with ThreadPoolExecutor(1) as elsewhere, auth_service.answering:  # who asks now waits
        unknown = elsewhere.submit(verify, signed(settings, alice, key=EC_KEY, algorithm="ES256", headers={"kid": "x"}))
        assert wait_until(lambda: auth_service.asked == 2, seconds=2)
        assert authenticate(known).user == alice
        assert not unknown.done()
    assert isinstance(unknown.exception(), InvalidToken)


def test_a_key_for_encryption_signs_nothing(settings, auth_service, alice):
    auth_service.keys.append({**published(NEXT_RSA_KEY, key_id="next"), "use": "enc"})
    authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}))
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, key=NEXT_RSA_KEY, algorithm="RS256", headers={"kid": "next"}))


@pytest.mark.parametrize("keys", [None, [], [{"kty": "?"}]])
def test_an_auth_service_that_publishes_no_keys_is_away(settings, auth_service, alice, keys):
    auth_service.keys = keys
    with pytest.raises(AuthenticationUnavailable):
        authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}))


def test_while_the_auth_service_is_away_nobody_waits_for_it_again(settings, auth_service, alice):
    auth_service.keys = []
    token = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    for _ in range(5):
        with pytest.raises(AuthenticationUnavailable):
            authenticate(token)
    assert auth_service.asked == 1


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", []),
        ("https://auth.example.com/.well-known/jwks.json", []),
        ("http://127.0.0.1:8080/jwks.json", []),
        ("http://auth.example.com/.well-known/jwks.json", ["preferences.E007"]),
        ("file:///etc/keys.json", ["preferences.E007"]),
        ("auth.example.com", ["preferences.E007"]),
    ],
)
def test_keys_are_fetched_where_nobody_can_change_them(settings, url, found):
    settings.JWT_JWKS_URL = url
    assert [problem.id for problem in check_key_set()] == found


def test_only_a_shared_secret_lets_us_issue_tokens(auth_service, alice):
    with pytest.raises(CannotIssueTokens):
        authentication.issue_token(alice)


# --- manage.py issue_token -----------------------------------------------------------------------------------


@pytest.mark.parametrize("development", ["DEMO", "DEBUG"])
def test_in_development_a_command_prints_a_token(settings, capsys, alice, development):
    setattr(settings, development, True)
    call_command("issue_token", "Alice@example.com")
    assert authenticate(capsys.readouterr().out.strip()).user == alice


def test_elsewhere_the_command_refuses(settings, alice):
    settings.DEMO = settings.DEBUG = False
    with pytest.raises(CommandError, match="Auth Service"):
        call_command("issue_token", alice.email)


def test_the_command_refuses_an_address_of_nobody(settings):
    settings.DEMO = True
    with pytest.raises(CommandError, match=r"nobody@example\.com"):
        call_command("issue_token", "nobody@example.com")
