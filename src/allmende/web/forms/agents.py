"""The form of a new enrolment code."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.sites import Factory


class CodeForm(forms.Form):
    """The site that the agent is to speak for."""

    site = forms.ChoiceField(label=_("Site"))

    def __init__(self, *args: Any, factory: Factory, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(site.id, site.name) for site in factory.sites if site.agent]
        self.fields["site"].choices = choices  # type: ignore[attr-defined]
