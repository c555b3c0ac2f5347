"""Tokens: made once, shown once, listed by their beginning, revoked at any time."""

from datetime import datetime, timedelta

from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import NotFound
from allmende.domain.trust import tokens
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.domain.trust.tokens import Scope, Token
from allmende.services import audit
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import people as people_store
from allmende.storage import session_passes
from allmende.storage import tokens as store

# Each use need not be a write.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


@one_transaction
def create_token(
    deed: Deed, *, secret: str, name: str, scopes: frozenset[Scope], expires_at: datetime
) -> Token:
    """Let whoever has the secret act as the actor, within the scopes, until it expires."""
    check_permission(deed.actor, Permission.MANAGE_TOKENS)
    tokens.check_scopes(scopes)
    tokens.check_lifetime(now=deed.now, expires_at=expires_at)
    token = Token(
        id=deed.new_id("t"),
        person_id=deed.actor.id,
        name=name.strip() or "token",
        prefix=secret[: tokens.PREFIX_LENGTH],
        digest=tokens.digest_of(secret),
        scopes=scopes,
        created_at=deed.now,
        expires_at=expires_at,
    )
    store.save_token(token)
    audit.record(deed, action="token.created", subject=token.id, scopes=sorted(scopes))
    return token


def list_tokens(reader: Person) -> list[Token]:
    """Return one's own tokens, the newest first."""
    check_permission(reader, Permission.MANAGE_TOKENS)
    return store.list_tokens(reader.id)


@one_transaction
def revoke_token(deed: Deed, *, token_id: str) -> Token:
    """End a token of one's own at once; revoking again changes nothing."""
    check_permission(deed.actor, Permission.MANAGE_TOKENS)
    token = store.get_token(token_id)
    if token.person_id != deed.actor.id:
        raise NotFound(kind="token", id=token_id)
    if token.revoked_at is not None:
        return token
    revoked = tokens.revoke(token, now=deed.now)
    store.save_token(revoked)
    session_passes.remove_passes_of(deed.actor.id)  # it may have opened them
    audit.record(deed, action="token.revoked", subject=token.id)
    return revoked


def identify(secret: str, *, now: datetime) -> tuple[Person, Token]:
    """Return the person that a token acts as, and the token; refuse one that does not work."""
    token = store.find_token_by_digest(tokens.digest_of(secret))
    if token is None:
        raise tokens.TokenIsUnknown
    tokens.check_usable(token, now=now)
    if token.last_used_at is None or now - token.last_used_at >= USE_IS_NOTED_EVERY:
        store.record_use(token.id, now=now)
    return people_store.get_person(token.person_id), token
