"""Secrets that are shown once: tokens and one-time links."""

import secrets

from allmende.domain.trust.tokens import MARK


def new_ticket() -> str:
    """Return 256 random bits that open something once, or for some hours."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Return a new token of 256 random bits, recognisable as one of ours."""
    return MARK + secrets.token_urlsafe(32)
