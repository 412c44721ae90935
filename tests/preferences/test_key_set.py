"""Tokens that are signed with the keys which the Auth Service publishes."""

import base64
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from devstack.waiting import wait_until
from preferences.authentication import AuthenticationUnavailable, InvalidToken, authenticate, verify
from tests.preferences.tokens import signed

pytestmark = pytest.mark.django_db
RSA_KEY = rsa.generate_private_key(65537, 2048)
NEXT_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class KeyServer(http.server.ThreadingHTTPServer):
    """The Auth Service, as far as it publishes `keys`; counts who asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Publish)
        self.keys: list[dict] = []
        self.asked = 0
        self.answering = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys"


class _Publish(http.server.BaseHTTPRequestHandler):
    server: KeyServer

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
def key_server(settings) -> Iterator[KeyServer]:
    with KeyServer() as service:
        service.keys = [published(RSA_KEY, key_id="rsa"), published(EC_KEY, key_id="ec")]
        settings.JWT_ALGORITHM, settings.JWT_JWKS_URL = "RS256", service.url
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@pytest.mark.parametrize(("algorithm", "key", "key_id"), [("RS256", RSA_KEY, "rsa"), ("ES256", EC_KEY, "ec")])
def test_a_token_signed_with_a_published_key_is_accepted(settings, key_server, alice, algorithm, key, key_id):
    settings.JWT_ALGORITHM = algorithm
    token = signed(settings, alice, key=key, algorithm=algorithm, headers={"kid": key_id})
    assert authenticate(token).user == alice


def test_the_keys_are_fetched_once(settings, key_server, alice):
    token = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    assert {authenticate(token).user for _ in range(5)} == {alice}
    assert key_server.asked == 1


@pytest.mark.parametrize("headers", [{"kid": "ec"}, {"kid": "unknown"}, {"kid": ""}, {}])
def test_a_token_that_names_another_key_or_none_is_refused(settings, key_server, alice, headers):
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers=headers))


def test_the_algorithm_is_ours_and_not_the_headers(settings, key_server, alice):
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, key=EC_KEY, algorithm="ES256", headers={"kid": "ec"}))


def test_our_public_key_is_no_shared_secret(settings, key_server, alice):
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = signed(settings, alice, headers={"kid": "rsa"}).rpartition(".")[0]
    signature = hmac.digest(public, text.encode(), "sha256")  # by hand: PyJWT would not do it
    with pytest.raises(InvalidToken):
        authenticate(f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


def test_unknown_key_ids_do_not_make_us_ask_again_within_ten_seconds(settings, key_server, alice, later):
    for number in range(5):
        with pytest.raises(InvalidToken):
            authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": str(number)}))
        later(1.9)
    assert key_server.asked == 1


def test_a_new_key_is_found_at_once(settings, key_server, alice, later):
    old = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    new = signed(settings, alice, key=NEXT_RSA_KEY, algorithm="RS256", headers={"kid": "next"})
    authenticate(old)
    later(11)
    key_server.keys.append(published(NEXT_RSA_KEY, key_id="next"))
    assert {authenticate(token).user for token in (new, old, new)} == {alice}
    assert key_server.asked == 2


def test_a_new_key_that_came_just_after_the_others_is_found_after_ten_seconds(settings, key_server, alice, later):
    token = signed(settings, alice, key=NEXT_RSA_KEY, algorithm="RS256", headers={"kid": "next"})
    with pytest.raises(InvalidToken):
        authenticate(token)
    key_server.keys.append(published(NEXT_RSA_KEY, key_id="next"))
    later(11)
    assert authenticate(token).user == alice


def test_a_key_that_is_taken_back_counts_for_five_minutes_at_most(settings, key_server, alice, later):
    token = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    authenticate(token)
    key_server.keys.pop(0)
    later(299)
    assert authenticate(token).user == alice
    later(2)
    with pytest.raises(InvalidToken):
        authenticate(token)


def test_who_names_a_known_key_does_not_wait_for_an_unknown_one(settings, key_server, alice, later):
    known = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    authenticate(known)
    later(11)
    with ThreadPoolExecutor(1) as elsewhere, key_server.answering:  # who asks now waits
        unknown = elsewhere.submit(verify, signed(settings, alice, key=EC_KEY, algorithm="ES256", headers={"kid": "x"}))
        assert wait_until(lambda: key_server.asked == 2, seconds=2)
        assert authenticate(known).user == alice
        assert not unknown.done()
    assert isinstance(unknown.exception(), InvalidToken)


def test_a_key_for_encryption_signs_nothing(settings, key_server, alice):
    key_server.keys.append({**published(NEXT_RSA_KEY, key_id="next"), "use": "enc"})
    authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}))
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, key=NEXT_RSA_KEY, algorithm="RS256", headers={"kid": "next"}))


@pytest.mark.parametrize("keys", [None, [], [{"kty": "?"}]])
def test_an_key_server_that_publishes_no_keys_is_away(settings, key_server, alice, keys):
    key_server.keys = keys
    with pytest.raises(AuthenticationUnavailable):
        authenticate(signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}))


def test_while_the_key_server_is_away_nobody_waits_for_it_again(settings, key_server, alice):
    key_server.keys = []
    token = signed(settings, alice, key=RSA_KEY, algorithm="RS256", headers={"kid": "rsa"})
    for _ in range(5):
        with pytest.raises(AuthenticationUnavailable):
            authenticate(token)
    assert key_server.asked == 1
