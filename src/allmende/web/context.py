"""What every page knows: who reads it, where they may go, and in which colours."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from allmende.domain.basics.people import PUBLIC, Person
from allmende.domain.trust.permissions import Permission, can_do
from allmende.web.acting import get_person
from allmende.wiring.factory import load_factory

THEMES = ("light", "dark")
THEME_COOKIE = "allmende_theme"
# Pages that belong to an entry and have addresses of their own.
ALSO_BELOW = {"sites": ("/clusters", "/data", "/incidents", "/nodes")}


@dataclass(frozen=True)
class Link:
    """An entry of the main navigation."""

    href: str
    text: str
    is_current: bool


def describe_page(request: HttpRequest) -> dict[str, Any]:
    """Return the variables of the layout."""
    person = get_person(request)
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "person": None if person is PUBLIC else person,
        "factory_name": load_factory().name,
        "navigation": _navigation(request, person),
        "language": get_language() or "en",
        "theme": theme if theme in THEMES else "",
        "here": request.get_full_path(),
    }


def _navigation(request: HttpRequest, person: Person) -> list[Link]:
    entries = [("sites", _("Sites")), ("promises", _("Promises")), ("rules", _("Rules"))]
    if person is PUBLIC:
        entries.insert(0, ("check", _("May we apply?")))
    else:
        entries.insert(0, ("home", _("My desk")))
        if can_do(person, Permission.SEE_EVERY_APPLICATION):
            entries.insert(1, ("programme", _("Applications")))
        if can_do(person, Permission.SEE_REVIEW):
            entries.insert(1, ("reviews", _("Reviews")))
        if can_do(person, Permission.SEE_PANEL):
            entries.insert(2, ("rounds", _("Peer review")))
        if can_do(person, Permission.RESERVE_NODES):
            entries.append(("reservations", _("Reservations")))
        if can_do(person, Permission.SEE_WHAT_IF):
            entries.append(("what_if", _("What if?")))
        if can_do(person, Permission.READ_AUDIT):
            entries.append(("audit", _("Audit trail")))
    return [
        Link(
            reverse(name), text, request.path.startswith((reverse(name), *ALSO_BELOW.get(name, ())))
        )
        for name, text in entries
    ]
