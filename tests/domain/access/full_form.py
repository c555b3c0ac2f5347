"""A full application of a university: every answer that the peer-reviewed modes ask for."""

SHORT_ANSWERS = {
    "title": "Strömungen im Ozean nachlernen",
    "purpose": "research",
    "summary": "Ein Modell lernt aus zehn Jahren Messungen, wie sich Strömungen im Ozean bewegen.",
    "is_civilian": "yes",
    "principal_investigator": "Mina Grünberg",
    "principal_investigator_email": "mina@example.org",
    "contract_months_after_end": "12",
    "requested_hours": "20",
    "duration_months": "6",
    "experience": "familiar",
    "data_class": "public",
    "has_personal_data": "no",
    "is_prohibited_practice": "no",
    "declares_correct": "yes",
    "accepts_terms": "yes",
}
FULL_ANSWERS = {
    **SHORT_ANSWERS,
    "problem": "Numerical models of the ocean take weeks for one season. We want days. 🌊",
    "keywords": "ocean, currents, surrogate models",
    "application_type": "scientific",
    "research_fields": [
        {"panel": "PE10", "share_percent": 70},
        {"panel": "PE6", "share_percent": 30},
    ],
    "members": [
        {
            "name": "Ruth Maas",
            "email": "ruth@example.org",
            "organisation": "Universiteit Voorbeeld",
            "country": "NL",
        }
    ],
    "planned_runs": [
        {"name": "Search", "runs": 8, "devices": 1, "hours": "0.5"},
        {"name": "Final training", "runs": 2, "devices": 2, "hours": "3.5"},
        {"name": "Trials and failures", "runs": 1, "devices": 1, "hours": "2"},
    ],
    "justification": "One run needs 90 GB of memory; our own machine has 24.",
    "storage_gigabytes": "800",
    "fallback_partition": "Hunter",
    "codes": [
        {
            "name": "oceannet 1.4",
            "repository": "https://git.example.org/oceannet",
            "licence": "Apache-2.0",
            "connection": "main_developer",
        }
    ],
    "scaling": [{"devices": 1, "seconds": "800"}, {"devices": 4, "seconds": "220"}],
    "scalability": "Measured on our own four accelerators with a year of data.",
    "bottlenecks": "Reading the data; we keep it in memory-mapped blocks.",
    "workflows": ["training", "data"],
    "frameworks": "PyTorch 2.9 with DDP",
    "model_parameters": "3e8",
    "training_tokens": "2e9",
    "training_flop": "3.6e18",
    "has_open_results": "yes",
    "data_sources": [
        {
            "name": "Argo floats",
            "origin": "https://argo.ucsd.edu",
            "licence": "CC-BY-4.0",
            "size_gigabytes": 350,
        }
    ],
    "ethics_agency": "Scientists decide; the model only proposes.",
    "ethics_safety": "We compare with the numerical model on ten held-out seasons.",
    "ethics_privacy": "No data about people.",
    "ethics_transparency": "Weights, data and code are public.",
    "ethics_fairness": "Southern oceans have fewer floats; we report errors by region.",
    "ethics_wellbeing": "About 40 kWh of electricity; forecasts may make shipping safer.",
    "ethics_accountability": "The principal investigator answers for it.",
    "milestones": [
        {"name": "Data ready", "first_month": 1, "last_month": 2, "result": "Blocks of ten years"},
        {"name": "Training", "first_month": 2, "last_month": 5, "result": "Two models"},
        {"name": "Evaluation", "first_month": 5, "last_month": 6, "result": "A paper"},
    ],
    "impact": "Seasonal forecasts for harbours that have no computer of their own.",
    "dissemination": "A paper, the weights and the code.",
    "declares_team_eligible": "yes",
}
# The same in the size of a Playground, for tests that change its mode.
SMALL = {
    "requested_hours": "4",
    "duration_months": "1",
    "planned_runs": [{"name": "Training", "runs": 1, "devices": 1, "hours": "4"}],
    "milestones": [{"name": "Training", "first_month": 1, "last_month": 1, "result": "A model"}],
}
