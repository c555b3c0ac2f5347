"""The reader's language and colours, kept in cookies; links, so that no script is needed."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from allmende.domain.trust.permissions import Permission, can_do
from allmende.services import people
from allmende.web.acting import begin_deed
from allmende.web.context import THEME_COOKIE, THEMES

YEAR_SECONDS = 31_536_000


def choose_language(request: HttpRequest, language: str) -> HttpResponse:
    """Remember a language and go back; whoever is signed in is written to in it as well."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    deed = begin_deed(request)
    if can_do(deed.actor, Permission.EDIT_SELF):
        people.choose_language(deed, language)
    return _remember(request, settings.LANGUAGE_COOKIE_NAME, language)


def choose_theme(request: HttpRequest, theme: str) -> HttpResponse:
    """Remember light or dark colours and go back."""
    if theme not in THEMES:
        raise Http404
    return _remember(request, THEME_COOKIE, theme)


def _remember(request: HttpRequest, cookie: str, value: str) -> HttpResponse:
    back = request.GET.get("next", "/")
    # A bare word would be taken for the name of a view; only paths of this portal lead back.
    if not (back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)):
        back = "/"
    response = HttpResponseRedirect(back)
    response.set_cookie(cookie, value, max_age=YEAR_SECONDS, samesite="Lax")
    return response
