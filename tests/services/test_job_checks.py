"""A job file is checked before it is submitted: every mistake at once, or what it would take."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende import wiring
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.basics.units import TimeUnit
from allmende.services import check_sheets, job_checks, jobs
from allmende.services.job_checks import JobCheck
from allmende.services.workshop import Workshop
from allmende.storage import awards as award_store
from allmende.storage import projects as project_store
from tests.services.running import PARTITION, Running, a_running_factory, configured

pytestmark = pytest.mark.django_db
ASKED = {"name": "asked", "max_duration": "4m"}


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path, python="/bin/true") as running:
        yield running


def check(
    factory: Running,
    workshop: Workshop | None = None,
    *,
    brings_code: bool = False,
    **file: object,
) -> JobCheck:
    return job_checks.check_job(
        factory.person("founder"),
        {**ASKED, **file},
        project_id=factory.story.projects["founder"],
        now=wiring.now(),
        workshop=workshop or factory.workshop,
        brings_code=brings_code,
    )


def mistakes(found: JobCheck) -> dict[str, str]:
    assert found.outlook is None
    return {finding.key: finding.sentence.english() for finding in found.problems}


def test_what_a_submission_would_refuse_is_said_all_at_once(factory: Running):
    said = mistakes(
        check(
            factory,
            blueprint="medicin",
            resources={"cpus": 900, "accelerators": "H100:9", "memory": "900T"},
            num_nodes=999,
            max_duration="9h",
            secrets=["NOBODY"],
            data=[{"uri": "allmende:nothing"}],
            after=["j-nobody"],
        )
    )
    keys = {"resources.cpus", "resources.accelerators", "resources.memory", "num_nodes"}
    assert keys | {"secrets", "data", "after", "blueprint"} <= said.keys()
    assert "with you" in mistakes(check(factory, run="true", workdir="code"))["workdir"]
    assert mistakes(check(factory, run="true", workdir=f"sha256:{'0' * 64}")).keys() == {"workdir"}
    assert "Did you mean medicine?" in said["blueprint"]


def test_a_folder_that_would_come_along_is_as_good_as_one_that_did(factory: Running):
    file = {"blueprint": "turbofan", "workdir": "engines"}  # its data come in the folder
    assert mistakes(check(factory, **file)).keys() == {"workdir"}
    assert check(factory, brings_code=True, **file).outlook is not None
    unknown = {"run": "true", "workdir": f"sha256:{'0' * 64}"}
    assert mistakes(check(factory, brings_code=True, **unknown)).keys() == {"workdir"}


def test_mistakes_of_the_file_come_before_all_others(factory: Running):
    assert mistakes(check(factory, run="true", max_duration="4", cpu=1)).keys() == {
        "max_duration", "cpu",
    }  # fmt: skip
    params = mistakes(check(factory, blueprint="medicine", params={"steps": 1, "folds": 99}))
    assert params.keys() == {"params.steps", "params.folds"}
    too_many = {"hidden_units": list(range(1, 100))}
    assert mistakes(check(factory, blueprint="medicine", sweep=too_many)).keys() == {"sweep"}


def test_a_job_too_dear_for_its_project_is_a_mistake(factory: Running):
    said = mistakes(check(factory, run="true", max_duration="5m", array="1-64"))
    assert "are left to the project here" in said["max_duration"]


def test_a_project_of_others_is_no_mistake_of_the_file(factory: Running):
    with pytest.raises(NotFound):
        job_checks.check_job(
            factory.person("researcher"),
            {**ASKED, "run": "true"},
            project_id=factory.story.projects["founder"],
            now=wiring.now(),
            workshop=factory.workshop,
        )


def test_what_is_found_is_what_a_submission_does(factory: Running):
    found = check(factory, run="true", array="1-3")
    facts = check_sheets.as_facts(found, factory.workshop)
    assert facts["ok"] is True
    submitted = factory.submit("founder", run="true", array="1-3", max_duration="4m")
    assert facts["held_seconds"] == sum(job.held_seconds for job in submitted)
    assert (facts["jobs"], facts["nodes"], facts["partition"]) == (3, 1, PARTITION)
    assert facts["left_seconds"] == facts["available_seconds"] - facts["held_seconds"]
    partition = factory.workshop.factory.get_partition(PARTITION)
    joules = partition.worst_watts_per_node * partition.pue * facts["held_seconds"]
    assert facts["energy_joules"] == round(joules)
    assert facts["energy_method"] == "estimated"


def test_programs_find_the_same_keys_whether_or_not_there_are_mistakes(factory: Running):
    good, bad = (check(factory, **file) for file in ({"run": "true"}, {"run": "true", "cpu": 1}))
    one, other = (check_sheets.as_facts(each, factory.workshop) for each in (good, bad))
    assert list(one) == list(other)
    assert other["ok"] is False
    assert other["held_seconds"] is None
    assert [problem["key"] for problem in other["problems"]] == ["cpu"]


def told(found: JobCheck, workshop: Workshop) -> dict[str, str]:
    assert found.outlook is not None
    sheet = check_sheets.tell(found.outlook, workshop)
    return {topic: sentence.english() for topic, sentence in sheet.items()}


def test_money_and_energy_are_told_where_somebody_said_them(factory: Running):
    free = told(check(factory, run="true"), factory.workshop)
    assert free["money"] == "Nothing: the project's time is free of charge."
    assert "Wh at most, estimated: 1 × " in free["energy"]
    assert "where all jobs of the project run" in free["place"]
    project = project_store.get_project(factory.story.projects["founder"])
    award = award_store.find_award_of_application(project.application_id)
    award_store.save_award(replace(award, price_cents_per_hour=90))
    paid = check(factory, run="true", array="1-10")
    assert told(paid, factory.workshop)["money"] == "0.61 EUR at most, at 90 cents per node-h."
    assert check_sheets.as_facts(paid, factory.workshop)["cost_cents"] == 61
    award_store.save_award(replace(award, partition_id="elsewhere"))
    unknown = check(factory, run="true")
    assert "money" not in told(unknown, factory.workshop)
    assert check_sheets.as_facts(unknown, factory.workshop)["cost_cents"] is None
    dark = configured(factory.workshop, watts_idle_per_node=0.0, watts_busy_per_core=0.0)
    assert told(check(factory, dark, run="true"), dark)["energy"].startswith("Nobody has said")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"run": "true"}, "None: stopped or lost, it begins anew."),
        ({"run": "true", "checkpoint": {"every": "10s"}}, "it goes on from its last; 2 are kept."),
        (
            {"run": "true", "checkpoint": {"every": "10s"}, "max_duration": "30m"},
            "in up to 6 attempts of 5 min",
        ),
    ],
)
def test_checkpoints_are_told(factory: Running, file: dict, words: str):
    assert words in told(check(factory, **file), factory.workshop)["checkpoints"]


def warnings(found: JobCheck, workshop: Workshop) -> str:
    assert found.outlook is not None
    return " ".join(each.english() for each in check_sheets.list_warnings(found.outlook, workshop))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"max_duration": "2h"}, "A shorter limit starts sooner"),
        ({"params": {"steps": 1_000_000}}, "it may not get done"),
        ({"resources": {"memory": "100M"}}, "the blueprint needs 768 MiB"),
    ],
)
def test_what_is_odd_for_a_blueprint_is_warned_of(factory: Running, file: dict, words: str):
    assert words in warnings(check(factory, blueprint="medicine", **file), factory.workshop)
    assert not warnings(check(factory, blueprint="medicine"), factory.workshop)


def test_accelerators_that_nobody_asked_for_are_charged_and_said(factory: Running):
    gpus = configured(factory.workshop, gpus_per_node=4)
    assert "asks for 1 accelerators a node; a node has 4" in warnings(
        check(factory, gpus, run="true", resources={"accelerators": 1}), gpus
    )


def test_gpus_are_counted_and_told(factory: Running):
    gpus = configured(factory.workshop, gpus_per_node=4, unit=TimeUnit.GPU_SECONDS)
    found = check(factory, gpus, run="true", max_duration="55s", resources={"accelerators": 4})
    assert told(found, gpus)["time"] == (
        "0.067 GPU-h are held: 1 node of 4 GPUs for 55 s, and 5 s to stop in."
    )


def test_a_long_job_without_checkpoints_is_warned_of(factory: Running):
    long = configured(factory.workshop, max_time_limit_seconds=9 * 3600)
    assert "would lose up to 2 h 0 min" in warnings(
        check(factory, long, run="true", max_duration="2h"), long
    )


def test_a_variable_of_another_tool_is_warned_of(factory: Running):
    said = warnings(check(factory, run="echo $SKYPILOT_NODE_RANK"), factory.workshop)
    assert said == (
        "run reads SKYPILOT_NODE_RANK, which nobody sets here; take ALLMENDE_NODE_RANK in its "
        "place."
    )


def test_nothing_is_submitted(factory: Running):
    check(factory, run="true")
    assert jobs.list_jobs(factory.person("founder")) == []


class Undo(Exception):
    """Takes a submission back."""


def is_accepted(factory: Running, file: dict) -> bool:
    try:
        with transaction.atomic():
            factory.submit("founder", **file)
            raise Undo
    except Refusal:
        return False
    except Undo:
        return True


ASKS = st.fixed_dictionaries(
    {},
    optional={
        "resources": st.sampled_from(
            [{"cpus": "1+"}, {"cpus": 2}, {"memory": "900G"}, {"memory": "1..4"}, {"cpus": "1..1"}]
        ),
        "num_nodes": st.sampled_from([1, 2, "1..4", "2..4"]),
        "max_duration": st.sampled_from(["30s", "5m", "6m"]),
        "array": st.sampled_from(["1-3", "1-64", "1-65"]),
        "data": st.just([{"uri": "allmende:nothing"}]),
        "secrets": st.just(["NONE"]),
        "after": st.just(["j-nobody"]),
        "partition": st.sampled_from([PARTITION, "nowhere"]),
        "checkpoint": st.just({"every": "10s"}),
    },
)


def test_a_check_finds_mistakes_exactly_where_a_submission_refuses(factory: Running):
    seen = set()

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(ASKS, st.sampled_from([{"run": "true"}, {"blueprint": "medicine"}]))
    def agree(asked: dict, what: dict) -> None:
        file = {"max_duration": "30s", **asked, **what}
        found = check(factory, **file)
        seen.add(accepted := is_accepted(factory, file))
        assert (found.outlook is not None) is accepted, found.problems

    agree()
    assert seen == {True, False}
