"""Who may, by which route, at what price: worked examples and what holds for every answer."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.access.eligibility import answers_for, decide_eligibility, decide_for_call
from allmende.domain.access.modes import Experience, Modes
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.tables import COUNTRY_TABLE, ROUTE_TABLE, find_row
from allmende.domain.access.verdicts import Answers, ProjectPurpose, Verdict
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import (
    BOOK,
    HOUR,
    LARGE,
    MID_CAP,
    PLAYGROUND,
    RULES,
    SMALL,
    TODAY,
    UNKNOWN,
    answers,
    organisation,
    size,
)


def decide(**changes):
    return decide_eligibility(answers(**changes), rules=RULES, on=TODAY)


EU = ProjectPurpose.EU_PROJECT
RESEARCH = ProjectPurpose.RESEARCH
ORDERED = ProjectPurpose.COMMISSIONED
UNIVERSITY = {"kind": OrganisationKind.UNIVERSITY, "size": None, "purpose": RESEARCH}


def test_the_deciding_reason_names_its_article_and_source():
    reason = decide().first_reason
    assert reason.rule == "route.sme"
    assert reason.article == "Reg. (EU) 2021/1173 Art. 17(6)"
    assert reason.source == "http://data.europa.eu/eli/reg/2021/1173/oj"


@pytest.mark.parametrize(
    ("changes", "alternative"),
    [
        ({"country": "US"}, "Apply together with an organisation in a member state"),
        ({"kind": OrganisationKind.NO_LEGAL_PERSON}, "Apply through a member"),
        ({"size": size([LARGE])}, "Time is free inside a Horizon Europe"),
        ({"contract_months_after_end": 0}, "Name a principal investigator"),
        ({"requested_seconds": 9_000_000 * HOUR}, "Ask for a size"),
        ({"size": None}, "Give headcount"),
    ],
)
def test_every_no_offers_a_way_out(changes, alternative):
    assert decide(**changes).alternative.english().startswith(alternative)


def test_sizes_are_named_without_an_upper_limit_where_there_is_none():
    (mode,) = [each for each in RULES.modes.modes if each.id == "large-scale"]
    rules = replace(RULES, modes=Modes((replace(mode, size_max_seconds=None),)))
    result = decide_eligibility(answers(requested_seconds=HOUR), rules=rules, on=TODAY)
    assert result.first_reason.numbers["sizes"] == "Large Scale above 50000"


def test_sme_need_not_publish_and_science_does():
    assert "As an SME you need not publish your results." in _sentences(decide())
    assert "The results are published openly." in _sentences(decide(**UNIVERSITY))
    assert "The results are published openly." not in _sentences(decide(size=size([LARGE])))


def test_names_are_published_with_consent_only():
    for changes in ({}, UNIVERSITY, {"size": size([LARGE])}):
        reason = next(each for each in decide(**changes).reasons if each.rule == "access.names")
        assert reason.sentence.english() == "Your names are published only if you consent."


def test_what_to_have_ready_follows_from_the_answers():
    result = decide(has_personal_data=True, requested_seconds=6_000 * HOUR)
    assert [each.english()[:22] for each in result.have_ready] == [
        "The accounts of two ye",
        "The principal investig",
        "A declaration of all d",
        "A data processing agre",
    ]


@pytest.mark.parametrize(
    ("rule", "mark"), [("ai.general_purpose_flop", 10**23), ("ai.systemic_risk_flop", 10**25)]
)
def test_a_mark_of_the_ai_act_is_named_above_it_and_not_at_it(rule, mark):
    above = {reason.rule: reason for reason in decide(training_flop=mark + 1).reasons}
    assert above[rule].verdict is Verdict.ADVISORY
    assert above[rule].numbers == {"flop": str(mark + 1), "threshold": str(mark)}
    assert rule not in {reason.rule for reason in decide(training_flop=mark).reasons}


def test_a_factory_may_drop_the_civilian_clause():
    rows = tuple(
        replace(row, value=False) if row.rule == "access.civilian_only" else row
        for row in BOOK.rules
    )
    rules = replace(RULES, book=replace(BOOK, rules=rows))
    result = decide_eligibility(answers(is_civilian=None), rules=rules, on=TODAY)
    assert result.verdict is Verdict.ELIGIBLE


def test_a_registered_organisation_is_taken_as_it_is_known():
    known = answers_for(
        organisation(country="NO", is_start_up=True), Answers(), book=BOOK, on=TODAY
    )
    assert (known.kind, known.country, known.is_start_up) == (
        OrganisationKind.ENTERPRISE,
        "NO",
        True,
    )
    assert known.size.is_sme is True
    assert answers_for(organisation(ownership=None), Answers(), book=BOOK, on=TODAY).size is None


def test_a_call_takes_only_those_on_its_route():
    fits = decide_for_call(answers(), PLAYGROUND, rules=RULES, on=TODAY)
    assert (fits.verdict, fits.mode_ids) == (Verdict.ELIGIBLE, ("playground",))
    large = decide_for_call(answers(size=size([LARGE])), PLAYGROUND, rules=RULES, on=TODAY)
    assert large.verdict is Verdict.INELIGIBLE
    assert large.first_reason.sentence.english() == (
        "This call is for innovation of SMEs and start-ups; your way in is commercial use."
    )
    unknown = decide_for_call(answers(size=None), PLAYGROUND, rules=RULES, on=TODAY)
    assert unknown.verdict is Verdict.UNRESOLVED


def test_aid_counts_under_a_call_of_the_national_share():
    call = RULES.get_call("werkbank-science-2026")
    given = answers(purpose=EU, requested_seconds=6 * HOUR, aid_received_cents=30_000_000)
    result = decide_for_call(given, call, rules=RULES, on=TODAY)
    assert result.first_reason.rule == "aid.de_minimis_ceiling"
    assert result.first_reason.numbers == {
        "worth": "12.00",
        "received": "300000.00",
        "ceiling": "300000.00",
    }


def test_every_table_has_a_row_for_every_fact():
    who = "sme scale_up not_sme enterprise_of_unknown_size science public association".split()
    purposes = [*(each.value for each in ProjectPurpose), "unknown"]
    for name, purpose in itertools.product([*who, "no_legal_person", "unknown"], purposes):
        facts = {"who": name, "purpose": purpose, "scale_up_price": "paid"}
        outcome = find_row(ROUTE_TABLE, facts).outcome
        assert (outcome.verdict is Verdict.ELIGIBLE) is (outcome.route is not None)
        assert outcome.verdict is Verdict.ELIGIBLE or outcome.alternative or outcome.rule
    groups = "unknown member_state associated partly_associated associated_before_2021 other"
    for group, machine in itertools.product(groups.split(), ("after_2020", "before_2021")):
        assert find_row(COUNTRY_TABLE, {"country": group, "machine": machine}).outcome.sentence


some_answers = st.builds(
    Answers,
    kind=st.none() | st.sampled_from(OrganisationKind),
    country=st.none() | st.sampled_from(["DE", "NO", "JP", "GB", "US"]),
    is_start_up=st.booleans(),
    size=st.none() | st.sampled_from([size([LARGE]), size([MID_CAP]), size([UNKNOWN])]),
    purpose=st.none() | st.sampled_from(ProjectPurpose),
    is_civilian=st.none() | st.booleans(),
    is_prohibited_practice=st.none() | st.booleans(),
    requested_seconds=st.none() | st.integers(1, 10**10),
    unit=st.sampled_from(TimeUnit),
    experience=st.none() | st.sampled_from(Experience),
    contract_months_after_end=st.none() | st.integers(0, 12),
    has_personal_data=st.none() | st.booleans(),
    training_flop=st.none() | st.integers(0, 10**26),
    aid_received_cents=st.none() | st.integers(0, 10**8),
    machine_bought_after_2020=st.none() | st.booleans(),
    team_countries=st.none() | st.sampled_from([(), ("FR",), ("DE", "US"), ("JP",)]),
)
# A value of each kind for what may be missing.
VALUES = {
    "kind": list(OrganisationKind),
    "country": ["DE", "NO", "JP", "GB", "US"],
    "size": [size([each]) for each in (SMALL, MID_CAP, LARGE)],
    "purpose": list(ProjectPurpose),
    "is_civilian": [True, False],
    "is_prohibited_practice": [True, False],
    "experience": list(Experience),
    "team_countries": [(), ("FR",), ("US",), ("JP",)],
    "contract_months_after_end": [0, 2, 3, 12],
    "has_personal_data": [True, False],
    "training_flop": [0, 10**26],
    "aid_received_cents": [0, 29_999_000, 30_000_000, 10**9],
    "machine_bought_after_2020": [True, False],
}


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(given_answers=some_answers, name=st.sampled_from(sorted(VALUES)))
def test_what_is_not_said_never_decides_where_it_could_change_the_verdict(given_answers, name):
    without = decide_eligibility(replace(given_answers, **{name: None}), rules=RULES, on=TODAY)
    if without.verdict is Verdict.UNRESOLVED:
        return
    for value in VALUES[name]:
        known = decide_eligibility(replace(given_answers, **{name: value}), rules=RULES, on=TODAY)
        assert known.verdict is without.verdict


@settings(max_examples=100, deadline=None)
@given(given_answers=some_answers, name=st.sampled_from(sorted(VALUES)), place=st.integers(0, 9))
def test_what_is_not_said_decides_the_same_under_a_call(given_answers, name, place):
    call = RULES.calls[place % len(RULES.calls)]
    if name == "machine_bought_after_2020":  # the call knows its machine
        return
    without = replace(given_answers, **{name: None})
    verdict = decide_for_call(without, call, rules=RULES, on=TODAY).verdict
    if verdict is Verdict.UNRESOLVED:
        return
    for value in VALUES[name]:
        known = replace(given_answers, **{name: value})
        assert decide_for_call(known, call, rules=RULES, on=TODAY).verdict is verdict


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(given_answers=some_answers)
def test_nothing_passes_in_silence(given_answers):
    result = decide_eligibility(given_answers, rules=RULES, on=TODAY)
    assert result.first_reason.article
    if result.verdict is Verdict.ELIGIBLE:
        said = (given_answers.kind, given_answers.country, given_answers.purpose)
        assert None not in said
        assert given_answers.team_countries is not None
        assert given_answers.contract_months_after_end >= 3
        assert given_answers.is_prohibited_practice is False
        assert given_answers.is_civilian is True
        assert result.route
        assert result.price
        assert result.mode_ids
    else:
        assert result.first_reason.verdict is result.verdict


def _sentences(result):
    return [reason.sentence.english() for reason in result.reasons]
