"""The one-time link by which the first administrator comes in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from allmende.domain.basics.people import PUBLIC
from allmende.services import people
from allmende.services.people import EmailIsTaken, NewPerson, PasswordIsWeak
from allmende.web.forms.sign_up import FirstAdministratorForm
from allmende.wiring import deed_of, now
from allmende.wiring.languages import get_language, translate


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def claim_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Ask for a name and a password, and make their owner an administrator."""
    people.check_admin_link(secret, now=now())
    form = FirstAdministratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            new = NewPerson(**form.cleaned_data, language=get_language())
            people.claim_admin_link(deed_of(PUBLIC), secret=secret, new=new)
        except PasswordIsWeak as refusal:
            form.add_error("password", translate(refusal.sentence))
        except EmailIsTaken as refusal:
            form.add_error("email", translate(refusal.sentence))
        else:
            return redirect("account_login")
    response = render(request, "account/first_administrator.html", {"form": form})
    # The address is a secret: no page may learn it as a referrer.
    response["Referrer-Policy"] = "no-referrer"
    return response
