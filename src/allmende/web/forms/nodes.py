"""The form of a drain: why."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.scheduling.nodes import LONGEST_REASON


class DrainForm(forms.Form):
    """Why a node goes out of service."""

    reason = forms.CharField(
        label=_("Why?"), max_length=LONGEST_REASON, help_text=_("Other operators read it.")
    )
