"""Earlier answers under another call: what fits is taken along, what was declared is not."""

from dataclasses import replace

import pytest

from allmende.domain.access.application_forms import (
    QUESTIONS,
    SECTIONS,
    ApplicationForm,
    Section,
    review,
)
from allmende.domain.access.copies import CONSENTS, copy_answers
from allmende.domain.access.modes import FormKind
from allmende.domain.access.questions import Kind
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import HOUR, PLAYGROUND, form

EMPTY = ApplicationForm()


def filled():
    """Return a form in which every text and every consent differs from an empty one."""
    texts = {
        name: f"About {name}"
        for name, question in QUESTIONS.items()
        if question.kind in (Kind.LINE, Kind.TEXT)
    }
    ticks = {name: True for name, question in QUESTIONS.items() if question.kind is Kind.TICK}
    return replace(form(), **texts, **ticks, aid_received_cents=5, shares_with_support=True)


@pytest.mark.parametrize("asked", FormKind)
def test_every_answer_that_is_asked_is_taken_along_but_no_declaration_and_no_consent(asked):
    earlier = filled()
    copied = copy_answers(earlier, call=PLAYGROUND, asked=asked)
    for name, question in QUESTIONS.items():
        if name == "unit":
            continue
        is_declared = SECTIONS[name] is Section.DECLARATIONS or name in CONSENTS
        is_kept = question.is_asked(asked) and not is_declared
        expected = earlier if is_kept else EMPTY
        assert getattr(copied, name) == getattr(expected, name), name
    assert copied.unit is PLAYGROUND.unit


def test_a_size_in_another_unit_and_a_duration_that_is_not_offered_are_left_out():
    earlier = replace(form(), unit=TimeUnit.GPU_SECONDS, duration_months=99)
    call = replace(PLAYGROUND, unit=TimeUnit.NODE_SECONDS)
    copied = copy_answers(earlier, call=call, asked=FormKind.SHORT)
    assert (copied.requested_seconds, copied.duration_months) == (None, None)
    assert copied.unit is TimeUnit.NODE_SECONDS


def test_a_size_beyond_the_new_call_stays_and_is_a_finding():
    earlier = replace(form(), requested_seconds=PLAYGROUND.size_max_seconds + HOUR)
    copied = copy_answers(earlier, call=PLAYGROUND, asked=FormKind.SHORT)
    assert copied.requested_seconds == earlier.requested_seconds
    (found,) = [each for each in review(copied, PLAYGROUND) if each.field == "requested_seconds"]
    assert "up to" in found.sentence.english()
