"""Calls are open or not by the clock, and offer no more than their mode allows."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from allmende.domain.access.calls import (
    CallBeyondMode,
    CallState,
    check_call_within_mode,
    needs_cut_offs,
)
from allmende.domain.access.modes import Modes
from allmende.domain.access.organisations import (
    OrganisationKind,
    check_organisation,
    lone_firm,
    with_size,
)
from allmende.domain.access.sme import SizeClass
from allmende.domain.access.snapshots import (
    from_plain,
    hash_content,
    hash_plain,
    render_canonical,
    to_plain,
)
from allmende.domain.basics.refusals import InvalidInput, NotFound
from allmende.domain.basics.rules import Rule
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import (
    HOUR,
    NOON,
    PLAYGROUND,
    RULES,
    SMALL,
    TODAY,
    firm,
    frozen,
    graph,
    organisation,
    size,
)

SECOND = timedelta(seconds=1)
MODE = RULES.get_mode("playground", on=TODAY)


def test_state_follows_from_the_clock():
    call = replace(PLAYGROUND, closes_at=NOON)
    assert [
        call.state(call.opens_at - SECOND),
        call.state(call.opens_at),
        call.state(NOON - SECOND),
        call.state(NOON),
    ] == [CallState.SCHEDULED, CallState.OPEN, CallState.OPEN, CallState.CLOSED]
    assert PLAYGROUND.is_open(NOON)
    assert PLAYGROUND.next_cut_off(NOON) is None


def test_the_earlier_of_closing_and_last_cut_off_ends_a_call():
    call = RULES.get_call("werkbank-ai-for-science-2027-1")
    assert call.last_instant == call.cut_offs[-1]
    assert replace(call, closes_at=NOON).last_instant == NOON
    assert needs_cut_offs(RULES.get_mode(call.mode_id, on=TODAY))


@pytest.mark.parametrize(
    ("unit", "hours", "gpus", "fits"),
    [
        (TimeUnit.GPU_SECONDS, 5_000, 4, True),
        (TimeUnit.GPU_SECONDS, 5_001, 4, False),
        (TimeUnit.NODE_SECONDS, 1_250, 4, True),
        (TimeUnit.NODE_SECONDS, 1_251, 4, False),
        (TimeUnit.NODE_SECONDS, 5_000, 0, True),
        (TimeUnit.NODE_SECONDS, 5_001, 0, False),
    ],
)
def test_a_call_offers_no_more_than_its_mode(unit, hours, gpus, fits):
    call = replace(PLAYGROUND, unit=unit, size_max_seconds=hours * HOUR)
    if fits:
        check_call_within_mode(call, MODE, gpus_per_node=gpus)
    else:
        with pytest.raises(CallBeyondMode):
            check_call_within_mode(call, MODE, gpus_per_node=gpus)


def test_node_hours_of_a_mode_count_every_gpu_of_a_call():
    mode = RULES.get_mode("benchmark", on=TODAY)
    call = replace(PLAYGROUND, unit=TimeUnit.GPU_SECONDS, size_max_seconds=14_000 * HOUR)
    check_call_within_mode(call, mode, gpus_per_node=4)
    with pytest.raises(CallBeyondMode):
        check_call_within_mode(call, mode, gpus_per_node=3)


def test_a_mode_without_upper_limit_takes_every_call():
    unlimited = replace(MODE, size_max_seconds=None)
    call = replace(PLAYGROUND, size_max_seconds=10**12)
    check_call_within_mode(call, unlimited, gpus_per_node=4)
    assert unlimited.has_room_for(10**12)


def test_a_mode_is_found_in_its_days_only():
    old = replace(MODE, valid_to=date(2026, 1, 1))
    modes = Modes((old,))
    assert modes.find("playground", on=date(2025, 12, 31)) == old
    assert modes.find("playground", on=date(2026, 1, 1)) is None
    with pytest.raises(NotFound):
        RULES.get_mode("playground", on=date(2020, 1, 1))
    with pytest.raises(NotFound):
        RULES.get_call("none")


def test_terms_have_one_hash_for_one_text():
    assert PLAYGROUND.terms_hash == replace(PLAYGROUND, price_cents_per_hour=9).terms_hash
    assert PLAYGROUND.terms_hash != replace(PLAYGROUND, terms_text="other").terms_hash


def test_everything_frozen_comes_back_from_its_plain_form():
    for value in (frozen(), frozen(call=RULES.get_call("werkbank-ai-for-science-2027-1"))):
        assert from_plain(type(value), to_plain(value)) == value
    assert hash_content(frozen()) == hash_content(frozen())
    assert from_plain(type(organisation()), to_plain(organisation())) == organisation()


def test_rules_of_a_day_have_a_plain_form():
    plain = to_plain(RULES.book.in_force(TODAY))
    assert {"rule", "value", "source", "valid_from"} <= plain[0].keys()
    assert to_plain(["a", {"b": 1}, frozenset({"d", "c"})]) == ["a", {"b": 1}, ["c", "d"]]


def test_rules_out_of_the_database_are_those_that_were_kept_with_the_same_hash():
    rules = RULES.book.in_force(TODAY)
    kept = json.loads(render_canonical(rules))
    assert [from_plain(Rule, each) for each in kept] == list(rules)
    assert hash_plain(kept) == hash_content(rules)
    kept[0]["value"] = "something else"
    assert hash_plain(kept) != hash_content(rules)


def test_size_class_is_kept_with_the_organisation():
    assert with_size(organisation(), size([SMALL])).size_class is SizeClass.SMALL
    assert lone_firm(organisation()).id == "x"
    assert not organisation(kind=OrganisationKind.UNIVERSITY).is_enterprise


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"name": "unseen\u200b"},
        {"country": "Germany"},
        {"country": "de"},
        {"country": "4X"},
        {"nace_code": "software"},
        {"nace_code": "62.011"},
        {"ownership": graph([firm("y")])},
    ],
)
def test_impossible_organisation_is_refused(changes):
    with pytest.raises(InvalidInput):
        check_organisation(organisation(**changes))


def test_possible_organisation_is_accepted():
    check_organisation(organisation())
    check_organisation(organisation(ownership=None, nace_code="62.01"))
