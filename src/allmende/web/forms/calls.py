"""The forms that open a call: a mode and a machine first, then what the call says."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.calls import AccessRules, Call, defaults_of, needs_cut_offs
from allmende.domain.access.flaws import Flaw
from allmende.domain.access.modes import AccessMode, Price
from allmende.domain.access.working_days import BERLIN, period_of
from allmende.domain.basics.sites import Partition
from allmende.domain.basics.units import plain_hours, seconds_from_hours
from allmende.services import calls
from allmende.web.forms.fields import AmountField
from allmende.web.states import describe
from allmende.web.wording import write_instant
from allmende.wiring.languages import translate

CUT_OFF_TIME = time(10)  # of Berlin, as everywhere in Europe's supercomputing
FIELD_OF = {
    "mode_id": "opens_at",
    "size_min_seconds": "size_min_hours",
    "size_max_seconds": "size_max_hours",
    "price_cents_per_hour": "price",
    "names": "name_en",
    "descriptions": "description_en",
}


class CallChoiceForm(forms.Form):
    """What the call is made from."""

    mode = forms.ChoiceField(label=_("Access mode"))
    partition = forms.ChoiceField(label=_("Machine"))

    def __init__(self, data: Any, *, rules: AccessRules, modes: Iterable[AccessMode]) -> None:
        super().__init__(data)
        self.fields["mode"].choices = [(mode.id, mode.names["en"]) for mode in modes]
        self.fields["partition"].choices = [(each.id, each.name) for each in rules.partitions]


class CallForm(forms.Form):
    """A call; everything that its mode says stands in it already."""

    id = forms.CharField(
        label=_("Id"),
        max_length=40,
        help_text=_("Small letters, digits and hyphens. It stands in addresses and letters."),
    )
    name_en = forms.CharField(label=_("Name in English"), max_length=120)
    name_de = forms.CharField(label=_("Name in German"), max_length=120)
    description_en = forms.CharField(
        label=_("Description in English"),
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 3, "lang": "en"}),
    )
    description_de = forms.CharField(
        label=_("Description in German"),
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 3, "lang": "de"}),
    )
    access_share = forms.ChoiceField(label=_("Share of the machine"))
    size_min_hours = AmountField(
        label=_("Smallest size in hours"), places=6, required=False, help_text=_("Empty: any.")
    )
    size_max_hours = AmountField(label=_("Largest size in hours"), places=6)
    contingent_hours = AmountField(
        label=_("Contingent in hours"),
        places=6,
        required=False,
        help_text=_("What this call adds to the pool of its mode. Empty: nothing."),
    )
    durations_months = forms.CharField(
        label=_("Durations in months"), max_length=60, help_text=_("For example 1, 2, 3.")
    )
    opens_at = forms.DateTimeField(
        label=_("Opens"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    closes_at = forms.DateTimeField(
        label=_("Closes"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: with its last cut-off, or never."),
    )
    announced = forms.MultipleChoiceField(
        label=_("Announced cut-offs of this mode"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    cut_offs = forms.CharField(
        label=_("Further cut-offs"),
        required=False,
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One day a line, such as 2027-02-26; each is at 10:00 in Berlin."),
    )
    decision_working_days = forms.IntegerField(
        label=_("Decision within how many working days?"), min_value=0, max_value=1000
    )
    price = AmountField(label=_("Price per hour in euros"), places=2)
    civilian_only = forms.BooleanField(label=_("For civilian purposes only"), required=False)
    needs_onboarding = forms.BooleanField(
        label=_("Projects begin only when their people are on board"), required=False
    )
    terms_version = forms.CharField(label=_("Version of the terms"), max_length=40)
    terms_text = forms.CharField(
        label=_("Terms of use"),
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text=_("Every applicant accepts exactly this text."),
    )

    def __init__(
        self,
        data: Any,
        *,
        mode: AccessMode,
        partition: Partition,
        rules: AccessRules,
        now: datetime,
    ) -> None:
        super().__init__(data, initial=_initial(mode, partition, rules, now))
        self.mode, self.partition, self.rules, self.now = mode, partition, rules, now
        shares = tuple(partition.access_shares) or (mode.access_share,)
        self.fields["access_share"].choices = [
            (share, describe("share", share).word) for share in shares
        ]
        announced = rules.list_cut_offs(mode.id, now=now)
        self.fields["announced"].choices = [(at.isoformat(), write_instant(at)) for at in announced]
        if not announced:
            del self.fields["announced"]
        if not needs_cut_offs(mode):
            self.fields.pop("announced", None)
            del self.fields["cut_offs"]
        if mode.price is Price.FREE:
            del self.fields["price"]

    @property
    def parts(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """Return the fields in groups, each with its heading."""
        about = ("id", "name_en", "name_de", "description_en", "description_de")
        size = ("access_share", "size_min_hours", "size_max_hours", "contingent_hours")
        when = ("opens_at", "closes_at", "announced", "cut_offs", "decision_working_days")
        terms = ("civilian_only", "needs_onboarding", "terms_version", "terms_text")
        groups = (
            (_("Names"), about),
            (_("How much"), (*size, "durations_months", "price")),
            (_("When"), when),
            (_("On which terms"), terms),
        )
        return [
            (heading, [self[name] for name in names if name in self.fields])
            for heading, names in groups
        ]

    def clean_durations_months(self) -> tuple[int, ...]:
        """Return the months, each once, in order."""
        return read_numbers(self.cleaned_data["durations_months"])

    def clean_cut_offs(self) -> tuple[datetime, ...]:
        """Return the instants of the days that were written."""
        try:
            days = [date.fromisoformat(line) for line in self.cleaned_data["cut_offs"].split()]
        except ValueError:
            raise forms.ValidationError(_("Write each day as in 2027-02-26.")) from None
        return tuple(datetime.combine(day, CUT_OFF_TIME, tzinfo=BERLIN) for day in days)

    def clean(self) -> dict[str, Any]:
        """Ask the domain, as the configuration does, as soon as each answer makes sense."""
        data = super().clean() or {}
        if not self.errors:
            found = calls.list_flaws(self.to_call(), rules=self.rules, now=self.now)
            add_flaws(self, found, _field_of)
        return data

    def to_call(self) -> Call:
        """Return what a valid form says."""
        data = self.cleaned_data
        announced = map(datetime.fromisoformat, data.get("announced", ()))
        cut_offs = {at.astimezone(UTC) for at in (*announced, *data.get("cut_offs", ()))}
        said = {
            "id": data["id"],
            "names": {"en": data["name_en"], "de": data["name_de"]},
            "descriptions": {"en": data["description_en"], "de": data["description_de"]},
            "access_share": data["access_share"],
            "size_min_seconds": seconds_from_hours(data["size_min_hours"] or 0) or 1,
            "size_max_seconds": seconds_from_hours(data["size_max_hours"]),
            "contingent_seconds": seconds_from_hours(data["contingent_hours"] or 0),
            "durations_months": data["durations_months"],
            "opens_at": data["opens_at"].astimezone(UTC),
            "closes_at": data["closes_at"].astimezone(UTC) if data["closes_at"] else None,
            "cut_offs": tuple(sorted(cut_offs)),
            "decision_working_days": data["decision_working_days"],
            "price_cents_per_hour": int((data.get("price") or Decimal(0)) * 100),
            "civilian_only": data["civilian_only"],
            "needs_onboarding": data["needs_onboarding"],
            "terms_version": data["terms_version"],
            "terms_text": data["terms_text"].replace("\r\n", "\n"),
        }
        return Call(**{**defaults_of(self.mode, self.partition), **said})


def read_numbers(text: str) -> tuple[int, ...]:
    """Return the whole numbers of a text such as "1, 2, 3", each once, in order."""
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    if not all(part.isdecimal() and len(part) < 6 for part in parts):
        raise forms.ValidationError(_("Write whole numbers, such as 1, 2, 3."))
    return tuple(sorted({int(part) for part in parts}))


def write_plain_hours(seconds: int | None) -> str:
    """Return seconds as hours for a field: no separators, no noughts behind the point."""
    return f"{plain_hours(seconds)}" if seconds else ""


def add_flaws(form: forms.Form, flaws: Iterable[Flaw], field_of: Callable[[Flaw], str]) -> None:
    """Put each flaw at the field that it is about, or above the form."""
    for flaw in flaws:
        field = field_of(flaw)
        said = translate(flaw.sentence)
        form.add_error(field if field in form.fields else None, said[:1].upper() + said[1:])


def _field_of(flaw: Flaw) -> str:
    name = str(flaw.at[-1])
    return FIELD_OF.get(name, name)


def _initial(
    mode: AccessMode, partition: Partition, rules: AccessRules, now: datetime
) -> dict[str, Any]:
    values = defaults_of(mode, partition)
    terms = next((call for call in rules.calls if call.partition_id == partition.id), None)
    return {
        "access_share": values["access_share"],
        "size_max_hours": write_plain_hours(values["size_max_seconds"]),
        "durations_months": ", ".join(map(str, mode.durations_months)),
        "opens_at": max(now, period_of(mode.valid_from).starts_at).replace(second=0, microsecond=0),
        "decision_working_days": mode.decision_working_days,
        "civilian_only": True,
        "terms_version": terms.terms_version if terms else "",
        "terms_text": terms.terms_text if terms else "",
    }
