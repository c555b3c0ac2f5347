"""Earlier answers under another call: what fits is taken along, what was declared is not."""

from dataclasses import fields, replace

from allmende.domain.access.application_forms import SECTIONS, ApplicationForm, Section, review
from allmende.domain.access.copies import copy_answers
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import HOUR, PLAYGROUND, form

DECLARED = [name for name, section in SECTIONS.items() if section is Section.DECLARATIONS]


def test_every_answer_but_the_declarations_is_taken_along():
    earlier = replace(form(), aid_received_cents=5, publish_names=True)
    copied, empty = copy_answers(earlier, call=PLAYGROUND), ApplicationForm()
    assert DECLARED
    for name in (each.name for each in fields(ApplicationForm)):
        expected = empty if name in DECLARED else earlier
        assert getattr(copied, name) == getattr(expected, name), name


def test_a_size_in_another_unit_and_a_duration_that_is_not_offered_are_left_out():
    earlier = replace(form(), unit=TimeUnit.GPU_SECONDS, duration_months=99)
    copied = copy_answers(earlier, call=replace(PLAYGROUND, unit=TimeUnit.NODE_SECONDS))
    assert (copied.requested_seconds, copied.duration_months) == (None, None)
    assert copied.unit is TimeUnit.NODE_SECONDS


def test_a_size_beyond_the_new_call_stays_and_is_a_finding():
    earlier = replace(form(), requested_seconds=PLAYGROUND.size_max_seconds + HOUR)
    copied = copy_answers(earlier, call=PLAYGROUND)
    assert copied.requested_seconds == earlier.requested_seconds
    (found,) = [each for each in review(copied, PLAYGROUND) if each.field == "requested_seconds"]
    assert "up to" in found.sentence.english()
