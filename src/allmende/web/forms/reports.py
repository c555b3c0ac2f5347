"""The three texts of a final report."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.reports import TEXT_MAX


def _text(label: object, hint: object, *, rows: int, required: bool = False) -> forms.CharField:
    return forms.CharField(
        label=str(label),
        help_text=str(hint),
        required=required,
        max_length=4 * TEXT_MAX,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class ReportForm(forms.Form):
    """What came out, what was published, and what the factory should do better."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["results"] = _text(
            _("What came out?"),
            _("Against what you planned: results, what failed, what goes on."),
            rows=8,
            required=True,
        )
        self.fields["publications"] = _text(
            _("Publications, software, patents"),
            _("With an address or a DOI each, and what is still to come."),
            rows=4,
        )
        self.fields["feedback"] = _text(
            _("What should we do better?"), _("What helped you, and what cost you time."), rows=4
        )
