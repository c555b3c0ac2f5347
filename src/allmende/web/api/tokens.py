"""Tokens of the person who is signed in. Tokens themselves cannot call this."""

from datetime import datetime, timedelta

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from allmende.domain.trust.permissions import Permission
from allmende.domain.trust.tokens import LONGEST_LIFE, Scope, Token
from allmende.services import tokens
from allmende.web.api.permits import begin_deed, get_actor, takes
from allmende.web.api.shapes import Line, PathId
from allmende.wiring.tokens import new_token

router = Router(tags=["tokens"])


class TokenOut(Schema):
    """A token, recognisable by its beginning."""

    id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """A token on the one occasion when it is shown."""

    token: str


class TokenIn(Schema):
    """What a new token is for."""

    name: Line
    scopes: list[Scope] = Field(min_length=1, max_length=3)
    days: int = Field(ge=1, le=LONGEST_LIFE.days, default=90)


@router.get("", response=list[TokenOut], **takes(Permission.MANAGE_TOKENS))
def list_tokens(request: HttpRequest) -> list[Token]:
    """List your tokens, the newest first."""
    return tokens.list_tokens(get_actor(request))


@router.post("", response={201: NewTokenOut}, **takes(Permission.MANAGE_TOKENS))
def create_token(request: HttpRequest, body: TokenIn) -> Status[dict[str, object]]:
    """Make a token; it is shown in this answer and never again."""
    deed, secret = begin_deed(request), new_token()
    token = tokens.create_token(
        deed,
        secret=secret,
        name=body.name,
        scopes=frozenset(body.scopes),
        expires_at=deed.now + timedelta(days=body.days),
    )
    return Status(201, {**TokenOut.from_orm(token).dict(), "token": secret})


@router.post("/{token_id}/revoke", response=TokenOut, **takes(Permission.MANAGE_TOKENS))
def revoke_token(request: HttpRequest, token_id: PathId) -> Token:
    """Revoke a token of yours at once; revoking again changes nothing."""
    return tokens.revoke_token(begin_deed(request), token_id=token_id)
