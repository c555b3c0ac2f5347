"""Envelopes: secrets of an attempt, closed for one site agent and opened only on its machine.

X25519 with a key that is used once, HKDF-SHA256, AES-256-GCM. Each is bound to its attempt: put to
another one it stays closed, and the same attempt never begins twice.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.backends import Launch

KEY_BYTES = 32
_SEALING, _ENVELOPE = b"allmende-sealing-1", b"allmende-envelope-1"
_NONCE = bytes(12)  # a key that is used once needs no other


class UnusableKey(Refusal):
    """The agent names a key that nothing can be sealed for. Enrol it anew."""

    status = 503


class EnvelopeStaysClosed(Refusal):
    """Its secrets were sealed for another key than the agent has: the agent was enrolled anew since
    then, or its key was changed. They are sealed anew for the next attempt."""


def public_key_of(agent_key: bytes) -> bytes:
    """Return what envelopes for an agent are closed with, 32 bytes, from its own private key.

    It changes with that key, and nobody can sign with it.
    """
    return _private(agent_key).public_key().public_bytes_raw()


def close(launch: Launch, public_key: bytes, *, one_time_key: bytes) -> Launch:
    """Return a launch whose secrets only one agent can read; `UnusableKey` for what is no key.

    `one_time_key` is 32 random bytes.
    """
    ours = X25519PrivateKey.from_private_bytes(one_time_key)
    sender = ours.public_key().public_bytes_raw()
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError as error:
        raise UnusableKey from error
    lock = _lock(shared, sender, public_key)
    content = json.dumps(dict(launch.secrets)).encode()
    sealed = sender + lock.encrypt(_NONCE, content, launch.key.encode())
    return replace(launch, secrets={}, sealed_secrets=base64.b64encode(sealed).decode())


def open_with(agent_keys: Iterable[bytes], launch: Launch) -> Launch:
    """Return a launch with its secrets, opened with one of the private keys of an agent.

    `EnvelopeStaysClosed` where none fits, or where anything was changed.
    """
    if not launch.sealed_secrets:
        return launch
    for agent_key in agent_keys:
        try:
            content = _open(_private(agent_key), launch)
        except (InvalidTag, ValueError, binascii.Error):
            continue
        return replace(launch, secrets=json.loads(content), sealed_secrets="")
    raise EnvelopeStaysClosed


def _open(private: X25519PrivateKey, launch: Launch) -> bytes:
    sealed = base64.b64decode(launch.sealed_secrets, validate=True)
    sender, rest = sealed[:KEY_BYTES], sealed[KEY_BYTES:]
    shared = private.exchange(X25519PublicKey.from_public_bytes(sender))
    lock = _lock(shared, sender, private.public_key().public_bytes_raw())
    return lock.decrypt(_NONCE, rest, launch.key.encode())


def _private(agent_key: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_derive(agent_key, salt=b"", info=_SEALING))


def _lock(shared: bytes, sender: bytes, recipient: bytes) -> AESGCM:
    return AESGCM(_derive(shared, salt=sender + recipient, info=_ENVELOPE))


def _derive(secret: bytes, *, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(secret)
