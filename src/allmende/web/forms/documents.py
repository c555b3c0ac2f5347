"""The form that adds a file to an application."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.documents import DocumentKind

KINDS = [
    (DocumentKind.PROPOSAL, _("Description of the project")),
    (DocumentKind.TIME_PLAN, _("Time plan (Gantt chart)")),
    (DocumentKind.CONTRACT, _("Contract of the commissioned research")),
    (DocumentKind.OTHER, _("Something else")),
]


class DocumentForm(forms.Form):
    """One file, and what it is."""

    do_not_call_in_templates = True
    kind = forms.ChoiceField(label=_("What is it?"), choices=KINDS)
    file = forms.FileField(
        label=_("The PDF"),
        allow_empty_file=True,  # the judge has the better word for it
        max_length=None,
        widget=forms.FileInput(attrs={"accept": "application/pdf,.pdf"}),
    )
