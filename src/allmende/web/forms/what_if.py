"""The form of a what-if question: every number in the address, none of it needs a script."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.sites import Factory, Partition
from allmende.services.what_if import (
    INVENTED,
    RANGES,
    RECORDED,
    Finding,
    WhatIf,
    complete,
    find_machine,
    first_question,
    list_machines,
)
from allmende.web.wording import write_number
from allmende.wiring.languages import translate

WORKLOADS = (
    (INVENTED, _("invented, by the seed")),
    (RECORDED, _("recorded on this machine")),
)
# (legend, its fields), in the order in which they are read.
PARTS = (
    (_("The promise"), ("today", "guarantee", "others_weight", "response_seconds")),
    (_("The demand"), ("workload", "demand", "load", "days", "seed")),
    (_("The machine"), ("machine", "power", "failing_nodes", "failing_hours")),
)


def _number(name: str, **kwargs: Any) -> forms.IntegerField:
    least, most = RANGES[name]
    widget = forms.NumberInput(attrs={"data-slider": "", "inputmode": "numeric"})
    return forms.IntegerField(
        min_value=least,
        max_value=most,
        widget=widget,
        error_messages={
            name: _("Enter a whole number from %(least)s to %(most)s.")
            % {"least": least, "most": most}
            for name in ("invalid", "min_value", "max_value")
        },
        **kwargs,
    )


class WhatIfForm(forms.Form):
    """A question; what is left out of an address is as it is where one begins."""

    today = _number("today", label=_("Guarantee of the SMEs today, in %"))
    guarantee = _number(
        "guarantee",
        label=_("What if it were, in %"),
        help_text=_("Of the nodes, whenever SMEs ask for them."),
    )
    others_weight = _number(
        "others_weight",
        label=_("Weight of all others"),
        help_text=_("It shares out what no guarantee claims. The SMEs keep theirs."),
    )
    response_seconds = _number(
        "response_seconds",
        label=_("Others are stopped after, in seconds"),
        help_text=_("Where SMEs or another group wait for nodes they are owed. 0: never."),
    )
    workload = forms.ChoiceField(label=_("Workload"), choices=WORKLOADS)
    demand = _number("demand", label=_("Part of the demand that SMEs have, in %"))
    load = _number(
        "load", label=_("All demand, in % of the machine"), help_text=_("Only when invented.")
    )
    days = _number("days", label=_("Days"))
    seed = _number(
        "seed", label=_("Seed"), help_text=_("The same seed gives the same invented jobs.")
    )
    machine = forms.ChoiceField(label=_("Machine"))
    power = _number(
        "power", label=_("Power cap: nodes that may run, in %"), help_text=_("100: no cap.")
    )
    failing_nodes = _number(
        "failing_nodes",
        label=_("Nodes that fail"),
        help_text=_("After a third of the time. What runs on them ends as it would have."),
    )
    failing_hours = _number("failing_hours", label=_("For how many hours"))
    until = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, factory: Factory) -> None:
        self.factory, machines = factory, list_machines(factory)
        known = {each.id for each in machines}
        wanted = data.get("machine", "")
        self.partition: Partition = find_machine(factory, wanted if wanted in known else "")
        first = first_question(self.partition).to_query()
        given = {name: data[name] for name in data if data[name] != "" or name == "until"}
        super().__init__(first | given)
        self.fields["machine"].choices = [
            (each.id, f"{each.name} ({write_number(each.nodes)})") for each in machines
        ]
        nodes = self.fields["failing_nodes"]
        nodes.widget.attrs["max"] = self.partition.nodes

    def parts(self) -> Iterable[tuple[Any, list[forms.BoundField]]]:
        """Return the fields under their legends."""
        return [(legend, [self[name] for name in names]) for legend, names in PARTS]

    def to_question(self, now: datetime) -> WhatIf:
        """Return the question of a valid form."""
        return complete(self.cleaned_data, factory=self.factory, now=now)

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Show each finding at its field."""
        for finding in findings:
            self.add_error(finding.field, translate(finding.sentence))
