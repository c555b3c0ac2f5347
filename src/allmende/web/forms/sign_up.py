"""What people say about themselves when they come in; allauth and Django keep the passwords."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.people import PUBLIC
from allmende.services import people
from allmende.wiring import deed_of
from allmende.wiring.languages import get_language


class SignUpForm(forms.Form):
    """What allauth's sign-up page asks for besides e-mail address and password."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def signup(self, _request: HttpRequest, user: Any) -> None:
        """Make the person behind the login that allauth has just created."""
        people.sign_up(
            deed_of(PUBLIC),
            name=self.cleaned_data["name"],
            email=user.email,
            login_id=user.pk,
            language=get_language(),
        )


class FirstAdministratorForm(forms.Form):
    """What the first administrator tells us."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=_("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
