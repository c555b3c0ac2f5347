"""Tokens: made once, shown once, listed by their beginning, revoked at any time."""

from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.basics.people import PUBLIC, Person, Role
from allmende.domain.basics.refusals import NotFound, NotPermitted
from allmende.domain.trust import tokens as rules
from allmende.domain.trust.tokens import Scope
from allmende.services import tokens
from allmende.services.deeds import Deed
from allmende.storage import audit as audit_store
from allmende.storage import people as people_store
from allmende.storage.tokens import TokenRow
from allmende.wiring import new_id
from allmende.wiring.tokens import new_token

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
READ = frozenset({Scope.READ})
MINA = Person(id="p-mina", name="Mina", email="m@example.org", roles=frozenset({Role.APPLICANT}))
OTTO = Person(id="p-otto", name="Otto", email="o@example.org", roles=frozenset({Role.APPLICANT}))


@pytest.fixture(autouse=True)
def _people(db):
    people_store.save_person(MINA)
    people_store.save_person(OTTO)


def a_deed(actor: Person = MINA) -> Deed:
    return Deed(actor=actor, now=NOW, new_id=new_id)


def make(secret: str, *, actor: Person = MINA) -> rules.Token:
    return tokens.create_token(
        a_deed(actor),
        secret=secret,
        name=" laptop ",
        scopes=READ,
        expires_at=NOW + timedelta(days=30),
    )


def test_a_new_token_is_long_random_and_recognisable():
    one, other = new_token(), new_token()
    assert one != other
    assert one.startswith("allmende_")
    assert len(one) == len("allmende_") + 43


def test_the_secret_lets_a_program_act_as_the_person():
    secret = new_token()
    token = make(secret)
    assert tokens.identify(secret, now=NOW) == (MINA, token)


def test_the_secret_is_kept_nowhere():
    secret = new_token()
    token = make(secret)
    kept = str(list(TokenRow.objects.values())) + str(audit_store.list_events())
    assert secret not in kept
    assert token.prefix == secret[:15]
    assert token.name == "laptop"


def test_an_unknown_an_expired_and_a_revoked_token_are_refused():
    secret = new_token()
    token = make(secret)
    with pytest.raises(rules.TokenIsUnknown):
        tokens.identify("allmende_guess", now=NOW)
    with pytest.raises(rules.TokenHasExpired):
        tokens.identify(secret, now=token.expires_at)
    revoked = tokens.revoke_token(a_deed(), token_id=token.id)
    assert tokens.revoke_token(a_deed(), token_id=token.id) == revoked
    with pytest.raises(rules.TokenIsRevoked):
        tokens.identify(secret, now=NOW)


def test_use_is_noted_at_most_once_a_minute():
    secret = new_token()
    make(secret)
    for seconds, noted in ((0, 0), (59, 0), (60, 60)):
        tokens.identify(secret, now=NOW + timedelta(seconds=seconds))
        (token,) = tokens.list_tokens(MINA)
        assert token.last_used_at == NOW + timedelta(seconds=noted)


def test_everybody_sees_and_revokes_their_own_tokens_only():
    mine, other = make(new_token()), make(new_token(), actor=OTTO)
    assert tokens.list_tokens(MINA) == [mine]
    with pytest.raises(NotFound):
        tokens.revoke_token(a_deed(), token_id=other.id)
    with pytest.raises(NotFound):
        tokens.revoke_token(a_deed(), token_id="t-none")


def test_the_public_has_no_tokens():
    with pytest.raises(NotPermitted):
        make(new_token(), actor=PUBLIC)
    with pytest.raises(NotPermitted):
        tokens.list_tokens(PUBLIC)
