"""Tokens of programs: their digests, scopes and dates."""

from datetime import datetime

from django.db import models

from allmende.domain.basics.refusals import NotFound
from allmende.domain.trust.tokens import Scope, Token


class TokenRow(models.Model):
    """What is kept of a token: enough to recognise it, never the token itself."""

    id = models.CharField(max_length=40, primary_key=True)
    person_id = models.CharField(max_length=40, db_index=True)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "storage"
        db_table = "token"


def save_token(token: Token) -> None:
    """Write a token, new or changed."""
    TokenRow.objects.update_or_create(
        id=token.id,
        defaults={
            "person_id": token.person_id,
            "name": token.name,
            "prefix": token.prefix,
            "digest": token.digest,
            "scopes": sorted(scope.value for scope in token.scopes),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "last_used_at": token.last_used_at,
        },
    )


def get_token(token_id: str) -> Token:
    """Return a token by its id; `NotFound` when there is none."""
    row = TokenRow.objects.filter(id=token_id).first()
    if row is None:
        raise NotFound(kind="token", id=token_id)
    return _from_row(row)


def find_token_by_digest(digest: str) -> Token | None:
    """Return the token with this fingerprint."""
    row = TokenRow.objects.filter(digest=digest).first()
    return None if row is None else _from_row(row)


def list_tokens(person_id: str) -> list[Token]:
    """Return a person's tokens, the newest first."""
    rows = TokenRow.objects.filter(person_id=person_id).order_by("-created_at", "id")
    return [_from_row(row) for row in rows]


def record_use(token_id: str, *, now: datetime) -> None:
    """Note when a token was last used."""
    TokenRow.objects.filter(id=token_id).update(last_used_at=now)


def _from_row(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        person_id=row.person_id,
        name=row.name,
        prefix=row.prefix,
        digest=row.digest,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
