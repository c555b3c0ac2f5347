"""Signatures between the centre and its site agents: Ed25519 over exactly what is said.

A request is signed with a counter that only grows, an answer with the counter of its request. So
neither can be used twice, and no clock has to be right.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32
# What is signed begins with its kind: a request is never taken for an answer, nor an enrolment.
REQUEST, ANSWER, SUCCESSION = "allmende-request-1", "allmende-answer-1", "allmende-succession-1"
DELETION = "allmende-deletion-1"


def public_key_of(private_key: bytes) -> bytes:
    """Return the public half, 32 bytes, of a private key of 32 random bytes."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def fingerprint_of(public_key: bytes) -> str:
    """Return what people compare: the SHA-256 of a public key, 64 hexadecimal digits."""
    return hashlib.sha256(public_key).hexdigest()


def sign(private_key: bytes, message: bytes) -> str:
    """Return the signature of a message, in hexadecimal digits."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(message).hex()


def is_signed(public_key: bytes, message: bytes, signature: str) -> bool:
    """Say whether the owner of a public key signed the message; whatever else is no signature."""
    try:
        raw = bytes.fromhex(signature)
        Ed25519PublicKey.from_public_bytes(public_key).verify(raw, message)
    except (ValueError, InvalidSignature):
        return False
    return True


def request_message(*, path: str, agent_id: str, counter: int, body: bytes) -> bytes:
    """Return what an agent signs: where it goes, from whom, the how-manieth, and what it says."""
    return _message(REQUEST, "POST", path, agent_id, str(counter), _digest(body))


def answer_message(*, agent_id: str, counter: int, status: int, body: bytes) -> bytes:
    """Return what the centre signs: to whom and to which request, and what it says."""
    return _message(ANSWER, agent_id, str(counter), str(status), _digest(body))


def succession_message(*, agent_id: str, public_key: bytes) -> bytes:
    """Return what a new key signs, so that nobody passes off somebody else's key as their own."""
    return _message(SUCCESSION, agent_id, public_key.hex())


def deletion_message(statement: str) -> bytes:
    """Return what an agent signs that deleted the files of a job."""
    return _message(DELETION, statement)


def prove(secret: bytes, *, site_id: str, public_key: bytes) -> str:
    """Return the proof that whoever has this key also has the secret of an enrolment code.

    The secret itself is never sent: who listens in can enrol no key of their own.
    """
    message = _message("allmende-enrolment-1", site_id, public_key.hex())
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def is_proof(proof: str, secret: bytes, *, site_id: str, public_key: bytes) -> bool:
    """Say whether `prove` made this, in a time that tells nothing."""
    wanted = prove(secret, site_id=site_id, public_key=public_key)
    return hmac.compare_digest(proof.encode(), wanted.encode())


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _message(*parts: str) -> bytes:
    # No part has a line break in it that its reader would take for an end: each tells its length.
    return "\n".join(f"{len(part.encode())}:{part}" for part in parts).encode()
