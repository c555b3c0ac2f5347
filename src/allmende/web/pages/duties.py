"""Pages that the law asks for, and the way to a person who helps."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from allmende.wiring.factory import load_factory


def show_accessibility(request: HttpRequest) -> HttpResponse:
    """Show the accessibility statement."""
    return _show(request, "duties/accessibility.html")


def show_privacy(request: HttpRequest) -> HttpResponse:
    """Show what happens to personal data."""
    return _show(request, "duties/privacy.html")


def show_imprint(request: HttpRequest) -> HttpResponse:
    """Show who is responsible."""
    return _show(request, "duties/imprint.html")


def show_help(request: HttpRequest) -> HttpResponse:
    """Show where to find help."""
    return _show(request, "duties/help.html")


def _show(request: HttpRequest, template: str) -> HttpResponse:
    return render(request, template, {"factory": load_factory()})
