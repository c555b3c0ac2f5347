"""What two SMEs of the demo ask for under its Large Scale call, and what the experts say to it."""

from collections.abc import Mapping

from allmende.services.cast import COMMON_ANSWERS, EXPERTS, FOUNDER, START_UP

CRITERIA = ("excellence", "impact", "implementation")

_ETHICS: dict[str, object] = {
    "ethics_agency": "The model proposes; people decide.",
    "ethics_safety": "Errors are measured on held-out data before anybody relies on it.",
    "ethics_privacy": "The data are about no identifiable person.",
    "ethics_transparency": "A model card says what was trained on what, and how well it does.",
    "ethics_fairness": "We report results for every group of the data apart.",
    "ethics_wellbeing": "A few kilowatt-hours; the result saves more than that.",
    "ethics_accountability": "The principal investigator answers for it.",
}
_COMMON: dict[str, object] = {
    **COMMON_ANSWERS,
    **_ETHICS,
    "purpose": "private_innovation",
    "experience": "ready_for_review",
    "requested_hours": "60",
    "duration_months": 6,
    "declares_team_eligible": True,
    "application_type": "industrial",
    "research_fields": [{"panel": "PE6", "share_percent": 100}],
    "planned_runs": [
        {"name": "Search", "runs": 8, "devices": 1, "hours": "2.5"},
        {"name": "Final training", "runs": 4, "devices": 1, "hours": "10"},
    ],
    "justification": "One run takes a night on our own machine, and we need dozens.",
    "storage_gigabytes": "20",
    "codes": [
        {
            "name": "calibrate 2.1",
            "repository": "https://git.example.org/calibrate",
            "licence": "Apache-2.0",
            "connection": "main_developer",
        }
    ],
    "scaling": [{"devices": 1, "seconds": "800"}, {"devices": 4, "seconds": "220"}],
    "scalability": "Measured on our own four accelerators.",
    "bottlenecks": "Reading the data; we keep it in memory-mapped blocks.",
    "workflows": ["training"],
    "frameworks": "scikit-learn 1.7",
    "model_parameters": "3e6",
    "training_tokens": "2e9",
    "training_flop": "3.6e16",
    "has_open_results": False,
    "milestones": [
        {"name": "Data ready", "first_month": 1, "last_month": 2, "result": "A checked set"},
        {"name": "Training", "first_month": 2, "last_month": 6, "result": "Two models"},
    ],
    "dissemination": "A paper on the method.",
}

LARGE_ANSWERS: Mapping[str, Mapping[str, object]] = {
    FOUNDER.key: {
        **_COMMON,
        "title": "Cell images that know their own doubt",
        "summary": "Train classifiers of medical images whose calibration holds in every clinic.",
        "problem": "A wrong diagnosis that sounds sure does harm. We want calibrated doubt.",
        "keywords": "medical images, calibration, cells",
        "data_description": "Published collections of cell images, without identifiers.",
        "data_sources": [
            {
                "name": "Cell images",
                "origin": "https://archive.ics.uci.edu",
                "licence": "CC-BY-4.0",
                "size_gigabytes": 12,
            }
        ],
        "impact": "Clinics see which of ten findings deserve a second look.",
    },
    START_UP.key: {
        **_COMMON,
        "title": "Robot hands that feel before they grasp",
        "summary": "Train control policies for robot grasping from tactile sensors.",
        "problem": "Robots crush what they cannot see. Tactile sensors tell them enough.",
        "keywords": "robot grasping, tactile sensors, control",
        "data_description": "Recordings of our own robot hands.",
        "data_sources": [
            {
                "name": "Touch",
                "origin": "our own laboratory",
                "licence": "ours",
                "size_gigabytes": 9,
            }
        ],
        "impact": "Small workshops can afford a robot that handles fruit.",
    },
}
# Whoever reviews, by the applicant: the first scores belong to the first who submits.
SCORES = {FOUNDER.key: ((5, 4, 5), (4, 5, 4)), START_UP.key: ((4, 4, 3), (4, 3, 4))}
TEXT = "The question is clear and the plan can be checked; more on the data would help."
REBUTTAL = (
    "The second set of recordings is complete since last week; it is described in our report."
)
DECLARING = EXPERTS[1].key  # declares a conflict once asked
