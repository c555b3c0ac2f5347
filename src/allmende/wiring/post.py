"""Messages become e-mails: plain text and HTML, in the recipient's language, with one link.

What comes from people is flattened before it gets near a header, and escaped in HTML. The
Message-ID follows from the message, so that a mail that was sent twice can be recognised as one.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import translation
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext

from allmende.services.mail import NotDelivered, Parcel
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import choose, translate

LOCAL_ADDRESS = "http://127.0.0.1:8000"
SUBJECT_CHARACTERS = 180
PAGE = """\
<!DOCTYPE html>
<html lang="{}"><head><meta charset="utf-8"><title>{}</title></head>
<body style="max-width: 40rem; font-family: sans-serif; line-height: 1.5">
{}
<p><a href="{}">{}</a></p>
<p style="color: #595959">{}</p>
</body></html>
"""


class Post:
    """A connection to the mail server, kept for the mails of one round."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def send(self, parcel: Parcel) -> None:
        """Hand a message to the mail server; `NotDelivered` when it does not take it."""
        mail = write_mail(parcel)
        mail.connection = self.connection
        try:
            taken = mail.send()
        except (OSError, SMTPException, ValueError) as error:
            self.connection.close()  # what is half said is not gone on with
            raise NotDelivered(problem=f"{type(error).__name__}: {error}") from error
        if not taken:  # there is no address to send it to
            raise NotDelivered(problem=parcel.recipient.id)


@contextmanager
def open_post() -> Iterator[Post]:
    """Open the way to the mail server that is configured; nothing is said before the first mail."""
    connection = get_connection()
    try:
        yield Post(connection)
    finally:
        connection.close()


def write_mail(parcel: Parcel) -> EmailMultiAlternatives:
    """Return the e-mail of a message, in the language of its recipient."""
    message, language = parcel.message, choose(parcel.recipient.language)
    with translation.override(language):
        subject = flatten(translate(message.subject))[:SUBJECT_CHARACTERS]
        paragraphs = [_tidy(translate(each)) for each in message.body]
        link = (settings.ADDRESS or LOCAL_ADDRESS) + message.path
        foot = gettext(
            "%(factory)s wrote this to you because of what you do there. What was written to you, "
            "and its language, stand under %(page)s."
        ) % {"factory": load_factory().name, "page": link.removesuffix(message.path) + "/messages"}
    mail = EmailMultiAlternatives(
        subject=subject,
        body="\n\n".join([*paragraphs, link, "-- \n" + foot]) + "\n",
        to=[parcel.recipient.email],
        reply_to=[settings.MAIL_REPLY_TO] if settings.MAIL_REPLY_TO else [],
        headers={
            "Message-ID": f"<{message.id}@{_host()}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": language,
        },
    )
    text = format_html_join("\n", "<p>{}</p>", ((each,) for each in paragraphs))
    page = format_html(PAGE, language, subject, text, link, link, foot)
    mail.attach_alternative(page, "text/html")
    return mail


def flatten(text: str) -> str:
    """Return the text on one line, without characters that nobody sees."""
    seen = "".join(
        " " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign
        for sign in text
        if unicodedata.category(sign) not in ("Cf", "Cs")
    )
    return " ".join(seen.split())


def _tidy(text: str) -> str:
    """Return the text with its lines, each of them flattened."""
    return "\n".join(flatten(line) for line in text.splitlines())


def _host() -> str:
    """Return the name of this installation for Message-IDs: letters, digits, dots."""
    name = settings.ADDRESS.partition("://")[2] or "allmende.localhost"
    return re.sub(r"[^A-Za-z0-9.-]", ".", name)
