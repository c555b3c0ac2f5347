"""The web as a Django app: its template tags, and who is shown out when; it has no tables."""

from typing import Any

from allauth.account import signals
from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out


class WebConfig(AppConfig):
    """The pages and their tags."""

    name = "allmende.web"
    label = "web"

    def ready(self) -> None:
        """Whoever signs out, or takes another password, leaves their sessions too."""
        for signal in (user_logged_out, signals.password_changed, signals.password_reset):
            signal.connect(_leave_sessions)


def _leave_sessions(*, user: Any = None, **_: Any) -> None:
    from allmende.services import people, session_passes  # noqa: PLC0415 - tables must be known first
    from allmende.wiring import deed_of  # noqa: PLC0415

    person = people.find_person_by_login(user.pk) if user is not None else None
    if person is not None:
        session_passes.close_passes(deed_of(person))
