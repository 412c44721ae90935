import base64
import hmac
import http.server
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import CommandError, call_command
from django.utils import timezone

from preferences import authentication, user_ids
from preferences.authentication import AuthenticationUnavailable, CannotIssueTokens, InvalidToken, authenticate

pytestmark = pytest.mark.django_db
RSA_KEY = rsa.generate_private_key(65537, 2048)
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
        {"sub": str(uuid4())},
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

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys"


class _Publish(http.server.BaseHTTPRequestHandler):
    server: AuthService

    def do_GET(self) -> None:
        self.server.asked += 1
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


def test_unknown_key_ids_do_not_make_us_ask_again_within_a_minute(settings, auth_service, alice):
    for number in range(5):
        with pytest.raises(InvalidToken):
            authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": str(number)}))
    assert auth_service.asked == 1


def test_a_new_key_is_found_after_a_minute(settings, auth_service, alice, monkeypatch):
    token = signed(settings, alice, key=EC_KEY, algorithm="ES256", headers={"kid": "new"})
    settings.JWT_ALGORITHM = "ES256"
    with pytest.raises(InvalidToken):
        authenticate(token)
    auth_service.keys.append(published(EC_KEY, key_id="new"))
    before = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: before() + 61)
    assert authenticate(token).user == alice


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
