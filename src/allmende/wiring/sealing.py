"""The key that secrets of projects are sealed with."""

import secrets

from allmende.domain.trust.sealing import KEY_BYTES, NONCE_BYTES, Seal
from allmende.wiring import home


def seal() -> Seal:
    """Return what seals and opens secrets here."""
    return Seal(read_key=sealing_key, new_nonce=lambda: secrets.token_bytes(NONCE_BYTES))


def sealing_key() -> bytes:
    """Return the key, made at first use and readable by its owner only.

    It is no part of the database: a copy of that alone opens nothing.
    """
    return bytes.fromhex(home.read_or_make("secrets.key", lambda: secrets.token_hex(KEY_BYTES)))
