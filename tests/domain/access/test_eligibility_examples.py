"""Worked examples of eligibility: who may, by which route, at what price, under which modes."""

from dataclasses import replace

import pytest

from allmende.domain.access.eligibility import decide_eligibility, decide_for_call
from allmende.domain.access.modes import Experience, Modes
from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.verdicts import ProjectPurpose
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import (
    HOUR,
    LARGE,
    MID_CAP,
    RULES,
    TODAY,
    UNKNOWN,
    answers,
    firm,
    holds,
    owner,
    size,
)

EU = {"purpose": ProjectPurpose.EU_PROJECT}
RESEARCH = {"purpose": ProjectPurpose.RESEARCH}
ORDERED = {"purpose": ProjectPurpose.COMMISSIONED}
OWN = {"purpose": ProjectPurpose.PRIVATE_INNOVATION}
UNIVERSITY = {"kind": OrganisationKind.UNIVERSITY, "size": None, **RESEARCH}
ASSOCIATION = {**UNIVERSITY, "kind": OrganisationKind.ASSOCIATION}
PUBLIC_BODY = {**UNIVERSITY, "kind": OrganisationKind.PUBLIC_BODY}
IS_LARGE = {"size": size([LARGE])}
IS_MID_CAP = {"size": size([MID_CAP])}
IS_SCALE_UP = {**IS_MID_CAP, "is_start_up": True}
IS_PUBLIC = {
    "size": size([firm("x", (9, 1, 1)), owner("city", "public_body")], [holds("city", "x", 25)])
}
BEFORE_2021 = {"machine_bought_after_2020": False}
MACHINE_UNKNOWN = {"machine_bought_after_2020": None}
KNOWS = {"experience": Experience.FAMILIAR}
READY = {"experience": Experience.READY_FOR_REVIEW}
FREE = "free for innovation"
SCIENCE = "free for science"
PAID = "paid"
NO = "no"
OPEN = "open"  # unresolved, and no route yet
ASKED = "asked"  # unresolved, though the route is clear
MEANT = {
    FREE: ("eligible", "industrial_innovation", "free"),
    SCIENCE: ("eligible", "ai_for_science", "free"),
    PAID: ("eligible", "commercial", "paid"),
    NO: ("ineligible", None, None),
    OPEN: ("unresolved", None, None),
    ASKED: ("unresolved", "industrial_innovation", "free"),
}
BEGINNERS = "playground national-bridge"
SMALL_SCIENCE = "development benchmark"


def hours(number, **more):
    return {"requested_seconds": int(number * HOUR), **more}


def nodes(number, **more):
    return hours(number, unit=TimeUnit.NODE_SECONDS, **more)


# name: (what is answered, what follows, the rule that decides, the modes, numbers that it used)
EXAMPLES = {
    # T1: countries
    "Germany": ({}, FREE, "route.sme", BEGINNERS),
    "Germany on an older machine": (BEFORE_2021, FREE, "route.sme", BEGINNERS),
    "Germany on whatever machine": (MACHINE_UNKNOWN, FREE, "route.sme", BEGINNERS),
    "Norway on a newer machine": ({"country": "NO"}, FREE, "route.sme", BEGINNERS),
    "Norway on an older machine": ({"country": "NO", **BEFORE_2021}, ASKED, "country.rule"),
    "Norway on whatever machine": ({"country": "NO", **MACHINE_UNKNOWN}, ASKED, "country.rule"),
    "United Kingdom on an older machine": (
        {"country": "GB", **BEFORE_2021},
        ASKED,
        "country.rule",
    ),
    "Japan on a newer machine": ({"country": "JP"}, ASKED, "country.rule"),
    "Japan on an older machine": ({"country": "JP", **BEFORE_2021}, NO, "country.rule"),
    "United States": ({"country": "US"}, NO, "country.rule"),
    "United States on whatever machine": (
        {"country": "US", **MACHINE_UNKNOWN},
        NO,
        "country.rule",
    ),
    "country not said": ({"country": None}, ASKED, "country.rule"),
    "a team member in France": ({"team_countries": ("FR",)}, FREE, "route.sme", BEGINNERS),
    "a team member in the United States": (
        {"team_countries": ("DE", "US")},
        NO,
        "country.rule",
    ),
    "a team member in Japan": ({"team_countries": ("JP",)}, ASKED, "country.rule"),
    "team not said": ({"team_countries": None}, ASKED, "country.rule"),
    # T2: route and price
    "small firm": ({}, FREE, "route.sme", BEGINNERS, {"price": "free"}),
    "start-up that is an SME": ({"is_start_up": True}, FREE, "route.sme", BEGINNERS),
    "small firm with research": (RESEARCH, FREE, "route.sme", BEGINNERS),
    "small firm in a European project": (EU, SCIENCE, "route.eu_project", SMALL_SCIENCE),
    "small firm on order": (ORDERED, PAID, "route.commissioned", "commercial"),
    "scale-up": (IS_SCALE_UP, PAID, "route.scale_up", "commercial", {"price": "paid"}),
    "small mid-cap": (IS_MID_CAP, PAID, "route.commercial", "commercial"),
    "small mid-cap in a European project": (
        {**IS_MID_CAP, **EU},
        SCIENCE,
        "route.eu_project",
        SMALL_SCIENCE,
    ),
    "large firm": (IS_LARGE, PAID, "route.commercial", "commercial", {"price": "paid"}),
    "large firm in a European project": (
        {**IS_LARGE, **EU},
        SCIENCE,
        "route.eu_project",
        SMALL_SCIENCE,
        {"price": "free"},
    ),
    "firm that a city holds": (IS_PUBLIC, PAID, "route.commercial", "commercial"),
    "firm of unknown size": ({"size": size([UNKNOWN])}, OPEN, "route.sme"),
    "firm without figures": ({"size": None}, OPEN, "route.sme"),
    "firm of unknown size in a European project": (
        {"size": None, **EU},
        SCIENCE,
        "route.eu_project",
        SMALL_SCIENCE,
    ),
    "university": (UNIVERSITY, SCIENCE, "route.science", SMALL_SCIENCE),
    "research institute": (
        {**UNIVERSITY, "kind": OrganisationKind.RESEARCH_INSTITUTE},
        SCIENCE,
        "route.science",
        SMALL_SCIENCE,
    ),
    "public body": (PUBLIC_BODY, SCIENCE, "route.science", SMALL_SCIENCE),
    "university in a European project": (
        {**UNIVERSITY, **EU},
        SCIENCE,
        "route.science",
        SMALL_SCIENCE,
    ),
    "university on order": (
        {**UNIVERSITY, **ORDERED},
        PAID,
        "route.commissioned",
        "commercial",
        {"price": "paid"},
    ),
    "public body on order": ({**PUBLIC_BODY, **ORDERED}, PAID, "route.commissioned", "commercial"),
    "university with private innovation": ({**UNIVERSITY, **OWN}, OPEN, "route.office"),
    "association in a European project": (
        {**ASSOCIATION, **EU},
        SCIENCE,
        "route.eu_project",
        SMALL_SCIENCE,
    ),
    "association with research": (ASSOCIATION, OPEN, "route.office"),
    "group without legal person": (
        {"kind": OrganisationKind.NO_LEGAL_PERSON},
        NO,
        "route.legal_person",
    ),
    "group without legal person, on order": (
        {"kind": OrganisationKind.NO_LEGAL_PERSON, **ORDERED},
        NO,
        "route.legal_person",
    ),
    "kind not said": ({"kind": None}, OPEN, "route.legal_person"),
    "purpose not said": ({"purpose": None}, OPEN, "route.purpose"),
    # T3: size and experience
    "5,000 GPU-hours": (hours(5_000), FREE, "route.sme", "playground"),
    "a second above 5,000 GPU-hours": (
        {"requested_seconds": 5_000 * HOUR + 1},
        FREE,
        "route.sme",
        "national-bridge",
    ),
    "10,000 GPU-hours": (hours(10_000), FREE, "route.sme", "national-bridge"),
    "10,001 GPU-hours of somebody familiar": (
        hours(10_001, **KNOWS),
        FREE,
        "route.sme",
        "fast-lane",
    ),
    "50,000 GPU-hours of somebody familiar": (
        hours(50_000, **KNOWS),
        FREE,
        "route.sme",
        "fast-lane",
    ),
    "20,000 GPU-hours of a beginner": (hours(20_000), FREE, "route.sme", BEGINNERS),
    "20,000 GPU-hours, experience not said": (
        hours(20_000, experience=None),
        FREE,
        "route.sme",
        "fast-lane",
    ),
    "50,001 GPU-hours, ready for review": (
        hours(50_001, **READY),
        FREE,
        "route.sme",
        "large-scale",
    ),
    "60,000 GPU-hours of somebody familiar": (
        hours(60_000, **KNOWS),
        FREE,
        "route.sme",
        "playground national-bridge fast-lane",
    ),
    "more than any mode gives": (hours(2_400_001), NO, "access.size", "", {"asked": "2400001"}),
    "node-hours where modes count GPU-hours": (nodes(9), FREE, "route.sme", BEGINNERS),
    "20,000 node-hours of science": (
        {**UNIVERSITY, **nodes(20_000, **KNOWS)},
        SCIENCE,
        "route.science",
        "ai-for-science",
    ),
    "90,001 node-hours of science": ({**UNIVERSITY, **nodes(90_001, **KNOWS)}, NO, "access.size"),
    # T5: State aid
    "a bridge beyond the aid ceiling": (
        hours(6_000, aid_received_cents=28_800_001),
        NO,
        "aid.de_minimis_ceiling",
        "",
        {"worth": "12000.00", "received": "288000.01", "ceiling": "300000.00"},
    ),
    "a bridge just within the aid ceiling": (
        hours(6_000, aid_received_cents=28_800_000),
        FREE,
        "route.sme",
        "national-bridge",
    ),
    "a bridge without a declaration": (
        hours(6_000, aid_received_cents=None),
        ASKED,
        "aid.de_minimis_ceiling",
    ),
    "aid does not matter on the Union share": (
        hours(5_000, aid_received_cents=30_000_000),
        FREE,
        "route.sme",
        "playground",
    ),
    "a ceiling that is reached leaves the Union share": (
        {"aid_received_cents": 30_000_000},
        FREE,
        "route.sme",
        "playground",
    ),
    # T6: what the intelligence is for
    "not civilian": ({"is_civilian": False}, NO, "access.civilian_only"),
    "civilian not said": ({"is_civilian": None}, ASKED, "access.civilian_only"),
    "forbidden practice": ({"is_prohibited_practice": True}, NO, "ai.trustworthy"),
    "practice not said": ({"is_prohibited_practice": None}, ASKED, "ai.trustworthy"),
    "a training of 10^25 operations": (
        {"training_flop": 10**25},
        FREE,
        "route.sme",
        BEGINNERS,
    ),
    # T7: the contract
    "contract ends two months after": (
        {"contract_months_after_end": 2},
        NO,
        "person.contract_months_after_end",
        "",
        {"needed": "3", "months": "2"},
    ),
    "contract ends three months after": (
        {"contract_months_after_end": 3},
        FREE,
        "route.sme",
        BEGINNERS,
    ),
    "contract not said": (
        {"contract_months_after_end": None},
        ASKED,
        "person.contract_months_after_end",
        BEGINNERS,
        {"needed": "3"},
    ),
}


@pytest.mark.parametrize("case", EXAMPLES.values(), ids=EXAMPLES)
def test_worked_example(case):
    changes, meant, rule, *more = case
    modes = more[0] if more else ""
    numbers = more[1] if len(more) > 1 else {}
    result = decide_eligibility(answers(**changes), rules=RULES, on=TODAY)
    route, price = result.route and result.route.value, result.price and result.price.value
    assert (result.verdict.value, route, price) == MEANT[meant]
    assert result.first_reason.rule == rule
    assert {**result.first_reason.numbers, **numbers} == result.first_reason.numbers
    if modes:
        assert " ".join(result.mode_ids) == modes
    if meant in (NO, OPEN):
        assert result.alternative or rule in ("route.legal_person", "route.purpose")


def test_there_are_enough_examples():
    assert len(EXAMPLES) >= 60


def test_a_board_decision_lets_a_third_country_in():
    rows = tuple(
        replace(row, value="US") if row.rule == "country.admitted_by_board" else row
        for row in RULES.book.rules
    )
    rules = replace(RULES, book=replace(RULES.book, rules=rows))
    for machine in (True, False, None):
        given = answers(country="US", machine_bought_after_2020=machine)
        result = decide_eligibility(given, rules=rules, on=TODAY)
        assert result.verdict.value == "eligible"
    reason = next(each for each in result.reasons if each.rule == "country.admitted_by_board")
    assert reason.article == "Reg. (EU) 2021/1173 Art. 16(5)"


def test_what_scale_ups_pay_is_a_setting():
    rows = tuple(
        replace(row, value="free") if row.rule == "route.scale_up" else row
        for row in RULES.book.rules
    )
    rules = replace(RULES, book=replace(RULES.book, rules=rows))
    result = decide_eligibility(answers(**IS_SCALE_UP), rules=rules, on=TODAY)
    assert (result.price.value, result.group_id) == ("free", "industry")
    assert " ".join(result.mode_ids) == BEGINNERS
    assert "The results are published openly." in [r.sentence.english() for r in result.reasons]
    plain = decide_eligibility(answers(**IS_MID_CAP), rules=rules, on=TODAY)
    assert plain.price.value == "paid"


def test_the_gap_is_filled_by_two_playgrounds_or_a_national_mode():
    both = decide_eligibility(answers(**hours(7_000)), rules=RULES, on=TODAY)
    two = "Two Playground projects, one after the other, give up to 5000 GPU-h each of the Union's"
    assert both.mode_ids == ("national-bridge",)
    assert both.alternative.english().startswith(two)
    european = Modes(tuple(m for m in RULES.modes.modes if m.id != "national-bridge"))
    alone = decide_eligibility(
        answers(**hours(7_000)), rules=replace(RULES, modes=european), on=TODAY
    )
    assert alone.first_reason.rule == "access.size"
    assert alone.alternative.english().startswith(two)
    beyond = decide_eligibility(answers(**hours(2_500_000)), rules=RULES, on=TODAY)
    assert beyond.alternative.english().startswith("Two Large Scale projects")


def test_a_beginner_is_told_to_start_small():
    result = decide_eligibility(answers(**hours(20_000)), rules=RULES, on=TODAY)
    assert "Start with Bridge, up to 10000 GPU-h" in " ".join(
        reason.sentence.english() for reason in result.reasons
    )


def test_paid_use_names_its_cap():
    result = decide_eligibility(answers(**IS_LARGE), rules=RULES, on=TODAY)
    cap = next(each for each in result.reasons if each.rule == "share.commercial")
    assert cap.numbers == {"percent": "20"}


def test_experience_never_refuses():
    lane = Modes(tuple(mode for mode in RULES.modes.modes if mode.id == "fast-lane"))
    rules = replace(RULES, modes=lane)
    alone = decide_eligibility(answers(**hours(20_000)), rules=rules, on=TODAY)
    assert alone.mode_ids == ("fast-lane",)
    call = replace(RULES.get_call("werkbank-playground-2026"), mode_id="fast-lane")
    result = decide_for_call(answers(), call, rules=RULES, on=TODAY)
    assert result.verdict.value == "eligible"
    assert [reason.rule for reason in result.reasons].count("access.experience") == 1
