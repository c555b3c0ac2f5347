"""The forms of the programme office."""

from django import forms

from allmende.web.forms.fields import AmountField


class AwardForm(forms.Form):
    """How much is awarded."""

    hours = AmountField(places=6)
    condition = forms.CharField(required=False, max_length=2000)
