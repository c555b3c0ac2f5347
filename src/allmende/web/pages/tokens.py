"""Tokens for programs: made once, shown once, revoked at any time."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.trust.tokens import Scope
from allmende.services import tokens
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.tokens import TokenForm
from allmende.wiring import now
from allmende.wiring.tokens import new_token


def show_tokens(request: HttpRequest) -> HttpResponse:
    """Show one's tokens, and make a new one."""
    reader = get_person(request)
    form = TokenForm(request.POST if request.method == "POST" else None)
    secret = ""
    found = tokens.list_tokens(reader)
    if form.is_valid():
        secret = _create_token(request, form)
        found, form = tokens.list_tokens(reader), TokenForm()
    context = {"form": form, "tokens": found, "secret": secret, "now": now()}
    response = render(request, "tokens.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


def _create_token(request: HttpRequest, form: TokenForm) -> str:
    deed, secret = begin_deed(request), new_token()
    tokens.create_token(
        deed,
        secret=secret,
        name=form.cleaned_data["name"],
        scopes=frozenset({Scope(form.cleaned_data["scope"])}),
        expires_at=deed.now + timedelta(days=int(form.cleaned_data["days"])),
    )
    return secret


@require_POST
def revoke_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """End a token."""
    tokens.revoke_token(begin_deed(request), token_id=token_id)
    return redirect("tokens")
