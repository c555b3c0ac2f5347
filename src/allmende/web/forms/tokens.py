"""The form of a new token."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.trust.tokens import Scope
from allmende.web.forms.fields import radio


class TokenForm(forms.Form):
    """What the token is for, what it may do, and for how long."""

    name = forms.CharField(
        label=_("What is it for?"), max_length=80, help_text=_("For example: laptop, nightly run.")
    )
    scope = radio(
        (
            (Scope.READ, _("Read only")),
            (Scope.SUBMIT, _("Read, apply and submit jobs")),
            (Scope.MANAGE, _("Everything that I may do, except making tokens")),
        ),
        label=_("What may it do?"),
        initial=Scope.READ,
    )
    days = forms.ChoiceField(
        choices=((7, _("a week")), (30, _("a month")), (90, _("three months")), (365, _("a year"))),
        label=_("For how long?"),
        initial=30,
    )
