"""The forms of an organisation: who it is, and how big."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.organisations import NACE_CODE, OrganisationKind
from allmende.domain.access.vat_numbers import normalise_vat_number
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.web.countries import COUNTRIES
from allmende.web.forms.eligibility import START_UP, KindQuestion, OwnerQuestion, SizeQuestion
from allmende.wiring.languages import translate

KINDS = KindQuestion.base_fields["kind"].choices


class OrganisationForm(forms.Form):
    """Who applies."""

    name = forms.CharField(
        label=_("Registered name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS)
    country = forms.ChoiceField(label=_("Country of the registered seat"), choices=COUNTRIES)
    nace_code = forms.RegexField(
        NACE_CODE.pattern + r"\Z",
        label=_("Sector by its NACE code, such as 62.01"),
        help_text=_("Only for companies; the register of State aid asks for it."),
        error_messages={"invalid": _("Give the code of the sector, such as 62.01.")},
        required=False,
    )

    vat_number = forms.CharField(
        label=_("VAT number, such as DE136695976"),
        help_text=_("Only for companies. Spaces do not matter."),
        max_length=40,
        required=False,
    )

    def clean(self) -> dict[str, object]:
        """Write the VAT number in one way, and refuse what cannot be one of the country."""
        data = super().clean() or {}
        try:
            data["vat_number"] = normalise_vat_number(
                data.get("vat_number", ""), country=data.get("country", "")
            )
        except InvalidInput as refusal:
            problem = refusal.facts["problem"]
            assert isinstance(problem, Sentence), "numbers are refused in sentences"
            self.add_error("vat_number", translate(problem))
        return data

    def organisation_kind(self) -> OrganisationKind:
        """Return the kind; a start-up is an enterprise."""
        kind = self.cleaned_data["kind"]
        return OrganisationKind.ENTERPRISE if kind == START_UP else OrganisationKind(kind)

    def is_start_up(self) -> bool:
        """Say whether it calls itself a start-up."""
        return bool(self.cleaned_data["kind"] == START_UP)


class FiguresForm(SizeQuestion, OwnerQuestion):
    """How big an enterprise is, with its largest owner, in one form."""

    owner_number = forms.CharField(
        label=_("The other company's number in a commercial register, or for VAT"),
        help_text=_("By it we know when two applicants belong together, as State aid asks."),
        max_length=60,
        required=False,
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        for name in OwnerQuestion.base_fields:
            self.fields[name].required = False

    def clean_owner_share(self) -> object:
        """Accept an empty share where there is no owner."""
        return super().clean_owner_share() if self.cleaned_data.get("owner_share") else None

    def clean(self) -> dict[str, object]:
        """Ask for the owner's figures where there is an owner."""
        data = super().clean() or {}
        if data.get("owner") == "yes":
            for name in OwnerQuestion.base_fields:
                if data.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Needed, because another company holds 25 % or more."))
        return data
