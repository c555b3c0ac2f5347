"""A token lets a program act as a person, within scopes and until a day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.trust import tokens
from allmende.domain.trust.permissions import Permission
from allmende.domain.trust.tokens import SCOPES, Scope, Token

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
A_TOKEN = Token(
    id="t-1",
    person_id="p-1",
    name="laptop",
    prefix="allmende_abcdef",
    digest=tokens.digest_of("allmende_abcdefgh"),
    scopes=frozenset({Scope.READ}),
    created_at=NOW,
    expires_at=NOW + timedelta(days=1),
)


def test_a_secret_is_kept_as_its_sha256():
    assert tokens.digest_of("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=367)])
def test_a_token_born_expired_or_living_too_long_is_refused(life):
    with pytest.raises(tokens.BadLifetime):
        tokens.check_lifetime(now=NOW, expires_at=NOW + life)


@pytest.mark.parametrize("life", [timedelta(microseconds=1), timedelta(days=366)])
def test_a_token_within_the_longest_life_is_fine(life):
    tokens.check_lifetime(now=NOW, expires_at=NOW + life)


def test_a_token_without_scope_is_refused():
    with pytest.raises(tokens.NoScope):
        tokens.check_scopes(frozenset())
    tokens.check_scopes(frozenset({Scope.READ}))


def test_a_token_works_until_the_second_it_expires():
    tokens.check_usable(A_TOKEN, now=A_TOKEN.expires_at - timedelta(microseconds=1))
    with pytest.raises(tokens.TokenHasExpired):
        tokens.check_usable(A_TOKEN, now=A_TOKEN.expires_at)


def test_a_revoked_token_never_works_again():
    revoked = tokens.revoke(A_TOKEN, now=NOW)
    assert revoked == replace(A_TOKEN, revoked_at=NOW)
    assert tokens.revoke(revoked, now=NOW + timedelta(hours=1)) == revoked
    with pytest.raises(tokens.TokenIsRevoked):
        tokens.check_usable(revoked, now=NOW)


def test_scopes_contain_each_other_and_none_makes_tokens():
    assert SCOPES[Scope.READ] < SCOPES[Scope.SUBMIT] < SCOPES[Scope.MANAGE]
    assert SCOPES[Scope.MANAGE] == frozenset(Permission) - {Permission.MANAGE_TOKENS}


def test_the_scope_read_only_reads():
    verbs = {permission.value.rsplit(".", maxsplit=1)[-1] for permission in SCOPES[Scope.READ]}
    assert verbs == {"see", "see_every", "check", "read"}


def test_a_deed_outside_the_scopes_names_the_narrowest_that_would_do():
    tokens.check_scope(A_TOKEN, Permission.SEE_JOB)
    with pytest.raises(tokens.TokenLacksScope) as refusal:
        tokens.check_scope(A_TOKEN, Permission.SUBMIT_JOB)
    assert refusal.value.facts == {"prefix": A_TOKEN.prefix, "has": "read", "wanted": "submit"}


def test_making_tokens_takes_a_person_who_signs_in():
    with pytest.raises(tokens.SignInNeeded):
        tokens.check_scope(replace(A_TOKEN, scopes=frozenset(Scope)), Permission.MANAGE_TOKENS)
