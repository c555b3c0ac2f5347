"""The form of an owner's terms: who sees a model, under which licence, how long its files stay."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.training.models import Visibility
from allmende.services.model_terms import LONGEST_LICENCE, Terms


class TermsForm(forms.Form):
    """What the owner says of a model."""

    visibility = forms.ChoiceField(
        label=_("Who may see it and take its files?"),
        choices=(
            (Visibility.PROJECT.value, _("Those who work in the project")),
            (Visibility.FACTORY.value, _("Everybody who is signed in")),
            (Visibility.PUBLIC.value, _("Everybody")),
        ),
    )
    licence = forms.CharField(
        label=_("Licence"),
        required=False,
        max_length=LONGEST_LICENCE,
        help_text=_("Such as CC-BY-4.0. Without one, nothing is granted to anybody."),
    )
    keep_until = forms.DateField(
        label=_("Keep the files until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("After this day they are deleted, with a certificate. Empty: they stay."),
    )

    def read(self) -> Terms:
        """Return what was said."""
        return Terms(
            visibility=Visibility(self.cleaned_data["visibility"]),
            licence=self.cleaned_data["licence"],
            keep_until=self.cleaned_data["keep_until"],
        )
