"""A new draft from earlier answers: what still fits is taken along, what was declared is not."""

from dataclasses import replace

from allmende.domain.access.application_forms import (
    QUESTIONS,
    SECTIONS,
    ApplicationForm,
    Section,
)
from allmende.domain.access.calls import Call
from allmende.domain.access.modes import FormKind

# What the applicant agrees to outside of the declarations.
CONSENTS = frozenset({"shares_with_support"})


def copy_answers(earlier: ApplicationForm, *, call: Call, asked: FormKind) -> ApplicationForm:
    """Return earlier answers as the draft of another call begins with them.

    What its form does not ask is left out, and declarations and consents are made anew each time.
    A size in another unit, and a duration that the call does not offer, mean nothing here; a size
    beyond the call stays, and is a finding.
    """
    kept = {
        name: getattr(earlier, name)
        for name, question in QUESTIONS.items()
        if question.is_asked(asked)
        and SECTIONS[name] is not Section.DECLARATIONS
        and name not in CONSENTS
    }
    copied = replace(ApplicationForm(**kept), unit=call.unit)
    if earlier.unit not in (None, call.unit):
        copied = replace(copied, requested_seconds=None)
    if copied.duration_months not in call.durations_months:
        copied = replace(copied, duration_months=None)
    return copied
