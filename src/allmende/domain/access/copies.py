"""A new draft from earlier answers: what still fits is taken along, what was declared is not."""

from dataclasses import fields, replace

from allmende.domain.access.application_forms import SECTIONS, ApplicationForm, Section
from allmende.domain.access.calls import Call


def copy_answers(earlier: ApplicationForm, *, call: Call) -> ApplicationForm:
    """Return earlier answers as the draft of another call begins with them.

    Declarations and consents are made anew each time. A size in another unit, and a duration that
    the call does not offer, mean nothing here; a size beyond the call stays, and is a finding.
    """
    empty = ApplicationForm()
    declared = {
        each.name: getattr(empty, each.name)
        for each in fields(ApplicationForm)
        if SECTIONS.get(each.name) is Section.DECLARATIONS
    }
    is_same_unit = earlier.unit in (None, call.unit)
    offered = call.durations_months
    return replace(
        earlier,
        **declared,
        unit=call.unit,
        requested_seconds=earlier.requested_seconds if is_same_unit else None,
        duration_months=earlier.duration_months if earlier.duration_months in offered else None,
    )
