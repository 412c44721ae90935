"""Tokens as an attacker writes them: other algorithms, other keys, odd claims (RFC 8725)."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from preferences.authentication import InvalidToken, authenticate, issue_token
from tests.access.callers import claims, written
from tests.rest import Caller, refusal

pytestmark = pytest.mark.django_db
OTHER_KEY = rsa.generate_private_key(65537, 2048)
OTHER_JWK: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_KEY.public_key(), as_dict=True)

HEADERS: dict[str, dict[str, Any]] = {
    "none": {"alg": "none"},
    "none in other letters": {"alg": "nOnE"},
    "no algorithm": {"alg": None},
    "a list of algorithms": {"alg": ["HS256"]},
    "another length": {"alg": "HS512"},
    "an algorithm of keys": {"alg": "RS256"},
    "an encrypted token": {"alg": "dir", "enc": "A256GCM"},
    "something critical that we do not know": {"crit": ["exp2"], "exp2": 1},
    "a body that is not encoded": {"b64": False, "crit": ["b64"]},
}


def forge(user, header: dict[str, Any]) -> str:
    return written(claims(user), header=header)


@pytest.mark.parametrize("header", HEADERS)
def test_the_header_does_not_choose_how_a_token_is_checked(alice, header):
    with pytest.raises(InvalidToken):
        authenticate(forge(alice, HEADERS[header]))


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "kid"])
def test_a_key_that_the_token_brings_or_names_counts_for_nothing(alice, name):
    brings = {"jwk": OTHER_JWK, "x5c": ["MII="], "kid": "../../../../dev/null"}
    header = {name: brings.get(name, "https://evil.example/keys")}
    with pytest.raises(InvalidToken):
        authenticate(jwt.encode(claims(alice), OTHER_KEY, "RS256", {**header, "alg": "RS256"}))
    with pytest.raises(InvalidToken):
        authenticate(written(claims(alice), header=header, secret=b""))


@pytest.fixture
def published(settings, monkeypatch) -> rsa.RSAPrivateKey:
    """The Auth Service's key, by a key set that answers without a server."""
    key = rsa.generate_private_key(65537, 2048)
    settings.JWT_ALGORITHM, settings.JWT_JWKS_URL = "RS256", f"https://auth.example/{time.monotonic_ns()}"
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    keys = {"keys": [{**public, "kid": "one", "use": "sig"}]}
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: client.jwk_set_cache.put(keys) or keys)
    return key


def test_a_published_key_is_good(published, alice):
    assert authenticate(jwt.encode(claims(alice), published, "RS256", {"kid": "one"})).user == alice


@pytest.mark.parametrize("form", ["PEM", "DER", "modulus"])
def test_what_everybody_can_read_is_no_secret(published, alice, form):
    public = published.public_key()
    secrets = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "modulus": public.public_numbers().n.to_bytes(256, "big"),
    }
    for algorithm in ("HS256", "RS256"):
        with pytest.raises(InvalidToken):
            authenticate(written(claims(alice), header={"alg": algorithm, "kid": "one"}, secret=secrets[form]))


@pytest.mark.parametrize("kid", ["two", "", None, 1, ["one"], {"one": 1}, "one\0", "' OR 1=1 --", "../one", "x" * 4000])
def test_a_key_id_is_looked_up_and_nothing_else(published, alice, kid):
    header = {} if kid is None else {"kid": kid}
    with pytest.raises(InvalidToken):
        authenticate(written(claims(alice), header={**header, "alg": "RS256"}))


CLAIMS: dict[str, Any] = {
    "no end": {"exp": None},
    "no issuer": {"iss": None},
    "no audience": {"aud": None},
    "no subject": {"sub": None},
    "an end in words": {"exp": "tomorrow"},
    "an end that is a list": {"exp": [9e9]},
    "an end that is an object": {"exp": {}},
    "no audience in a list": {"aud": []},
    "another audience in a list": {"aud": ["billing"]},
    "an audience that begins like ours": {"aud": "notifications.evil.example"},
    "an audience of numbers": {"aud": [1]},
    "issuers": {"iss": ["https://auth.evil.example"]},
    "not before tomorrow": {"nbf": 9_999_999_999},
    "not before words": {"nbf": "now"},
    "a subject that is a number": {"sub": 1},
    "a subject that is a list": {"sub": ["usr_1"]},
    "an empty subject": {"sub": ""},
}


@pytest.mark.parametrize("odd", CLAIMS)
def test_odd_claims_are_refused_as_unauthorized(alice, odd):
    refused = Caller(authorization=f"Bearer {written(claims(alice, **CLAIMS[odd]))}").get()
    assert refusal(refused) == (401, "UNAUTHORIZED")


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "-1", "0", "9" * 5_000, "1e17", "true", '"9999999999999999999"']


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_odd_numbers_are_refused_or_do_no_harm(alice, claim, number):
    usual = json.dumps(claims(alice, **{claim: None})).rstrip("}")
    answer = Caller(authorization=f"Bearer {written(f'{usual}, {json.dumps(claim)}: {number}' + '}')}").get()
    assert answer.status_code == 401 if claim == "exp" else answer.status_code in (200, 401)


@pytest.mark.parametrize(
    "payload", ["", "null", "[]", "1", '"x"', "{", "[" * 3_000, '{"exp": 9e9}' * 2, "\xff", "{}" + "\0" * 10]
)
def test_what_is_no_claims_is_refused(payload):
    with pytest.raises(InvalidToken):
        authenticate(written(payload))


def forms_of(subject: str) -> list[str]:
    return [
        f" {subject}",
        f"{subject} ",
        f"{subject}\n",
        f"{subject}\0",
        subject.replace("usr_", "urn:uuid:"),
        f"{{{subject.removeprefix('usr_')}}}",
        subject.replace("0", "\uff10").replace("1", "\uff11").replace("a", "\uff41") + "\u200b",
        f"{subject},{subject}",
        f"{subject}/../{subject}",
        "*",
        "%",
        "' OR 1=1 --",
    ]


def test_a_subject_in_another_form_is_nobodys(alice):
    for subject in forms_of(claims(alice)["sub"]):
        with pytest.raises(InvalidToken):
            authenticate(written(claims(alice, sub=subject)))


def test_a_token_is_read_whole_or_not_at_all(alice):
    token = issue_token(alice)
    head, body, signature = token.split(".")
    for changed in (
        f"{token}.",
        f".{token}",
        f"{token}.{signature}",
        f"{head}..{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.{signature}{signature}",
        f"{head}.{body}a.{signature}",
        f"{token},{token}",
        f"{token} {token}",
    ):
        with pytest.raises(InvalidToken):
            authenticate(changed)


def test_two_authorization_headers_are_none(alice, charlie):
    both = f"Bearer {issue_token(alice)},Bearer {issue_token(charlie)}"  # as Django joins them
    assert refusal(Caller(authorization=both).get()) == (401, "UNAUTHORIZED")
