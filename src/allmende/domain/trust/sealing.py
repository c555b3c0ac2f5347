"""Values that are kept sealed: AES-GCM, each bound to the place that it was sealed for."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from allmende.domain.basics.refusals import Refusal

KEY_BYTES = 32
NONCE_BYTES = 12


class SealBroken(Refusal):
    """What is kept for {place} cannot be opened: it was changed, or the key of this installation
    was. Set it again."""

    status = 409


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Closes and opens values with the key of this installation, which is read only then."""

    read_key: Callable[[], bytes] = field(repr=False)
    new_nonce: Callable[[], bytes]

    def close(self, value: str, *, place: str) -> bytes:
        """Return a value sealed for a place; sealed twice it differs."""
        nonce = self.new_nonce()
        return nonce + AESGCM(self.read_key()).encrypt(nonce, value.encode(), place.encode())

    def derive(self, place: str) -> str:
        """Return a secret that belongs to a place: always the same, and to be guessed by nobody."""
        return hmac.digest(self.read_key(), f"derived/{place}".encode(), "sha256").hex()

    def open(self, sealed: bytes, *, place: str) -> str:
        """Return a value that was sealed for this very place; `SealBroken` for any other."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return AESGCM(self.read_key()).decrypt(nonce, rest, place.encode()).decode()
        except (InvalidTag, ValueError) as problem:
            raise SealBroken(place=place) from problem
