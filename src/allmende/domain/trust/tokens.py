"""A token lets a program act as a person, within scopes and until a day."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust.permissions import Permission

# A token reads `allmende_` and 43 letters. The mark lets secret scanners find a leaked one.
MARK = "allmende_"
PREFIX_LENGTH = len(MARK) + 6
LONGEST_LIFE = timedelta(days=366)


class Scope(StrEnum):
    """What a token is for; each wider one contains the one before."""

    READ = "read"
    SUBMIT = "submit"
    MANAGE = "manage"


class TokenIsUnknown(Refusal):
    """This token is unknown. Make a new one under Settings, Tokens."""

    status = 401


class TokenIsRevoked(Refusal):
    """This token {prefix}… was revoked. Make a new one under Settings, Tokens."""

    status = 401


class TokenHasExpired(Refusal):
    """This token {prefix}… expired on {day}. Make a new one under Settings, Tokens."""

    status = 401


class TokenLacksScope(Refusal):
    """This token {prefix}… has the scope {has}; this takes the scope {wanted}."""

    status = 403


class SignInNeeded(Refusal):
    """Tokens cannot do this. Sign in to the portal, and do it there."""

    status = 403


class BadLifetime(Refusal):
    """A token lives for 1 to {days} days. Choose a day in between."""

    status = 422


class NoScope(Refusal):
    """A token needs at least one scope: read, submit or manage."""

    status = 422


_READ = frozenset(
    permission
    for permission in Permission
    if permission.value.rsplit(".", maxsplit=1)[-1] in {"see", "see_every", "check", "read"}
)
_SUBMIT = _READ | {
    Permission.START_APPLICATION,
    Permission.EDIT_APPLICATION,
    Permission.SUBMIT_APPLICATION,
    Permission.WITHDRAW_APPLICATION,
    Permission.SUBMIT_JOB,
    Permission.CANCEL_JOB,
    Permission.STOP_JOB,
    Permission.RUN_JOB_AGAIN,
}
# No token makes tokens: a leaked one must not outlive its revocation.
_MANAGE = frozenset(Permission) - {Permission.MANAGE_TOKENS}

SCOPES: Mapping[Scope, frozenset[Permission]] = MappingProxyType(
    {Scope.READ: _READ, Scope.SUBMIT: _SUBMIT, Scope.MANAGE: _MANAGE}
)


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is kept of a token: enough to recognise it, never the token itself."""

    id: str
    person_id: str
    name: str
    prefix: str
    digest: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def digest_of(secret: str) -> str:
    """Return the fingerprint under which a secret is kept.

    One round of SHA-256 is enough: 256 random bits cannot be guessed from their fingerprint.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def check_lifetime(*, now: datetime, expires_at: datetime) -> None:
    """Refuse a token that is born expired, or lives for longer than a year."""
    if not now < expires_at <= now + LONGEST_LIFE:
        raise BadLifetime(days=LONGEST_LIFE.days)


def check_scopes(scopes: frozenset[Scope]) -> None:
    """Refuse a token that could do nothing."""
    if not scopes:
        raise NoScope


def check_usable(token: Token, *, now: datetime) -> None:
    """Refuse a token that was revoked or has expired; at its last second it has."""
    if token.revoked_at is not None:
        raise TokenIsRevoked(prefix=token.prefix)
    if now >= token.expires_at:
        raise TokenHasExpired(prefix=token.prefix, day=token.expires_at.date().isoformat())


def can_use(token: Token, permission: Permission) -> bool:
    """Say whether one of the token's scopes contains the permission."""
    return any(permission in SCOPES[scope] for scope in token.scopes)


def check_scope(token: Token, permission: Permission) -> None:
    """Refuse a deed outside the token's scopes, naming the narrowest scope that would do."""
    if can_use(token, permission):
        return
    wanted = [scope for scope in Scope if permission in SCOPES[scope]]
    if not wanted:
        raise SignInNeeded
    has = ", ".join(scope.value for scope in Scope if scope in token.scopes)
    raise TokenLacksScope(prefix=token.prefix, has=has, wanted=wanted[0].value)


def revoke(token: Token, *, now: datetime) -> Token:
    """Return the token revoked; revoking again changes nothing."""
    return token if token.revoked_at else replace(token, revoked_at=now)
