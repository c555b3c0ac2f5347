"""The page that tells programmers what the API offers; nothing is loaded from elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from allmende.web.api import api
from allmende.web.api.reference import list_operations


@require_safe
def show_api(request: HttpRequest) -> HttpResponse:
    """Show every operation with its permission and the scope that a token needs."""
    return render(request, "api.html", {"nouns": list_operations(api)})
