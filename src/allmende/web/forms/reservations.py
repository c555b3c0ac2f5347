"""The form of a reservation: what for, how much, from when to when, why."""

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.sites import Factory
from allmende.services.reservations import Announcement, list_machines
from allmende.web.forms.fields import AmountField

MAINTENANCE, POWER_CAP, PROJECT = "maintenance", "power_cap", "project"
WORDS = {
    MAINTENANCE: _("Nodes out of service"),
    POWER_CAP: _("A cap on power"),
    PROJECT: _("Nodes for one project"),
}


class ReservationForm(forms.Form):
    """What is announced; times are those of this country."""

    partition = forms.ChoiceField(label=_("Machine"))
    kind = forms.ChoiceField(label=_("What is it?"))
    nodes = forms.IntegerField(label=_("Number of nodes"), required=False, min_value=1)
    kilowatts = AmountField(
        label=_("Cap in kilowatts"), required=False, places=3, help_text=_("Only for a cap.")
    )
    project = forms.CharField(
        label=_("Project"),
        required=False,
        max_length=40,
        help_text=_("Only for a project: its id."),
    )
    starts_at = forms.DateTimeField(
        label=_("From"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: at once."),
    )
    minutes = forms.IntegerField(label=_("For how many minutes?"), min_value=1, max_value=50_000)
    reason = forms.CharField(
        label=_("Why?"), max_length=200, help_text=_("Everybody whom it concerns reads it.")
    )

    def __init__(self, data: object, *, factory: Factory, kinds: tuple[str, ...]) -> None:
        super().__init__(data)
        machines = list_machines(factory)
        self.fields["partition"].choices = [(each.id, each.name) for each in machines]
        self.fields["kind"].choices = [(kind, WORDS[kind]) for kind in kinds]
        for name in ("nodes", "kilowatts", "project"):
            self.fields[name].is_silent = True  # which of them is needed, the kind says
        if POWER_CAP not in kinds:
            del self.fields["kilowatts"]

    def to_announcement(self, now: object) -> Announcement:
        """Return what a valid form announces; fields of another kind are left out."""
        data = self.cleaned_data
        kind, kilowatts = data["kind"], data.get("kilowatts")
        starts_at = data["starts_at"]
        return Announcement(
            partition_id=data["partition"],
            nodes=0 if kind == POWER_CAP else data["nodes"] or 0,
            project_id=data["project"].strip() if kind == PROJECT else "",
            cap_watts=round(kilowatts * 1000) if kind == POWER_CAP else None,
            starts_at=starts_at,
            ends_at=(starts_at or now) + timedelta(minutes=data["minutes"]),
            reason=data["reason"],
        )

    def clean(self) -> dict[str, object]:
        """Ask for what the kind needs."""
        data = super().clean() or {}
        needed = {POWER_CAP: "kilowatts", PROJECT: "project"}.get(str(data.get("kind")))
        if needed and not data.get(needed) and needed not in self.errors:
            self.add_error(needed, _("This kind of reservation needs it."))
        return data
