"""`allmende mail`, and the language of mails, as somebody types them."""

import json

import pytest
from django.core import mail as outbox

from allmende import cli
from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.basics.people import DAEMON, Role
from allmende.services import mail, people
from allmende.services.mail import NotDelivered
from allmende.wiring import deed_of
from tests.web.test_mail import give_up, write_to
from tests.web.world import register

pytestmark = pytest.mark.django_db


@pytest.fixture
def allmende(capsys):
    def type_in(*words: str, expect: int = 0):
        code = cli.run([*words, "--json"])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return json.loads(printed.out or printed.err)

    return type_in


def test_what_waits_is_listed_and_sent_in_the_language_of_the_person(allmende):
    mina = register("mina", Role.APPLICANT)
    assert allmende("--as", mina.id, "person", "language", "de")["language"] == "de"
    write_to(people.get_person(mina.id))
    (waiting,) = allmende("mail", "list", "--state", "queued")
    assert waiting["recipient_id"] == mina.id
    done = allmende("mail", "send")
    assert done == {"reminders": 0, "sent": 1, "failed": 0, "given_up": 0}
    assert "wird nicht mehr gebraucht" in outbox.outbox[0].subject
    assert allmende("mail", "list", "--state", "queued") == []
    assert allmende("mail", "send")["sent"] == 0


def test_the_office_tries_again_and_the_console_does_not(allmende):
    mina, olga = register("mina", Role.APPLICANT), register("olga", Role.PROGRAMME_OFFICER)
    write_to(mina)
    give_up()
    (lost,) = mail.list_own_messages(mina)
    assert allmende("mail", "retry", lost.id, expect=4)["error"]["code"] == "NotPermitted"
    assert allmende("--as", olga.id, "mail", "retry", lost.id)["state"] == "queued"
    assert allmende("--as", olga.id, "mail", "retry", "msg-none", expect=3)


def test_a_language_that_is_none_is_refused_with_those_there_are(allmende):
    mina = register("mina", Role.APPLICANT)
    refused = allmende("--as", mina.id, "person", "language", "fr", expect=1)
    assert "en, de" in refused["error"]["sentence"]


def test_people_read_a_table(capsys):
    write_to(register("mina", Role.APPLICANT))
    assert cli.run(["mail", "list"]) == 0
    assert "review called off" in capsys.readouterr().out


def test_what_the_server_refuses_is_counted(allmende, monkeypatch):
    olga = register("olga", Role.PROGRAMME_OFFICER)
    mail.announce(deed_of(DAEMON), MessageKind.MAIL_GIVEN_UP, about="mail", to=[olga.id])

    def refuse(_post, _parcel):
        raise NotDelivered(problem="450 busy")

    monkeypatch.setattr("allmende.wiring.post.Post.send", refuse)
    assert allmende("mail", "send")["failed"] == 1
