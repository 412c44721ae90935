"""Who signed a message of SNS: django-ses's verifier, made to trust less.

What it lets pass, and this does not: a certificate from any host called sns.….amazonaws.com (such as the S3 bucket
"sns"), expired certificates, a certificate of any size. What it refuses, and this does not: SignatureVersion 2
(SHA-256), and every message after one failed download, until the process ends.
"""

import base64
import binascii
import re
from typing import Any, Final

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from django.utils import timezone
from django_ses import utils
from urllib3.exceptions import HTTPError

_TIMEOUT_SECONDS: Final = (3, 5)  # to connect, and to wait for each part of an answer
_MAX_CERTIFICATE_BYTES: Final = 65_536  # SNS's own has about 2,000
#: By SignatureVersion. Which of them a topic uses is its owner's setting.
_HASHES: Final[dict[str, type[HashAlgorithm]]] = {"1": SHA1, "2": SHA256}
_TOPIC: Final = re.compile(r"arn:(aws[a-z-]*):sns:([a-z0-9-]+):[0-9]{12}:[\w.-]+", re.ASCII)
_CHINA: Final = "aws-cn"


class SnsUnavailable(Exception):
    """SNS does not answer as it should just now; it repeats its message, so we may try again then."""


def host_of(topic: str) -> str:
    """Return the host of SNS in the topic's region. Raises ValueError when `topic` is no SNS topic's ARN."""
    arn = _TOPIC.fullmatch(topic)
    if arn is None:
        raise ValueError(f"{topic!r} is not the ARN of an SNS topic")
    partition, region = arn.groups()
    return f"sns.{region}.amazonaws.com{'.cn' if partition == _CHINA else ''}"


class Verifier(utils.EventMessageVerifier):  # type: ignore[misc]  # django-ses has no types
    """Checks the signature of one message, whose fields are all text and whose topic is a topic's ARN."""

    _verified: bool | None

    def is_verified(self) -> bool:
        """Whether SNS signed the message. Raises SnsUnavailable when its certificate cannot be had just now."""
        if self._verified is None:
            self._verified = self._is_signed()
        return self._verified

    def _is_signed(self) -> bool:
        try:
            signature = base64.b64decode(self._data["Signature"], validate=True)
        except (binascii.Error, ValueError):  # the latter: not even ASCII
            return False
        algorithm, certificate = _HASHES.get(self._data["SignatureVersion"]), self.certificate
        if algorithm is None or certificate is None or not _is_valid_now(certificate):
            return False
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        try:
            key.verify(signature, self._get_bytes_to_sign(), PKCS1v15(), algorithm())
        except InvalidSignature:
            return False
        return True

    @property
    def certificate(self) -> x509.Certificate | None:
        """The certificate that the message names, or None when it is none of SNS's.

        Kept for the life of the process, but for failures: those are tried again with the next message.
        """
        address = self._get_cert_url()
        if address is None:
            return None
        known: dict[str, Any] = utils._CERT_CACHE
        if known.get(address) is None:
            known[address] = _download(address)
        certificate: x509.Certificate = known[address]
        return certificate

    def _get_cert_url(self) -> str | None:
        """Return the certificate's address if it is on SNS's own host in the topic's region."""
        address: str = self._data.get("SigningCertURL", "")
        own = rf"https://{re.escape(host_of(self._data['TopicArn']))}/SimpleNotificationService-[0-9a-f]{{1,64}}\.pem"
        return address if re.fullmatch(own, address) else None


def _is_valid_now(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= timezone.now() <= certificate.not_valid_after_utc


def _download(address: str) -> x509.Certificate:
    try:
        with requests.get(address, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            if answer.status_code != requests.codes.ok:
                raise SnsUnavailable(f"HTTP {answer.status_code}")
            # What comes after the limit is never read.
            return x509.load_pem_x509_certificate(answer.raw.read(_MAX_CERTIFICATE_BYTES, decode_content=True))
    except (requests.RequestException, HTTPError, ValueError) as error:  # the last: no certificate
        raise SnsUnavailable(type(error).__name__) from error
