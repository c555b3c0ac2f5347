"""The form of an incident: where, how bad, from when to when, in public words."""

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.sites import Factory
from allmende.domain.trust.incidents import LONGEST_WORDS, Impact, Report

WORDS = {Impact.DOWN: _("Nothing runs"), Impact.DEGRADED: _("It runs with less")}
APART = "/"  # between a site and one of its partitions


class LocalMoment(forms.DateTimeField):
    """An instant of this country, to the minute."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class IncidentForm(forms.Form):
    """What is said of an incident now."""

    place = forms.ChoiceField(label=_("Where?"))
    impact = forms.ChoiceField(
        label=_("What do people notice?"), choices=[(each.value, WORDS[each]) for each in Impact]
    )
    began_at = LocalMoment(label=_("Since when?"))
    ended_at = LocalMoment(
        label=_("Until when?"), required=False, help_text=_("Empty while it lasts.")
    )
    words = forms.CharField(
        label=_("What goes wrong?"),
        max_length=LONGEST_WORDS,
        help_text=_("Everybody reads it: no names of people, firms or jobs."),
    )
    note = forms.CharField(
        label=_("A note for operators"), max_length=LONGEST_WORDS, required=False
    )

    def __init__(self, data: object, *, factory: Factory, initial: dict[str, object]) -> None:
        super().__init__(data, initial=initial)
        choices = []
        for site in factory.sites:
            driven = [each for each in site.partitions if each.takes_jobs]
            if driven:
                choices.append((site.id, site.name))
                choices += [
                    (f"{site.id}{APART}{each.id}", f"{site.name}: {each.name}") for each in driven
                ]
        self.fields["place"].choices = choices

    def to_report(self) -> Report:
        """Return what a valid form says."""
        data = self.cleaned_data
        site_id, _, partition_id = data["place"].partition(APART)
        return Report(
            site_id=site_id,
            partition_id=partition_id,
            impact=Impact(data["impact"]),
            began_at=data["began_at"],
            ended_at=data["ended_at"],
            words=data["words"],
            note=data["note"],
        )


def initial_of(report: Report) -> dict[str, object]:
    """Return what a form shows of a report that is to be amended; a note is written anew."""
    place = report.site_id + (APART + report.partition_id if report.partition_id else "")
    names = ("impact", "began_at", "ended_at", "words")
    return {"place": place, **{name: getattr(report, name) for name in names}}
