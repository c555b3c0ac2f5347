"""What a job asks of its nodes: one number, at least so much, or from so much to so much."""

import pytest

from allmende.domain.training.amounts import UNBOUNDED
from allmende.domain.training.job_files import (
    InvalidJobFile,
    NodeTooLarge,
    TooManyAccelerators,
    TooManyCores,
    find_unservable,
    parse_job_file,
)


def mistakes(**changes: object) -> list[str]:
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file({"name": "a", "run": "b"} | changes)
    return [finding.sentence.english() for finding in refusal.value.findings]


@pytest.mark.parametrize("memory", [0, 1.5, "0G", "2 G", "two", "+", "..8G", "8G+..9G", "9G..8G"])
def test_memory_that_is_no_amount_is_refused(memory):
    assert mistakes(resources={"memory": memory}) == [
        f"resources.memory: {memory} is no amount of memory. Write a number above zero, of GiB or "
        "with its unit M, G or T: for example 32, 512M, 32G+ or 8G..64G."
    ]


@pytest.mark.parametrize(
    ("memory", "least", "most", "written"),
    [
        (32, 32, None, "32G"), ("32", 32, None, "32G"), ("32GB", 32, None, "32G"),
        ("32+", 32, UNBOUNDED, "32G+"), ("8..64", 8, 64 * 2**30, "8G..64G"),
        ("8GB..64G", 8, 64 * 2**30, "8G..64G"), ("24GB..", 24, UNBOUNDED, "24G+"),
        ("64GiB", 64, None, "64G"), ("64Gi", 64, None, "64G"), ("8gb", 8, None, "8G"),
    ],
)  # fmt: skip
def test_memory_as_people_of_other_tools_write_it(memory, least, most, written):
    spec = parse_job_file({"name": "a", "run": "b", "resources": {"memory": memory}})
    assert (spec.memory_bytes, spec.memory_bytes_most) == (least * 2**30, most)
    assert spec.to_json()["resources"]["memory"] == written


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        (4, (4, None)),
        ("4", (4, None)),
        ("4+", (4, UNBOUNDED)),
        ("4..", (4, UNBOUNDED)),
        ("1..4", (1, 4)),
        ("4..4", (4, 4)),
    ],
)
def test_cores_may_be_a_range(cpus, expected):
    spec = parse_job_file({"name": "a", "run": "b", "resources": {"cpus": cpus}})
    assert (spec.cpus, spec.cpus_most) == expected


def test_nodes_have_an_upper_end_and_none_inside_a_reservation():
    spec = parse_job_file({"name": "a", "run": "b", "num_nodes": "2..4"})
    assert (spec.num_nodes, spec.num_nodes_most) == (2, 4)
    assert mistakes(num_nodes="2+") == [
        "num_nodes: 2+ is no whole number. Write for example 4 or 1..4."
    ]
    assert mistakes(num_nodes="1..4", reservation="r") == [
        "num_nodes: a reservation has its nodes. Say on how many it runs."
    ]


def test_what_a_node_has_can_be_asked_for():
    spec = parse_job_file({"name": "a", "run": "true", "resources": {"cpus": 2}})
    assert not list(find_unservable(spec, cores_per_node=2, accelerators_per_node=0))


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"resources": {"cpus": 3}}, TooManyCores),
        ({"resources": {"accelerators": "H100:1"}}, TooManyAccelerators),
        ({"resources": {"cpus": "1..1"}}, NodeTooLarge),
    ],
)
def test_what_a_node_does_not_have_is_refused_and_not_ignored(asked, refusal):
    spec = parse_job_file({"name": "a", "run": "true"} | asked)
    (found,) = find_unservable(spec, cores_per_node=2, accelerators_per_node=0)
    assert isinstance(found, refusal)


@pytest.mark.parametrize("count", ["1..1", "1+"])
def test_accelerators_have_an_upper_end_too(count):
    file = {"name": "a", "run": "true", "resources": {"accelerators": f"H100:{count}"}}
    found = find_unservable(parse_job_file(file), cores_per_node=1, accelerators_per_node=2)
    assert [type(each) for each in found] == ([NodeTooLarge] if count == "1..1" else [])
