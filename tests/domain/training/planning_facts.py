"""Facts that the planner needs, small and made up, for tests."""

from datetime import date

from allmende.domain.training.planning import (
    Assumption,
    Assumptions,
    Gpu,
    Machine,
    PlanningFacts,
)
from allmende.domain.training.published_runs import PublishedRun, Witness, calibrate

TODAY = date(2026, 11, 26)
TRUE = {"source": "made up", "checked_on": TODAY}


def gpu(**changes):
    known = {
        "id": "quick",
        "name": "Quick 80",
        "generation": "hopper",
        "peak_teraflops": 1000,
        "memory_gigabytes": 80,
        "watts": 700,
        "other_watts": 300,
        "gpus_per_node": 8,
        **TRUE,
    }
    return Gpu(**{**known, **changes})


def machine(**changes):
    known = {"id": "hall", "name": "Hall", "gpu": "quick", "nodes": 100, "gpus_per_node": 8, **TRUE}
    return Machine(**{**known, **changes})


def witness(family, share, *, generation="hopper", peak=1000, **changes):
    """Return a run that reached so much of its peak."""
    known = {
        "name": family,
        "family": family,
        "gpu": "quick",
        "parameters": 10e9,
        "tokens": 1e12,
        "gpu_hours": 1.0,
        **TRUE,
    }
    run = PublishedRun(**{**known, **changes})
    hours = run.flop / (share * peak * 1e12 * 3600)
    return Witness(
        run=PublishedRun(**{**known, **changes, "gpu_hours": hours}),
        generation=generation,
        peak_teraflops=peak,
    )


def assumed(low, expected=None, high=None):
    middle = low if expected is None else expected
    return Assumption(low=low, expected=middle, high=high or middle, unit="each", **TRUE)


WITNESSES = (
    witness("Alder", 0.4),
    witness("Birch", 0.3),
    witness("Cedar", 0.2),
    witness("Mixed", 0.15, active_parameters=2e9),
    witness("Old", 0.5, generation="ampere"),
)
ASSUMPTIONS = Assumptions(
    pue=assumed(1.1, 1.2, 1.5),
    gpu_load=assumed(0.8, 0.9, 1.0),
    other_load=assumed(0.3, 0.5, 1.0),
    grams_per_kwh=assumed(363),
    euros_per_dollar=assumed(0.92),
    gpu_hours_between_failures=assumed(50_000),
    restart_minutes=assumed(10),
    node_gigabytes_per_second=assumed(1),
    site_gigabytes_per_second=assumed(100),
    days=assumed(60),
    sequence_tokens=assumed(4096),
    batch_tokens=assumed(16e6),
)
FACTS = PlanningFacts(
    gpus={"quick": gpu()},
    machines={"hall": machine()},
    assumptions=ASSUMPTIONS,
    witnesses=WITNESSES,
    calibration=calibrate(WITNESSES),
)
