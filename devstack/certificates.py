"""TLS on the loopback interface: a certificate authority of the stack's own, and one certificate for its servers."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devstack.keys import pem
from devstack.ports import LOOPBACK
from devstack.private_file import write_private_file

_LIFETIME: Final = timedelta(days=3650)
_SIGNS: Final = {"key_cert_sign", "crl_sign"}
_SERVES: Final = {"digital_signature"}
_USAGES: Final = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class Certificates:
    """Files, all PEM."""

    authority: Path  # whom clients must trust
    trusted: Path  # the same, and everyone else whom Python's `requests` trusts
    server: Path
    server_key: Path

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """Find them in `directory`, or make them there. The authority's key is not kept: it signs only once."""
        names = ("authority.pem", "trusted.pem", "server.pem", "server.key")
        certificates = cls(*(directory.resolve() / name for name in names))
        if not all(path.exists() for path in (certificates.authority, certificates.trusted, certificates.server)):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            certificates._make()
        return certificates

    def _make(self) -> None:
        authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _authority(authority_key)
        server = _server(server_key.public_key(), authority, authority_key)
        text = authority.public_bytes(Encoding.PEM).decode()
        write_private_file(self.authority, text)
        write_private_file(self.trusted, Path(certifi.where()).read_text() + text)
        write_private_file(self.server_key, pem(server_key))
        write_private_file(self.server, server.public_bytes(Encoding.PEM).decode())  # last: now all are there


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    public = key.public_key()
    name = _name("Notifications devstack authority")
    certificate = (
        _certificate(name, public, issuer=name, issuer_key=public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(_SIGNS), critical=True)
    )
    return certificate.sign(key, SHA256())


def _server(
    public: ec.EllipticCurvePublicKey, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    signed_by = authority_key.public_key()
    certificate = (
        _certificate(_name("Notifications devstack"), public, issuer=authority.subject, issuer_key=signed_by)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(_SERVES), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
    )
    return certificate.sign(authority_key, SHA256())


def _certificate(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, *, issuer: x509.Name, issuer_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """What both have, the key identifiers among it: Python 3.13 refuses a chain without them."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(wanted: set[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in wanted for name in _USAGES})
