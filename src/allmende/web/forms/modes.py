"""The form of a new version of an access mode: everything that the version before it says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.flaws import Flaw, list_mode_flaws
from allmende.domain.access.modes import (
    AccessMode,
    Calendar,
    Experience,
    Price,
    Route,
    Selection,
    VersionTooEarly,
    check_version,
)
from allmende.domain.access.review_plans import Criterion, ReviewPlan
from allmende.domain.basics.units import SECONDS_PER_HOUR, TimeUnit, seconds_from_hours
from allmende.web.forms.calls import add_flaws, read_numbers, write_plain_hours
from allmende.web.forms.fields import AmountField, radio
from allmende.web.states import describe
from allmende.wiring.languages import translate

SPARE_CRITERIA = 2  # empty rows, so that criteria can be added without a script
DAYS = (
    "assessment_working_days",
    "review_working_days",
    "rebuttal_working_days",
    "panel_working_days",
)
PLAN = ("reviews_per_application", *DAYS, "sum_threshold", "tie_breaks", "plan_source", "plan_note")
FIELD_OF = {
    "size_min_seconds": "size_from_hours",
    "size_max_seconds": "size_max_hours",
    "names": "name_en",
    "audience": "audience_en",
}


def _words(kind: str, values: Any) -> list[tuple[str, str]]:
    return [(each.value, describe(kind, each.value).word) for each in values]


def _days(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=1000)


class ModeForm(forms.Form):
    """One version of a mode; the fields of peer review count only where experts choose."""

    id = forms.CharField(
        label=_("Id"), max_length=40, help_text=_("Another id makes a new mode from this one.")
    )
    name_en = forms.CharField(label=_("Name in English"), max_length=120)
    name_de = forms.CharField(label=_("Name in German"), max_length=120)
    audience_en = forms.CharField(label=_("For whom, in English"), max_length=300)
    audience_de = forms.CharField(label=_("For whom, in German"), max_length=300)
    routes = forms.MultipleChoiceField(label=_("Ways"), widget=forms.CheckboxSelectMultiple)
    experience = radio((), label=_("Experience that applicants need"))
    price = radio((), label=_("Price"))
    access_share = forms.ChoiceField(label=_("Share of the machine"))
    unit = radio((), label=_("Hours of what?"))
    size_from_hours = AmountField(
        label=_("Smallest size in hours"), places=6, required=False, help_text=_("Empty: any.")
    )
    size_is_above = forms.BooleanField(label=_("It must be more than that"), required=False)
    size_max_hours = AmountField(
        label=_("Largest size in hours"), places=6, required=False, help_text=_("Empty: no limit.")
    )
    durations_months = forms.CharField(
        label=_("Durations in months"), max_length=60, help_text=_("For example 1, 2, 3.")
    )
    calendar = radio((), label=_("Calendar"))
    decision_working_days = forms.IntegerField(
        label=_("Decision within how many working days?"), min_value=0, max_value=1000
    )
    selection = radio((), label=_("Selection"))
    criteria = forms.CharField(
        label=_("What is looked at"),
        required=False,
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("In English, one a line."),
    )
    reviews_per_application = _days(_("Reviews of each application"))
    assessment_working_days = _days(_("Technical check until working day"))
    review_working_days = _days(_("Reviews until working day"))
    rebuttal_working_days = _days(_("Working days for the answer of the applicant"))
    panel_working_days = _days(_("Panel until working day"))
    sum_threshold = _days(_("Least weighted sum"))
    tie_breaks = forms.CharField(
        label=_("Tie breaks"),
        required=False,
        max_length=200,
        help_text=_("Ids of criteria: the first on which two differ decides."),
    )
    plan_source = forms.CharField(label=_("Source of the plan"), required=False, max_length=300)
    plan_note = forms.CharField(label=_("Note on the plan"), required=False, max_length=500)
    valid_from = forms.DateField(
        label=_("In force from"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Today at the earliest, from midnight in Berlin."),
    )
    source = forms.CharField(
        label=_("Source"), max_length=300, help_text=_("Who decided this, and where it is written.")
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=500)

    def __init__(self, data: Any, *, mode: AccessMode, rules: AccessRules, today: date) -> None:
        self.rules, self.today = rules, today
        plan = mode.review
        self.rows = range(len(plan.criteria if plan else ()) + SPARE_CRITERIA)
        super().__init__(data, initial=_initial(mode, rules, today))
        for number in self.rows:
            self._add_criterion(number)
        shares = {share for each in rules.partitions for share in each.access_shares}
        choices = {
            "routes": _words("route", Route),
            "experience": _words("experience", Experience),
            "price": _words("price", Price),
            "unit": _words("unit", TimeUnit),
            "calendar": _words("calendar", Calendar),
            "selection": _words("selection", Selection),
            "access_share": [
                (each, describe("share", each).word)
                for each in sorted(shares | {mode.access_share})
            ],
        }
        for name, offered in choices.items():
            self.fields[name].choices = offered
        for name in PLAN:
            self.fields[name].is_silent = True  # whether it is needed, the selection says

    def _add_criterion(self, number: int) -> None:
        fields = {
            "id": forms.CharField(label=_("Id"), max_length=40),
            "name_en": forms.CharField(label=_("Name in English"), max_length=120),
            "name_de": forms.CharField(label=_("Name in German"), max_length=120),
            "weight": forms.IntegerField(label=_("Weight"), min_value=1, max_value=100),
            "threshold": forms.IntegerField(label=_("Least mean score"), min_value=0, max_value=5),
        }
        for name, field in fields.items():
            field.required, field.is_silent = False, True
            self.fields[f"c{number}_{name}"] = field

    @property
    def parts(self) -> list[tuple[Any, list[forms.BoundField], str]]:
        """Return the fields in groups, each with its heading and how it is laid out."""
        groups = [
            (_("Names"), ("id", "name_en", "name_de", "audience_en", "audience_de")),
            (_("Who, and at what price"), ("routes", "experience", "price", "access_share")),
            (
                _("How much"),
                ("unit", "size_from_hours", "size_is_above", "size_max_hours", "durations_months"),
            ),
            (
                _("How it is decided"),
                ("calendar", "decision_working_days", "selection", "criteria"),
            ),
            (_("Peer review"), PLAN),
            *((_criterion_heading(number), self._names_of(number)) for number in self.rows),
            (_("From when, and who says so"), ("valid_from", "source", "note")),
        ]
        return [
            (
                heading,
                [self[name] for name in names],
                "row three" if names[0][1:2].isdigit() else "",
            )
            for heading, names in groups
        ]

    def _names_of(self, number: int) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name.startswith(f"c{number}_"))

    def clean_durations_months(self) -> tuple[int, ...]:
        """Return the months, each once, in order."""
        return read_numbers(self.cleaned_data["durations_months"])

    def clean(self) -> dict[str, Any]:
        """Ask the domain, as the configuration does, as soon as each answer makes sense."""
        data = super().clean() or {}
        if data.get("selection") == Selection.PEER_REVIEW:
            self._ask_for_plan()
        if self.errors:
            return data
        mode = self.to_mode()
        add_flaws(self, list_mode_flaws(mode), self._field_of)
        known = [replace(each, valid_to=None) for each in self.rules.modes.versions(mode.id)]
        try:
            if mode not in known:  # else it was sent twice, and is written already
                check_version(mode, modes=self.rules.modes, today=self.today)
        except VersionTooEarly as refusal:
            self.add_error("valid_from", translate(refusal.sentence))
        return data

    def _ask_for_plan(self) -> None:
        for name in ("reviews_per_application", *DAYS, "plan_source"):
            if self.cleaned_data.get(name) in (None, "") and name not in self.errors:
                self.add_error(name, _("Peer review needs it."))

    def _field_of(self, flaw: Flaw) -> str:
        if flaw.at[:2] != ("review", "criteria"):
            return FIELD_OF.get(str(flaw.at[-1]), str(flaw.at[-1]))
        number = next((part for part in flaw.at if isinstance(part, int)), 0)
        filled = [*self._filled(), *self.rows]
        name = "id" if len(flaw.at) < 4 else str(flaw.at[3])
        return f"c{filled[number]}_{FIELD_OF.get(name, name)}"

    def _filled(self) -> Iterator[int]:
        return (number for number in self.rows if self.cleaned_data.get(f"c{number}_id"))

    def to_mode(self) -> AccessMode:
        """Return what a valid form says."""
        data = self.cleaned_data
        lines = data["criteria"].splitlines()
        least = seconds_from_hours(data["size_from_hours"] or 0)
        most = data["size_max_hours"]
        by_peers = data["selection"] == Selection.PEER_REVIEW
        return AccessMode(
            id=data["id"],
            names={"en": data["name_en"], "de": data["name_de"]},
            audience={"en": data["audience_en"], "de": data["audience_de"]},
            routes=frozenset(map(Route, data["routes"])),
            unit=TimeUnit(data["unit"]),
            size_min_seconds=max(least + data["size_is_above"], 1),
            size_max_seconds=None if most is None else seconds_from_hours(most),
            durations_months=data["durations_months"],
            calendar=Calendar(data["calendar"]),
            decision_working_days=data["decision_working_days"],
            selection=Selection(data["selection"]),
            experience=Experience(data["experience"]),
            criteria=tuple(line.strip() for line in lines if line.strip()),
            review=self._to_plan() if by_peers else None,
            price=Price(data["price"]),
            access_share=data["access_share"],
            valid_from=data["valid_from"],
            source=data["source"],
            checked_on=self.today,
            note=data["note"],
        )

    def _to_plan(self) -> ReviewPlan:
        data = self.cleaned_data
        criteria = tuple(
            Criterion(
                id=data[f"c{number}_id"],
                names={
                    "en": data.get(f"c{number}_name_en", ""),
                    "de": data.get(f"c{number}_name_de", ""),
                },
                weight=data.get(f"c{number}_weight") or 1,
                threshold=data.get(f"c{number}_threshold") or 0,
            )
            for number in self._filled()
        )
        return ReviewPlan(
            criteria=criteria,
            tie_breaks=tuple(data["tie_breaks"].replace(",", " ").split()),
            sum_threshold=data["sum_threshold"] or 0,
            reviews_per_application=data["reviews_per_application"],
            **{name: data[name] for name in DAYS},
            source=data["plan_source"],
            checked_on=self.today,
            note=data["plan_note"],
        )


def _criterion_heading(number: int) -> str:
    return gettext("Criterion %(number)s of the reviews") % {"number": number + 1}


def _initial(mode: AccessMode, rules: AccessRules, today: date) -> dict[str, Any]:
    least = mode.size_min_seconds
    is_above = least > 1 and (least - 1) % SECONDS_PER_HOUR == 0
    later = [each.valid_from for each in rules.modes.versions(mode.id)]
    values: dict[str, Any] = {
        "id": mode.id,
        "name_en": mode.names["en"],
        "name_de": mode.names["de"],
        "audience_en": mode.audience["en"],
        "audience_de": mode.audience["de"],
        "routes": sorted(mode.routes),
        "size_from_hours": write_plain_hours(least - is_above) if least > 1 else "",
        "size_is_above": is_above,
        "size_max_hours": write_plain_hours(mode.size_max_seconds),
        "durations_months": ", ".join(map(str, mode.durations_months)),
        "criteria": "\n".join(mode.criteria),
        "valid_from": max([today, *(day + timedelta(days=1) for day in later)]),
    }
    same = ("experience", "price", "access_share", "unit", "calendar", "selection")
    values |= {name: getattr(mode, name) for name in (*same, "decision_working_days")}
    return values | _initial_plan(mode.review) if mode.review else values


def _initial_plan(plan: ReviewPlan) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(plan, name) for name in ("reviews_per_application", *DAYS, "sum_threshold")
    }
    values |= {
        "tie_breaks": ", ".join(plan.tie_breaks),
        "plan_source": plan.source,
        "plan_note": plan.note,
    }
    for number, criterion in enumerate(plan.criteria):
        values |= {
            f"c{number}_id": criterion.id,
            f"c{number}_name_en": criterion.names["en"],
            f"c{number}_name_de": criterion.names["de"],
            f"c{number}_weight": criterion.weight,
            f"c{number}_threshold": criterion.threshold,
        }
    return values
