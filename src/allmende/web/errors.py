"""Refusals and failures as pages: what went wrong, in a sentence, and the way out."""

import logging
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from allmende.domain.basics.people import PUBLIC
from allmende.domain.basics.refusals import Refusal
from allmende.web.acting import get_person
from allmende.web.uploads import UploadIsTooBig
from allmende.wiring import troubles

Handler = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger(__name__)


class RequestIsTooLarge(Refusal):
    """This request has more than {most} bytes. Send less at a time."""

    status = 413


class RefusalPages:
    """Middleware that turns a refusal into its page; the API answers for itself."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, unless its address has a character that PostgreSQL cannot take."""
        has_nul = "\0" in request.path or "%00" in request.META["QUERY_STRING"]
        if has_nul and not _is_for_programs(request):
            return show_error(request, 400)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """Refuse that character in what a form says, too: not all of it passes a field."""
        if _is_for_programs(request):
            return None
        has_nul = any("\0" in text for _, texts in request.POST.lists() for text in texts)
        return show_error(request, 400) if has_nul else None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show the page of a refusal, or of a trouble of the machine; the rest is not for us."""
        refusal = error if isinstance(error, Refusal) else troubles.explain(error)
        if refusal is None:
            return None
        if refusal.status == HTTPStatus.FORBIDDEN and get_person(request) is PUBLIC:
            return ask_to_sign_in(request)
        return show_error(request, refusal.status, sentence=refusal.sentence)


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("api_reference"))


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody who is not signed in to the sign-in page, and back here afterwards."""
    if request.user.is_authenticated:  # a login that belongs to nobody would go round in circles
        return show_error(request, 403)
    if request.headers.get("HX-Request"):  # htmx would put the sign-in page into a part of this one
        return show_error(request, 401)
    back = urlencode({"next": request.get_full_path()})
    return redirect(f"{reverse('account_login')}?{back}")


def show_error(request: HttpRequest, status: int, *, sentence: object = None) -> HttpResponse:
    """Return the page for an HTTP status, with the refusal's own sentence where there is one."""
    title, advice = _words(status)
    context = {"status": status, "title": title, "advice": advice, "sentence": sentence}
    return render(request, "error.html", context, status=status)


def _words(status: int) -> tuple[str, str]:
    words = {
        400: (
            gettext("We could not read this request"),
            gettext("Go back, reload the page and try again."),
        ),
        403: (
            gettext("You may not do this"),
            gettext("If you think you should, ask the programme office."),
        ),
        404: (
            gettext("There is nothing at this address"),
            gettext("Check the spelling, or start again from the front page."),
        ),
        409: (
            gettext("This cannot be done now"),
            gettext("Nothing was changed. Go back and try another way."),
        ),
        413: (
            gettext("This is too much at once"),
            gettext("Go back and shorten it; your entries are kept."),
        ),
        422: (
            gettext("Something in your entry does not fit"),
            gettext("Go back; your entries are kept."),
        ),
    }
    advice = gettext("Nothing you entered was half saved. Please try again in a minute.")
    words[503] = gettext("Something does not answer at the moment"), advice
    return words.get(status, (gettext("Something broke on our side"), advice))


def refuse_size(error: Exception) -> Refusal:
    """Return the refusal of a request that is larger than the portal reads."""
    if isinstance(error, UploadIsTooBig):
        return error.refusal
    return RequestIsTooLarge(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 for what is too large."""
    if isinstance(exception, RequestDataTooBig):
        return show_error(request, 413, sentence=refuse_size(exception).sentence)
    return show_error(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    """Answer 403."""
    return show_error(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    """Answer 404."""
    return show_error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; Django has logged the error already."""
    return render(request, "500.html", status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that was not sent from a page of ours, or too late."""
    logger.warning("csrf check failed: %s", reason)
    return show_error(request, 403)
