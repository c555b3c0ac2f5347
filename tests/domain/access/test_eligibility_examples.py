"""Worked examples of eligibility: who may, by which route, at what price, under which modes."""

import pytest

from allmende.domain.access.eligibility import decide_eligibility
from allmende.domain.access.modes import Experience
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
    size,
)


def decide(**changes):
    return decide_eligibility(answers(**changes), rules=RULES, on=TODAY)


EU = ProjectPurpose.EU_PROJECT
RESEARCH = ProjectPurpose.RESEARCH
ORDERED = ProjectPurpose.COMMISSIONED
UNIVERSITY = {"kind": OrganisationKind.UNIVERSITY, "size": None, "purpose": RESEARCH}
BEGINNERS = "playground national-bridge"
SME = ("eligible", "industrial_innovation", "free", "sme", BEGINNERS)
PAID = ("eligible", "commercial", "paid", "industry", "commercial")
NO = ("ineligible", None, None, "", "")
OPEN = ("unresolved", None, None, "", "")
SCIENCE = ("eligible", "ai_for_science", "free", "science", "development benchmark")
ASKED = ("unresolved", "industrial_innovation", "free", "sme", BEGINNERS)
EXAMPLES = {
    # name: (answers, verdict, route, price, group, modes)
    "small firm": ({}, *SME),
    "small firm with research": (
        {"purpose": RESEARCH},
        *SME,
    ),
    "small firm in a European project": (
        {"purpose": EU},
        "eligible",
        "ai_for_science",
        "free",
        "sme",
        "development benchmark",
    ),
    "small firm on order": ({"purpose": ORDERED}, *PAID),
    "start-up that is an SME": (
        {"is_start_up": True},
        *SME,
    ),
    "scale-up": (
        {"size": size([MID_CAP]), "is_start_up": True},
        *PAID,
    ),
    "small mid-cap": ({"size": size([MID_CAP])}, *PAID),
    "large firm": ({"size": size([LARGE])}, *PAID),
    "large firm in a European project": (
        {"size": size([LARGE]), "purpose": EU},
        "eligible",
        "ai_for_science",
        "free",
        "industry",
        "development benchmark",
    ),
    "firm of unknown size": ({"size": size([UNKNOWN])}, *OPEN),
    "firm of unknown size in a European project": (
        {"size": None, "purpose": EU},
        "eligible",
        "ai_for_science",
        "free",
        "industry",
        "development benchmark",
    ),
    "firm without figures": ({"size": None}, *OPEN),
    "university": (UNIVERSITY, *SCIENCE),
    "research institute": (
        {**UNIVERSITY, "kind": OrganisationKind.RESEARCH_INSTITUTE},
        *SCIENCE,
    ),
    "public body": (
        {**UNIVERSITY, "kind": OrganisationKind.PUBLIC_BODY},
        *SCIENCE,
    ),
    "university on order": (
        {**UNIVERSITY, "purpose": ORDERED},
        *PAID,
    ),
    "university with private innovation": (
        {**UNIVERSITY, "purpose": ProjectPurpose.PRIVATE_INNOVATION},
        *OPEN,
    ),
    "association in a European project": (
        {**UNIVERSITY, "kind": OrganisationKind.ASSOCIATION, "purpose": EU},
        *SCIENCE,
    ),
    "association with research": (
        {**UNIVERSITY, "kind": OrganisationKind.ASSOCIATION},
        *OPEN,
    ),
    "group without legal personality": (
        {"kind": OrganisationKind.NO_LEGAL_PERSON},
        *NO,
    ),
    "kind not said": ({"kind": None}, *OPEN),
    "purpose not said": ({"purpose": None}, *OPEN),
    "country not said": (
        {"country": None},
        *ASKED,
    ),
    "Norway": ({"country": "NO"}, *SME),
    "Norway on an older machine": (
        {"country": "NO", "machine_bought_after_2020": False},
        *ASKED,
    ),
    "United Kingdom on an older machine": (
        {"country": "GB", "machine_bought_after_2020": False},
        *ASKED,
    ),
    "Germany on an older machine": (
        {"machine_bought_after_2020": False},
        *SME,
    ),
    "Japan": ({"country": "JP"}, *ASKED),
    "United States": ({"country": "US"}, *NO),
    "a team member in the United States": (
        {"team_countries": ("DE", "US")},
        *NO,
    ),
    "not civilian": ({"is_civilian": False}, *NO),
    "civilian not said": (
        {"is_civilian": None},
        *ASKED,
    ),
    "forbidden practice": ({"is_prohibited_practice": True}, *NO),
    "practice not said": (
        {"is_prohibited_practice": None},
        *ASKED,
    ),
    "contract ends two months after": ({"contract_months_after_end": 2}, *NO),
    "contract ends three months after": (
        {"contract_months_after_end": 3},
        *SME,
    ),
    "5,000 GPU-hours": (
        {"requested_seconds": 5_000 * HOUR},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "playground",
    ),
    "a second above 5,000 GPU-hours": (
        {"requested_seconds": 5_000 * HOUR + 1},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "national-bridge",
    ),
    "10,000 GPU-hours": (
        {"requested_seconds": 10_000 * HOUR},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "national-bridge",
    ),
    "10,001 GPU-hours of somebody familiar": (
        {"requested_seconds": 10_001 * HOUR, "experience": Experience.FAMILIAR},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "fast-lane",
    ),
    "50,001 GPU-hours": (
        {"requested_seconds": 50_001 * HOUR, "experience": Experience.READY_FOR_REVIEW},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "large-scale",
    ),
    "more than any mode gives": (
        {"requested_seconds": 2_400_001 * HOUR},
        *NO,
    ),
    "node-hours where modes count GPU-hours": (
        {"requested_seconds": 9 * HOUR, "unit": TimeUnit.NODE_SECONDS},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "playground national-bridge fast-lane large-scale",
    ),
    "20,000 node-hours of science": (
        {
            **UNIVERSITY,
            "requested_seconds": 20_000 * HOUR,
            "unit": TimeUnit.NODE_SECONDS,
            "experience": Experience.FAMILIAR,
        },
        "eligible",
        "ai_for_science",
        "free",
        "science",
        "ai-for-science",
    ),
    "a bridge beyond the aid ceiling": (
        {"requested_seconds": 6_000 * HOUR, "aid_received_cents": 28_800_001},
        *NO,
    ),
    "a bridge just within the aid ceiling": (
        {"requested_seconds": 6_000 * HOUR, "aid_received_cents": 28_800_000},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "national-bridge",
    ),
    "aid does not matter on the Union share": (
        {"requested_seconds": 5_000 * HOUR, "aid_received_cents": 30_000_000},
        "eligible",
        "industrial_innovation",
        "free",
        "sme",
        "playground",
    ),
}


@pytest.mark.parametrize("case", EXAMPLES.values(), ids=EXAMPLES)
def test_worked_example(case):
    changes, *wanted = case
    result = decide(**changes)
    assert [
        result.verdict.value,
        result.route and result.route.value,
        result.price and result.price.value,
        result.group_id,
        " ".join(result.mode_ids),
    ] == wanted


def test_there_are_enough_examples():
    assert len(EXAMPLES) >= 40
