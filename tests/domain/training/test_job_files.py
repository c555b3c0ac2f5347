"""What the job file refuses, and that what it accepts survives being written down."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allmende.domain.training.amounts import UNBOUNDED
from allmende.domain.training.fields import Finding
from allmende.domain.training.job_files import (
    InvalidJobFile,
    parse_job_file,
)
from allmende.domain.training.job_specs import DataMount, JobSpec

FULL = {
    "name": "tumours",
    "blueprint": "medicine@1",
    "params": {"steps": 400, "learning_rate": 0.01},
    "sweep": {"hidden_units": [8, 16]},
    "workdir": "code",
    "envs": {"COLOUR": "blue", "DEPTH": 3},
    "resources": {"cpus": 2, "memory": "2G", "accelerators": "H100:4", "specialisation": "audio"},
    "partition": "berlin",
    "num_nodes": 2,
    "max_duration": "1h30m",
    "checkpoint": {"every": "10m", "keep": 3},
    "retry": {"on": ["node_fail"], "max": 5},
    "data": [{"uri": "allmende:corpus@3", "mount": "/corpus", "mode": "rw"}],
    "data_class": "health",
    "preemptible": False,
    "record": {"licence": "CC-BY-4.0", "purpose": "teaching"},
}
OWN_CODE = {"name": "mine", "setup": "pip --version", "run": "python train.py"}


def sentences(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.sentence.english() for finding in findings]


def mistakes(**changes: object) -> list[str]:
    """Return what is said about a short job file with these changes."""
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file({"name": "a", "blueprint": "medicine"} | changes)
    return sentences(refusal.value.findings)


def test_a_full_job_file_becomes_amounts_in_one_unit():
    assert parse_job_file(FULL) == JobSpec(
        name="tumours",
        blueprint="medicine@1",
        params={"steps": 400, "learning_rate": 0.01},
        sweep={"hidden_units": (8, 16)},
        workdir="code",
        envs={"COLOUR": "blue", "DEPTH": "3"},
        cpus=2,
        memory_bytes=2 * 1024**3,
        accelerator="H100",
        accelerators=4,
        specialisation="audio",
        partition="berlin",
        num_nodes=2,
        max_duration_seconds=5400,
        checkpoint_seconds=600,
        checkpoints_kept=3,
        retry_on=("node_fail",),
        max_retries=5,
        data=(DataMount(uri="allmende:corpus@3", mount="/corpus", mode="rw"),),
        data_class="health",
        preemptible=False,
        licence="CC-BY-4.0",
        purpose="teaching",
    )


def test_a_short_job_file_is_completed_with_defaults():
    assert parse_job_file({"name": "a", "blueprint": "medicine"}) == JobSpec(
        name="a", blueprint="medicine"
    )


@pytest.mark.parametrize("job_file", [FULL, OWN_CODE, {"name": "a", "blueprint": "medicine"}])
def test_what_is_written_down_is_a_legal_job_file_with_the_same_meaning(job_file):
    spec = parse_job_file(job_file)
    assert parse_job_file(spec.to_json()) == spec


names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
values = st.one_of(st.integers(-9, 9), st.booleans(), names)


@settings(max_examples=60, deadline=None)
@given(
    spec=st.builds(
        JobSpec,
        name=names,
        blueprint=names,
        params=st.dictionaries(names.map("p{}".format), values, max_size=3),
        sweep=st.dictionaries(
            names.map("s{}".format),
            st.lists(values, min_size=1, max_size=3, unique_by=repr).map(tuple),
            max_size=2,
        ),
        cpus=st.integers(1, 64),
        cpus_most=st.none() | st.integers(64, 99) | st.just(UNBOUNDED),
        memory_bytes=st.integers(1, 2**32).map(lambda k: k * 1024),
        memory_bytes_most=st.none() | st.just(UNBOUNDED) | st.just(2**43),
        accelerator=st.sampled_from(["H100", "A100"]),
        accelerators=st.integers(1, 8),
        constraint=st.sampled_from(["", "a100&[r1|r2]*2", "!ib,(x:y)"]),
        accelerators_most=st.none() | st.integers(8, 9) | st.just(UNBOUNDED),
        num_nodes=st.integers(1, 9),
        num_nodes_most=st.none() | st.integers(9, 20),
        max_duration_seconds=st.integers(1, 10**7),
        checkpoint_seconds=st.none() | st.integers(1, 10**6),
        checkpoints_kept=st.integers(1, 9),
        retry_on=st.sampled_from([(), ("preempted",), ("node_fail", "preempted")]),
        max_retries=st.integers(0, 9),
        data=st.lists(st.builds(DataMount, uri=names), max_size=2).map(tuple),
        data_class=st.sampled_from(["public", "internal", "personal", "health"]),
        preemptible=st.booleans(),
        licence=st.just("") | names,
        purpose=st.just("") | names,
    )
)
def test_every_spec_survives_being_written_down(spec):
    spec = replace(
        spec,
        preemptible=spec.preemptible and "preempted" in spec.retry_on,
        max_retries=spec.max_retries if "node_fail" in spec.retry_on else 0,
    )
    assert parse_job_file(spec.to_json()) == spec


def test_a_misspelt_key_is_refused_with_the_key_that_was_meant():
    assert mistakes(max_durration="5m") == [
        "max_durration: there is no such key. Did you mean max_duration?"
    ]


def test_a_misspelt_key_inside_a_section_names_its_place():
    assert mistakes(resources={"memroy": "2G"}) == [
        "resources.memroy: there is no such key. Did you mean memory?"
    ]


def test_a_key_like_no_other_is_refused_with_all_that_there_are():
    assert mistakes(retry={"zzz": 1}) == ["retry.zzz: there is no such key. Known are: on, max."]


def test_all_mistakes_are_said_at_once():
    found = mistakes(num_nodes=0, max_duration=90, resources={"memory": "two"}, colour="red")
    assert len(found) == 4


def test_the_refusal_says_every_mistake_in_one_sentence():
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file({"name": "a", "blueprint": "b", "num_nodes": 0, "preemptible": "yes"})
    assert str(refusal.value) == (
        "The job file was not accepted. num_nodes is 0; the least is 1. "
        "preemptible: write true or false, not yes."
    )


@pytest.mark.parametrize("duration", [90, "90", "5 m", "m5", "1.5h", 5400, True, "-5m"])
def test_a_duration_without_its_unit_is_refused(duration):
    assert mistakes(max_duration=duration) == [
        f"max_duration: {str(duration).lower() if duration is True else duration} is no duration. "
        "Write a number with its unit, s, m, h or d: for example 90s, 30m or 1h30m."
    ]


def test_a_duration_of_nothing_is_refused():
    assert mistakes(max_duration="0m") == [
        "max_duration: a duration is longer than nothing; write for example 30m."
    ]


@pytest.mark.parametrize("count", [0, -1])
def test_nodes_below_one_are_refused(count):
    assert mistakes(num_nodes=count) == [f"num_nodes is {count}; the least is 1."]


@pytest.mark.parametrize("count", [1.5, True, [1]])
def test_nodes_that_are_no_whole_number_are_refused(count):
    shown = "true" if count is True else count
    assert mistakes(num_nodes=count) == [f"num_nodes: {shown} is no whole number."]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("H100:4", ("H100", 4)),
        (4, ("", 4)),
        ("a:b:1..4", ("a:b", 1)),
        ("2", ("", 2)),
        ("H100", ("H100", 1)),
        (None, ("", 0)),
    ],
)
def test_accelerators_come_with_their_kind_or_without(value, expected):
    spec = parse_job_file({"name": "a", "blueprint": "b", "resources": {"accelerators": value}})
    assert (spec.accelerator, spec.accelerators) == expected


@pytest.mark.parametrize("value", ["H100:", "H100:0", 0, -2, True, "H100:4..1"])
def test_accelerators_that_are_no_number_are_refused(value):
    assert mistakes(resources={"accelerators": value}) == [
        f"resources.accelerators: {value} is no number of accelerators. "
        "Write for example H100:4, 4, 4+ or 1..4."
    ]


def test_a_blueprint_together_with_run_is_refused():
    assert mistakes(run="python x.py") == [
        "run: a blueprint brings its own command. Leave out blueprint or run."
    ]


def test_a_blueprint_together_with_setup_is_refused():
    assert mistakes(setup="pip install x") == [
        "setup: a blueprint brings its own environment. Leave it out."
    ]


def test_neither_blueprint_nor_run_is_refused():
    assert mistakes(blueprint=None) == ["blueprint or run is missing: say what to run."]


@pytest.mark.parametrize("name", [None, "", 7])
def test_a_job_needs_a_name(name):
    expected = "name is missing." if name is None else f"name: {name} is no text. Put it in quotes."
    assert mistakes(name=name) == [expected]


@pytest.mark.parametrize("name", ["x" * 81, "two\nlines"])
def test_a_name_is_one_line_of_eighty_characters(name):
    assert mistakes(name=name) == ["name has at most 80 characters, on one line."]


@pytest.mark.parametrize("folder", ["/etc", "..", "code/../../x", "sha256:", "sha256:0g"])
def test_a_workdir_outside_of_the_job_is_refused(folder):
    assert mistakes(workdir=folder) == [
        "workdir is the folder of the job file or one below, such as . or code."
    ]


def test_a_workdir_that_came_along_is_named_by_its_hash():
    code = "sha256:" + "0a" * 32
    assert parse_job_file({"name": "a", "run": "true", "workdir": code}).workdir == code


@pytest.mark.parametrize(
    ("envs", "expected"),
    [
        ({"A-B": "1"}, "envs.A-B: a variable has letters, digits and _ in its name."),
        ({"GRÖSSE": "1"}, "envs.GRÖSSE: a variable has letters, digits and _ in its name."),
        (
            {"ALLMENDE_OUT": "/"},
            "envs.ALLMENDE_OUT: names with ALLMENDE_ belong to the platform. Choose another.",
        ),
        ({"A": True}, "envs.A takes a text or a number. Put it in quotes."),
        ("A=1", "envs takes keys and values, not A=1."),
    ],
)
def test_variables_that_cannot_be_are_refused(envs, expected):
    assert mistakes(envs=envs) == [expected]


def test_a_parameter_with_several_values_is_sent_to_the_sweep():
    assert mistakes(params={"steps": [1, 2]}) == [
        "params.steps takes one value; several values belong under sweep."
    ]


@pytest.mark.parametrize("values", [[], [[1]], [{}]])
def test_a_sweep_without_values_is_refused(values):
    assert mistakes(sweep={"steps": values}) == [
        "sweep.steps takes a list of values to try, for example [8, 16, 32]."
    ]


def test_a_sweep_that_is_no_list_is_refused():
    assert mistakes(sweep={"steps": 5})[0] == "sweep.steps takes a list, not 5."


def test_a_sweep_that_names_a_value_twice_is_refused():
    assert mistakes(sweep={"steps": [5, 5]}) == [
        "sweep.steps names a value twice. Name each value once."
    ]


def test_a_parameter_both_fixed_and_swept_is_refused():
    assert mistakes(params={"steps": 5}, sweep={"steps": [1, 2]}) == [
        "sweep.steps is also under params. Keep one of the two."
    ]


def test_an_unknown_retry_reason_is_refused_with_the_one_that_was_meant():
    assert mistakes(retry={"on": ["node_failed"]}) == [
        "retry.on: there is no node_failed. Did you mean node_fail?"
    ]


def test_retry_on_as_yaml_reads_it_is_understood():
    # YAML 1.1 turns the bare key `on` into true.
    spec = parse_job_file({"name": "a", "blueprint": "b", "retry": {True: ["preempted"]}})
    assert spec.retry_on == ("preempted",)


def test_a_job_that_is_never_stopped_for_others_may_refuse_to_start_again():
    never = {"retry": {"on": [], "max": 5}, "preemptible": False}
    spec = parse_job_file({"name": "a", "blueprint": "b"} | never)
    assert (spec.retry_on, spec.max_retries) == ((), 0)


def test_whoever_is_tried_again_for_a_failure_of_his_own_is_for_one_of_the_site_too():
    spec = parse_job_file(OWN_CODE | {"retry": {"on": ["preempted", "failed"]}})
    assert (spec.retry_on, spec.max_retries) == (("preempted", "failed", "node_fail"), 3)


def test_a_job_that_may_be_stopped_for_others_must_start_again():
    assert mistakes(retry={"on": ["node_fail"]}) == [
        "retry.on: a job that may be stopped for others starts again afterwards. "
        "Add preempted, or set preemptible: false."
    ]


def test_an_unknown_data_class_is_refused():
    assert mistakes(data_class="helth") == ["data_class: there is no helth. Did you mean health?"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([{"mount": "/x"}], "data[0].uri is missing."),
        (["x"], "data[0] takes keys and values, not x."),
        ({"uri": "x"}, "data takes a list, not {'uri': 'x'}."),
        ([{"uri": "x", "mode": "wr"}], "data[0].mode: there is no wr. Known are: ro, rw."),
    ],
)
def test_data_that_say_too_little_are_refused(data, expected):
    assert mistakes(data=data)[0] == expected


@pytest.mark.parametrize("value", [None, [], "run: x", {}])
def test_something_that_is_no_job_file_is_refused(value):
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file(value)
    assert sentences(refusal.value.findings) == [
        "A job file has keys and values; begin with name and blueprint, or name and run."
    ]


@pytest.mark.parametrize("changes", [{"name": "\ud800"}, {"envs": {"A": ["\0"]}}])
def test_a_character_that_is_no_text_is_refused_wherever_it_stands(changes):
    assert mistakes(**changes)[0].startswith("The job file holds a character that is no text.")


def test_a_long_wrong_value_is_shown_shortened():
    assert mistakes(preemptible="x" * 100) == [
        f"preemptible: write true or false, not {'x' * 57}...."
    ]


def test_own_code_runs_in_a_shell_that_stops_at_the_first_error():
    assert parse_job_file(OWN_CODE).shell_command() == (
        "/bin/bash",
        "-e",
        "-o",
        "pipefail",
        "-c",
        "python train.py",
    )


def test_the_environment_tells_the_code_when_to_keep_a_checkpoint():
    assert parse_job_file(FULL).environment() == {
        "COLOUR": "blue",
        "DEPTH": "3",
        "ALLMENDE_CHECKPOINT_SECONDS": "600",
        "ALLMENDE_CHECKPOINTS_KEPT": "3",
    }


def test_without_a_word_in_the_job_file_the_code_decides_when_to_keep_a_checkpoint():
    spec = parse_job_file({"name": "a", "blueprint": "medicine"})
    assert spec.environment() == {"ALLMENDE_CHECKPOINTS_KEPT": "2"}


def test_a_job_goes_on_in_a_next_attempt_where_its_code_keeps_checkpoints():
    files = (OWN_CODE, OWN_CODE | {"checkpoint": {"every": "10m"}}, {"name": "a", "blueprint": "b"})
    assert [parse_job_file(file).goes_on for file in files] == [False, True, True]
