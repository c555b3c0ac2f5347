"""The cast of the demo: invented people and organisations, with figures that decide something."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from allmende.domain.access.organisations import OrganisationKind
from allmende.domain.access.ownership import FirmKind
from allmende.domain.basics.people import Role

# Everybody in a demo signs in with this. A real installation has no such accounts.
DEMO_PASSWORD = "allmende-demo"  # noqa: S105 - printed to whoever plays the demo


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Two accounting years of a firm, the newest first: people, turnover and balance sheet."""

    years: tuple[int, int]
    headcounts: tuple[int, int]
    turnovers_euros: tuple[int, int]
    balance_sheets_euros: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Somebody who holds a part of an organisation."""

    name: str
    kind: FirmKind
    percent: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """One person on the stage, with an organisation where they apply for one."""

    key: str
    name: str
    role: Role
    organisation: str = ""
    kind: OrganisationKind = OrganisationKind.ENTERPRISE
    is_start_up: bool = False
    figures: Figures | None = None
    owners: tuple[Owner, ...] = ()
    call_id: str = ""
    answers: Mapping[str, object] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """Return the address with which the person signs in."""
        return f"{self.key}@demo.example"


COMMON_ANSWERS: dict[str, object] = {
    "is_civilian": True,
    "contract_months_after_end": 12,
    "team_countries": ("DE",),
    "duration_months": 1,
    "data_class": "public",
    "has_personal_data": False,
    "is_prohibited_practice": False,
    "aid_received_cents": 0,
    "blueprint_id": "medicine",
    "declares_correct": True,
    "accepts_terms": True,
}

STAFF = (
    Part(key="officer", name="Petra Albrecht", role=Role.PROGRAMME_OFFICER),
    Part(key="operator", name="Jonas Krüger", role=Role.OPERATOR),
    Part(key="auditor", name="Miriam Vogt", role=Role.AUDITOR),
    Part(key="admin", name="Kai Lindner", role=Role.ADMINISTRATOR),
)

FOUNDER = Part(
    key="founder",
    name="Lena Sommer",
    role=Role.APPLICANT,
    organisation="Herzklar Diagnostik GmbH",
    figures=Figures(
        years=(2025, 2024),
        headcounts=(38, 31),
        turnovers_euros=(4_200_000, 3_100_000),
        balance_sheets_euros=(3_900_000, 3_300_000),
    ),
    owners=(
        Owner(name="Lena Sommer", kind=FirmKind.NATURAL_PERSON, percent=58),
        # Above 25 %, but venture capital leaves a firm autonomous (Rec. 2003/361/EC Art. 3(2)).
        Owner(name="Rheinufer Ventures", kind=FirmKind.VENTURE_CAPITAL, percent=30),
        Owner(name="Universität am Neckar", kind=FirmKind.UNIVERSITY, percent=12),
    ),
    call_id="werkbank-playground-2026",
    answers={
        **COMMON_ANSWERS,
        "title": "Early signs in cell images",
        "summary": "Train and calibrate a classifier on cell figures, and compare four settings.",
        "purpose": "private_innovation",
        "experience": "new",
        "requested_hours": "4",
        "data_description": "Breast Cancer Wisconsin (Diagnostic), 569 records, no identifiers.",
    },
)

START_UP = Part(
    key="startup",
    name="Silvia Moreno",
    role=Role.APPLICANT,
    organisation="Tastsinn Robotik UG",
    is_start_up=True,
    figures=Figures(
        years=(2025, 2024),
        headcounts=(6, 3),
        turnovers_euros=(240_000, 60_000),
        balance_sheets_euros=(410_000, 380_000),
    ),
    owners=(Owner(name="Silvia Moreno", kind=FirmKind.NATURAL_PERSON, percent=100),),
    call_id="werkbank-playground-2026",
    answers={
        **COMMON_ANSWERS,
        "title": "Small networks that know when they are unsure",
        "summary": "Find out how small a network may be and still say honestly how sure it is.",
        "purpose": "private_innovation",
        "experience": "new",
        "requested_hours": "4",
    },
)

RESEARCHER = Part(
    key="researcher",
    name="Amir Haddad",
    role=Role.APPLICANT,
    organisation="Universität am Neckar",
    kind=OrganisationKind.UNIVERSITY,
    call_id="werkbank-science-2026",
    answers={
        **COMMON_ANSWERS,
        "title": "How much of calibration is luck?",
        "summary": "Repeat one training with many seeds, to measure how calibration varies.",
        "purpose": "research",
        "experience": "familiar",
        "requested_hours": "12",
        "duration_months": 6,
    },
)

CORPORATION = Part(
    key="corporation",
    name="Henrik Petersen",
    role=Role.APPLICANT,
    organisation="Nordstahl AG",
    figures=Figures(
        years=(2025, 2024),
        headcounts=(11_800, 12_100),
        turnovers_euros=(3_900_000_000, 4_100_000_000),
        balance_sheets_euros=(5_200_000_000, 5_000_000_000),
    ),
    owners=(Owner(name="Nordland Holding SE", kind=FirmKind.ENTERPRISE, percent=20),),
    call_id="werkbank-commercial-2026",
    answers={
        **COMMON_ANSWERS,
        "title": "Long runs for a works doctor's dashboard",
        "summary": "Train wide networks for long, as a stress test of the commercial access.",
        "purpose": "private_innovation",
        "experience": "familiar",
        "requested_hours": "10",
    },
)

# Whom the office asks about large projects; their fields decide who is asked about what.
EXPERTS = (
    Part(
        key="expert1",
        name="Clara Nowak",
        role=Role.REVIEWER,
        answers={"keywords": ("medical images", "calibration"), "affiliation": "Charité"},
    ),
    Part(
        key="expert2",
        name="Tomás Ribeiro",
        role=Role.REVIEWER,
        answers={"keywords": ("robot grasping", "tactile sensors"), "affiliation": "INESC"},
    ),
    Part(
        key="expert3",
        name="Ingrid Sørensen",
        role=Role.REVIEWER,
        answers={
            "keywords": ("robot control", "cell images"),
            # She advises the founder: the conflict is found before anybody asks her.
            "affiliation": "Herzklar Diagnostik GmbH",
        },
    ),
)

APPLICANTS = (FOUNDER, START_UP, RESEARCHER, CORPORATION)
EVERYBODY = (*STAFF, *APPLICANTS)
