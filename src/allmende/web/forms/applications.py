"""The sections of the short application. Nothing is required while it is a draft."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.application_forms import ApplicationForm, Section
from allmende.domain.access.calls import Call
from allmende.domain.basics.units import hours_from_seconds
from allmende.web.forms.eligibility import AmountQuestion, PurposeQuestion
from allmende.web.forms.fields import YES_NO, AmountField, radio
from allmende.web.forms.jobs import DATA_CLASSES
from allmende.wiring.access_rules import load_access_rules

EXPERIENCES = AmountQuestion.base_fields["experience"].choices
PURPOSES = PurposeQuestion.base_fields["purpose"].choices


class SectionForm(forms.Form):
    """One task of the application; it writes what it asks, and nothing else."""

    do_not_call_in_templates = True
    section: ClassVar[Section]
    heading: ClassVar[Promise]
    lead: ClassVar[Promise]

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.call = call
        for field in self.fields.values():
            field.required = False
            field.is_silent = True  # a draft may miss anything: no need to say so at each

    def changes(self, posted: QueryDict) -> dict[str, object]:
        """Return the answers of this section as the service takes them."""
        return {name: _written(field, posted.get(name, "")) for name, field in self.fields.items()}


class ProjectSection(SectionForm):
    """What it is about."""

    section = Section.PROJECT
    heading = _("The project")
    lead = _("What you want to do, so that somebody from another field understands it.")

    purpose = radio(PURPOSES, label=_("What do you need the compute time for?"))
    summary = forms.CharField(
        label=_("In a few sentences: what will you train, and what for?"),
        help_text=_("At least 40 characters. Two or three sentences are enough."),
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    is_civilian = radio(YES_NO, label=_("Does the project serve civilian purposes only?"))
    is_confidential = forms.BooleanField(
        label=_("Keep the description confidential"),
        help_text=_("Then only the number and the size of the award are published."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = forms.CharField(label=_("Title of the project"), max_length=120, required=False)
        self.fields = {"title": name, **self.fields}


class PeopleSection(SectionForm):
    """Who does it."""

    section = Section.PEOPLE
    heading = _("The people")
    lead = _("Who leads the project and answers for it.")
    principal_investigator = forms.CharField(
        label=_("Principal investigator"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    principal_investigator_email = forms.CharField(
        label=_("Their e-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    contract_months_after_end = forms.CharField(
        label=_("For how many months does their contract run beyond the end of the project?"),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text=_("Three at least. A permanent contract: write 120."),
    )
    team_countries = forms.CharField(
        label=_("From which other countries does the team work?"),
        help_text=_("As codes with two letters, such as FR, NL. Empty: from yours alone."),
    )
    excluded_reviewers = forms.CharField(
        label=_("Who should not review your application?"),
        help_text=_("Names or e-mail addresses, one a line. Reviewers never see this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if load_access_rules().mode_of(self.call).review is None:
            del self.fields["excluded_reviewers"]


class ResourcesSection(SectionForm):
    """How much of it."""

    section = Section.RESOURCES
    heading = _("Compute time")
    lead = _("How much you need, and for how long.")
    requested_hours = forms.CharField(
        label=_("Hours"), widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    duration_months = radio((), label=_("For how long do you want to use it?"))
    experience = radio(EXPERIENCES, label=_("Have you trained on a supercomputer before?"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit = self.call.unit.hours_name
        most = f"{hours_from_seconds(self.call.size_max_seconds).normalize():f}"
        hours = self.fields["requested_hours"]
        hours.label = _("How many hours (%(unit)s) do you need?") % {"unit": unit}
        hours.help_text = _("This call gives up to %(most)s.") % {"most": most}
        self.fields["duration_months"].choices = [
            (
                str(months),
                _("%(months)s months") % {"months": months} if months > 1 else _("1 month"),
            )
            for months in self.call.durations_months
        ]

    def changes(self, posted: QueryDict) -> dict[str, object]:
        """Return the answers, in the unit of the call."""
        return {**super().changes(posted), "unit": self.call.unit}


class DataSection(SectionForm):
    """On which data."""

    section = Section.DATA
    heading = _("Data")
    lead = _("What the model learns from. It decides where your jobs may run.")
    data_class = radio(DATA_CLASSES, label=_("How sensitive is the data?"))
    has_personal_data = radio(YES_NO, label=_("Does it say anything about living people?"))
    data_description = forms.CharField(
        label=_("Which data is it, and where does it come from?"),
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    is_prohibited_practice = radio(
        YES_NO,
        label=_("Does the system do anything that the AI Act forbids?"),
        help_text=_(
            "Such as manipulating people, scoring their social behaviour, or reading emotions at"
            " work or at school (Article 5)."
        ),
    )


class DeclarationsSection(SectionForm):
    """And the declarations."""

    section = Section.DECLARATIONS
    heading = _("Declarations")
    lead = _("What you confirm with your application.")
    aid_received_cents = AmountField(
        label=_("De minimis aid of the last three years, in euros"),
        help_text=_(
            "Only for companies: what you, and companies that control you or that you control, "
            "received from others than this factory. Write 0 if there was none."
        ),
    )
    publish_names = forms.BooleanField(label=_("Our name and the title may be published"))
    declares_correct = forms.BooleanField(label=_("Our answers are correct and complete"))
    accepts_terms = forms.BooleanField(label=_("We accept the terms of this call"))

    def changes(self, posted: QueryDict) -> dict[str, object]:
        """Return the answers; people write euros."""
        changes = super().changes(posted)
        euros = self.fields["aid_received_cents"].clean(posted.get("aid_received_cents", ""))
        return {**changes, "aid_received_cents": None if euros is None else int(euros * 100)}


SECTIONS: Mapping[str, type[SectionForm]] = {
    form.section.value: form
    for form in (
        ProjectSection,
        PeopleSection,
        ResourcesSection,
        DataSection,
        DeclarationsSection,
    )
}


def initial_of(answers: ApplicationForm) -> dict[str, Any]:
    """Return the answers as the form fields show them."""
    shown: dict[str, Any] = dict(vars(answers))
    for name in ("is_civilian", "has_personal_data", "is_prohibited_practice"):
        value = getattr(answers, name)
        shown[name] = "" if value is None else "yes" if value else "no"
    shown["team_countries"] = ", ".join(answers.team_countries)
    seconds, cents = answers.requested_seconds, answers.aid_received_cents
    shown["requested_hours"] = (
        "" if seconds is None else f"{hours_from_seconds(seconds).normalize():f}"
    )
    shown["aid_received_cents"] = "" if cents is None else cents // 100
    return shown


# What a finding of the service calls by another name than the form.
FIELD_OF = {"requested_seconds": "requested_hours", "unit": "requested_hours"}


def _written(field: forms.Field, value: str) -> object:
    if isinstance(field, forms.BooleanField):
        return "yes" if value else "no"
    return value
