"""Whoever comes from another tool is told what its words are called here."""

import pytest

from allmende.domain.training.habits import OURS, find_foreign_variables
from allmende.domain.training.job_file_schema import job_file_schema
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file


def mistakes(**changes: object) -> list[str]:
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file({"name": "a", "run": "true"} | changes)
    return [finding.sentence.english() for finding in refusal.value.findings]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"gpus": 4}, "gpus: there is no such key. Did you mean resources.accelerators?"),
        ({"cpus": 4}, "cpus: there is no such key. Did you mean resources.cpus?"),
        (
            {"resources": {"gpus": 4}},
            "resources.gpus: there is no such key. Did you mean accelerators?",
        ),
        (
            {"resources": {"use_spot": True}},
            "resources.use_spot: there is no such key. Did you mean preemptible?",
        ),
        ({"commands": ["true"]}, "commands: there is no such key. Did you mean run?"),
        ({"time-limit": "1h"}, "time-limit: there is no such key. Did you mean max_duration?"),
        ({"retry": {"retries": 1}}, "retry.retries: there is no such key. Did you mean max?"),
        (
            {"data": [{"uri": "allmende:roads", "path": "/data"}]},
            "data[0].path: there is no such key. Did you mean mount?",
        ),
    ],
)
def test_a_word_of_another_tool_is_refused_with_the_key_that_it_means(written, expected):
    assert mistakes(**written) == [expected]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"setup": ["apt update", "true"]},
            "setup takes a text, not a list. For several lines write setup: | and begin each line "
            "below it with two spaces.",
        ),
        ({"retry": {"on": "preempted"}}, "retry.on takes a list, not preempted."),
        ({"sweep": {"a": 1}}, "sweep.a takes a list, not 1."),
    ],
)
def test_a_list_and_a_single_value_are_told_apart_with_one_sentence(written, expected):
    assert mistakes(**written) == [expected]


def test_every_key_that_is_suggested_exists():
    properties = job_file_schema()["properties"]
    for ours in OURS.values():
        top, _, below = ours.partition(".")
        section = properties[top.removesuffix("[]")]
        section = section.get("items", section)
        assert not below or below in section["properties"], ours


def test_variables_of_other_tools_are_found_with_ours():
    script = "torchrun --node_rank=${SKYPILOT_NODE_RANK} --nnodes $DSTACK_NODES_NUM $MY_DSTACK_X $X"
    assert find_foreign_variables(script) == {
        "SKYPILOT_NODE_RANK": "ALLMENDE_NODE_RANK",
        "DSTACK_NODES_NUM": "ALLMENDE_NODES",
    }
