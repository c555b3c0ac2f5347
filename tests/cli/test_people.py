"""`allmende person` and `allmende token`, as somebody types them."""

import json

import pytest

from allmende import cli, wiring
from allmende.domain.basics.people import Person, Role
from allmende.services import people, tokens
from allmende.storage import audit as audit_store

pytestmark = pytest.mark.django_db

CONSOLE = Person(id="console", name="the console", roles=frozenset({Role.ADMINISTRATOR}))


@pytest.fixture
def allmende(capsys, monkeypatch):
    monkeypatch.setenv("ALLMENDE_NEW_PASSWORD", "correct horse battery staple")

    def type_in(*words: str, expect: int = 0):
        code = cli.run([*words, "--json"])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err)

    return type_in


def test_a_person_is_added_shown_and_given_a_role(allmende):
    added = allmende("person", "add", "Mina", "mina@example.org", "--role", "operator")
    assert (added["name"], added["roles"]) == ("Mina", ["operator"])
    assert allmende("person", "list") == [added]
    given = allmende("person", "give-role", "mina@example.org", "auditor")
    assert given["roles"] == ["auditor", "operator"]
    taken = allmende("person", "take-role", added["id"], "auditor")
    assert taken == added == allmende("person", "show", "mina@example.org")


def test_the_console_acts_unless_a_person_is_named(allmende):
    mina = allmende("person", "add", "Mina", "mina@example.org")
    refused = allmende("--as", "mina@example.org", "person", "list", expect=4)
    assert refused["error"]["code"] == "NotPermitted"
    assert {event.actor_id for event in audit_store.list_events()} == {"console"}
    allmende("--as", mina["id"], "token", "create", "laptop")
    assert audit_store.list_latest_events()[0].actor_id == mina["id"]
    assert allmende("person", "list") == [mina]


def test_a_token_is_shown_once_works_and_is_revoked(allmende):
    mina = allmende("person", "add", "Mina", "mina@example.org")
    made = allmende("--as", mina["id"], "token", "create", "laptop", "--scope", "submit")
    person, token = tokens.identify(made["token"], now=wiring.now())
    assert (person.id, token.name) == (mina["id"], "laptop")
    (listed,) = allmende("--as", mina["id"], "token", "list")
    assert "digest" not in listed
    assert made["token"] not in json.dumps(listed)
    assert listed["scopes"] == ["submit"]
    revoked = allmende("--as", mina["id"], "token", "revoke", listed["id"])
    assert revoked["revoked_at"] is not None


def test_the_console_itself_has_no_token(allmende):
    assert allmende("token", "create", "x", expect=1)["error"]["code"] == "PersonIsMissing"


def test_the_admin_link_is_printed_and_works(allmende):
    made = allmende("person", "admin-link", "--address", "https://example.org/")
    start = "https://example.org/first-administrator/"
    assert made["link"].startswith(start)
    people.check_admin_link(made["link"].removeprefix(start), now=wiring.now())


def test_people_read_a_table(capsys, allmende):
    allmende("person", "add", "Mina", "mina@example.org", "--role", "programme_officer")
    assert cli.run(["person", "list"]) == 0
    text = capsys.readouterr().out
    assert "mina@example.org" in text
    assert "programme officer" in text


def test_the_language_can_be_chosen(capsys):
    assert cli.run(["--language", "de", "person", "show", "p-none"]) == 3
    german = capsys.readouterr().err
    assert cli.run(["--language", "en", "person", "show", "p-none"]) == 3
    assert german != capsys.readouterr().err
