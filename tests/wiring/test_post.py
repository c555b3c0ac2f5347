"""Mails as the server gets them: language, link, Message-ID, and nothing smuggled in."""

import email
import email.policy
import socketserver
import threading
from dataclasses import replace

import pytest
from django.conf import settings
from django.core import mail as outbox
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.message_kinds import MessageKind
from allmende.domain.access.messages import (
    write_message,
)
from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.services.mail import NotDelivered, Parcel
from allmende.wiring import post
from tests.services.access import NOON

FACTS = {"title": "Early signs", "reason": Sentence("No time left."), "appeal_ends_at": NOON}
TEXTS = st.text(max_size=60) | st.sampled_from(
    ["a\r\nBcc: eve@example.org", "a\nSubject: b", "x\u2028y\x00z", "\u202egnp.exe", "<b>&amp;</b>"]
)


def a_parcel(*, language="en", to="mina@example.org", **facts):
    message = write_message(
        MessageKind.APPLICATION_REFUSED,
        about="app-1",
        recipient_id="p-1",
        now=NOON,
        facts={**FACTS, **facts},
    )
    person = Person(id="p-1", name="Mina", email=to, language=language)
    return Parcel(message=message, recipient=person)


def read(parcel):
    """Return the mail as a mail program reads it."""
    sent = bytes(post.write_mail(parcel).message().as_bytes())
    return email.message_from_bytes(sent, policy=email.policy.default)


def test_a_mail_is_in_the_language_of_its_recipient():
    english, german = read(a_parcel()), read(a_parcel(language="de"))
    assert english["Subject"] == "Your application app-1 is refused"
    assert german["Subject"] == "Ihr Antrag app-1 ist abgelehnt"
    assert german["Content-Language"] == "de"
    text = german.get_body(["plain"]).get_content()
    assert "Sie können vor 23.11.2026 13:00 Einspruch erheben" in text
    page = german.get_body(["html"]).get_content()
    assert '<html lang="de">' in page


def test_a_mail_leads_to_its_page_and_is_recognised_by_its_id(monkeypatch):
    monkeypatch.setattr(settings, "ADDRESS", "https://ai.example.org")
    monkeypatch.setattr(settings, "MAIL_REPLY_TO", "office@example.org")
    parcel = a_parcel()
    read_mail = read(parcel)
    link = "https://ai.example.org/applications/app-1"
    assert f"\n{link}\n" in read_mail.get_body(["plain"]).get_content()
    assert f'href="{link}"' in read_mail.get_body(["html"]).get_content()
    assert read_mail["Message-ID"] == f"<{parcel.message.id}@ai.example.org>"
    assert read_mail["Message-ID"] == read(parcel)["Message-ID"]
    assert read_mail["Reply-To"] == "office@example.org"
    assert read_mail["Auto-Submitted"] == "auto-generated"


@given(title=TEXTS, reason=TEXTS)
def test_no_text_of_anybody_makes_a_header_or_a_mark(title, reason):
    parcel = a_parcel(title=title, reason=Sentence("{words}", {"words": reason}))
    subject = Sentence("{words}", {"words": title})
    parcel = replace(parcel, message=replace(parcel.message, subject=subject))
    made = read(parcel)
    assert set(made.keys()) == set(read(a_parcel()).keys())
    assert made.get_all("To") == ["mina@example.org"]
    assert not any(sign in made["Subject"] for sign in "\r\n\x00\u202e\u2028")
    page = made.get_body(["html"]).get_content()
    assert page.count("<b>") == 0
    assert page.count("<p>") == 4  # three paragraphs and the link
    assert page.count("<a ") == 1


class Taker(socketserver.StreamRequestHandler):
    """A mail server for one connection after the other; it takes or refuses what it is given."""

    def handle(self):
        server = self.server
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go\r\n")
                content = b"".join(iter(self.rfile.readline, b".\r\n"))
                server.taken.append(content)
                self.wfile.write(b"250 taken\r\n")
            elif word == b"RCPT" and server.refuses in line:
                self.wfile.write(b"550 no such person\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def mail_server(monkeypatch):
    """Run a mail server on a port of this machine, and let Django speak to it."""
    with socketserver.TCPServer(("127.0.0.1", 0), Taker) as server:
        server.taken, server.refuses = [], b"nobody@"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        backend = "django.core.mail.backends.smtp.EmailBackend"
        monkeypatch.setattr(settings, "EMAIL_BACKEND", backend)
        monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
        monkeypatch.setattr(settings, "EMAIL_PORT", server.server_address[1])
        monkeypatch.setattr(settings, "EMAIL_TIMEOUT", 60)
        yield server
        server.shutdown()


def test_a_server_takes_mails_and_one_that_it_refuses_stops_no_other(mail_server):
    with post.open_post() as opened:
        opened.send(a_parcel())
        with pytest.raises(NotDelivered, match="550"):
            opened.send(a_parcel(to="nobody@example.org"))
        opened.send(a_parcel(to="olga@example.org"))
    assert [b"To: olga@example.org" in each for each in mail_server.taken] == [False, True]


def test_a_server_that_is_not_there_is_a_refusal_that_says_so(monkeypatch, mail_server):
    monkeypatch.setattr(settings, "EMAIL_PORT", 1)
    with post.open_post() as opened, pytest.raises(NotDelivered, match="refused"):
        opened.send(a_parcel())


@pytest.mark.parametrize("to", ["", "a@example.org\nBcc: b@example.org", "a,b@example.org"])
def test_an_address_that_is_none_is_not_sent_to(mail_server, to):
    with post.open_post() as opened, pytest.raises(NotDelivered):
        opened.send(a_parcel(to=to))
    assert mail_server.taken == []


def test_without_a_server_mails_go_where_django_is_told():
    with post.open_post() as opened:
        opened.send(a_parcel())
    assert [each.subject for each in outbox.outbox] == ["Your application app-1 is refused"]
