"""Mergers: what is left, who belongs together, and no chain that comes back."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access.aid import find_undertaking
from allmende.domain.access.mergers import (
    REASON_MAX,
    HeirHasMerged,
    MergedIntoItself,
    Merger,
    MergerIsRecorded,
    find_family,
    find_heir,
    record,
)
from allmende.domain.basics.refusals import InvalidInput, Refusal
from tests.domain.access.building import NOON, RULES

TODAY = date(2026, 11, 26)
NAMES = st.sampled_from("abcde")


def merger(of, into, **changed):
    facts = {
        "organisation_id": of,
        "into_id": into,
        "on": TODAY,
        "reason": "HRB 4711",
        "recorded_at": NOON,
        "recorded_by": "p-olga",
    }
    return Merger(**{**facts, **changed})


def known_of(*pairs):
    return {of: merger(of, into) for of, into in pairs}


def test_the_same_once_more_is_known_and_another_is_refused():
    known = known_of(("a", "b"))
    assert record(merger("a", "b", reason=" HRB 4711 "), known, today=TODAY) is known["a"]
    for other in (
        merger("a", "c"),
        merger("a", "b", reason="Else."),
        merger("a", "b", on=TODAY - timedelta(days=1)),
    ):
        with pytest.raises(MergerIsRecorded):
            record(other, known, today=TODAY)


def test_nobody_merges_into_itself_or_into_what_is_gone():
    with pytest.raises(MergedIntoItself):
        record(merger("a", "a"), {}, today=TODAY)
    with pytest.raises(HeirHasMerged, match="left: c"):
        record(merger("d", "a"), known_of(("a", "b"), ("b", "c")), today=TODAY)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"on": TODAY + timedelta(days=1)}, "on"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * (REASON_MAX + 1)}, "reason"),
    ],
)
def test_a_merger_has_happened_and_has_a_reason(changed, field):
    with pytest.raises(InvalidInput) as refused:
        record(replace(merger("a", "b"), **changed), {}, today=TODAY)
    assert refused.value.facts["field"] == field


@given(st.lists(st.tuples(NAMES, NAMES)))
def test_whatever_is_recorded_everybody_has_one_heir_and_one_family(pairs):
    known = {}
    for of, into in pairs:
        try:
            known[of] = record(merger(of, into), known, today=TODAY)
        except Refusal:
            continue
    for each in "abcde":
        assert find_heir(each, known) not in known  # and it ends: there is no cycle
        family = find_family(each, known)
        assert each in family
        assert all(find_family(other, known) == family for other in family)


@given(st.sampled_from("abc"))
def test_the_aid_of_what_merged_is_aid_of_one_undertaking(one):
    graphs = dict.fromkeys("abcd")
    known = known_of(("a", "b"), ("b", "c"))
    found = find_undertaking(one, graphs, mergers=known, book=RULES.book, on=TODAY)
    assert found == frozenset("abc")
    alone = find_undertaking("d", graphs, mergers=known, book=RULES.book, on=TODAY)
    assert alone == frozenset("d")
