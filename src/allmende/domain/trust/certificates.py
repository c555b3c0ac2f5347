"""Certificates that follow from a secret: whoever knows it makes the same one, at any time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# It is believed by itself, not by its dates; these are the widest that a certificate can have.
FROM, UNTIL = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """By what a server proves who it is: both in PEM."""

    certificate: str
    private_key: str = field(repr=False)


def derive_identity(secret: bytes, *, name: str) -> Identity:
    """Return the self-signed certificate of a secret of 32 bytes, and its private key.

    Signatures of Ed25519 throw no dice, so that it is always the same to the byte.
    """
    key = Ed25519PrivateKey.from_private_bytes(secret)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        # It stands for itself and for no other.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, algorithm=None)
    )
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Identity(
        certificate=certificate.public_bytes(Encoding.PEM).decode(), private_key=text.decode()
    )
