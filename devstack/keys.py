"""Private keys as PEM text (PKCS #8), the form in which Google and Apple hand them out."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


def new_rsa_key() -> str:
    """Draw a key as in a Google service account."""
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def new_ec_key() -> str:
    """Draw a key as in Apple's .p8 files."""
    return pem(ec.generate_private_key(ec.SECP256R1()))


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Write `key` without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_half(private_key: str) -> str:
    """What the provider keeps of it."""
    public = load_pem_private_key(private_key.encode(), password=None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
