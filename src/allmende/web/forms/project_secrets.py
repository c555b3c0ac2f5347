"""The form of a secret: written, and never shown again."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.training.secrets import LONGEST_BYTES


class SecretForm(forms.Form):
    """A name and a value."""

    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        help_text=_("As the job gets it: letters, digits and _, such as HUB_TOKEN."),
    )
    value = forms.CharField(
        label=_("Value"),
        max_length=LONGEST_BYTES,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("It is kept sealed; nobody can read it here again."),
    )
