"""Partitions, groups and sites of a factory."""

from dataclasses import replace

import pytest

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import (
    Factory,
    Partition,
    PartitionStatus,
    ShareGroup,
    Site,
    SlurmCluster,
)
from allmende.domain.basics.units import TimeUnit

BENCH = Partition(
    id="bench",
    name="Bench",
    site_id="here",
    country="DE",
    status=PartitionStatus.EMBEDDED,
    unit=TimeUnit.NODE_SECONDS,
    hardware="virtual",
    nodes=2,
    groups=(ShareGroup(id="sme", name="SMEs"),),
)
BOOSTER = Partition(
    id="booster",
    name="Booster",
    site_id="there",
    country="DE",
    status=PartitionStatus.DESCRIBED,
    unit=TimeUnit.GPU_SECONDS,
    hardware="GPUs",
    gpus_per_node=4,
)
FACTORY = Factory(
    name="F",
    operator="O",
    countries=frozenset({"DE"}),
    sites=(
        Site(id="here", name="H", hosting_entity="us", country="DE", partitions=(BENCH,)),
        Site(id="there", name="T", hosting_entity="them", country="DE", partitions=(BOOSTER,)),
    ),
)


def test_nodes_have_names_in_order():
    assert BENCH.node_names == ("bench-01", "bench-02")
    assert BOOSTER.node_names == ()


def test_gpu_partitions_charge_each_gpu_and_node_partitions_each_node():
    assert (BENCH.charge_factor, BOOSTER.charge_factor) == (1, 4)


def test_only_embedded_partitions_run_jobs_from_here():
    assert BENCH.is_embedded
    assert not BOOSTER.is_embedded


def test_a_site_knows_which_of_its_partitions_a_cluster_runs():
    on_slurm = replace(BOOSTER, status=PartitionStatus.SLURM)
    site = replace(FACTORY.sites[0], partitions=(BENCH, on_slurm, BOOSTER))
    assert site.partitions_on_slurm == (on_slurm,)
    assert FACTORY.sites[0].partitions_on_slurm == ()


def test_an_attempt_lasts_as_long_as_asked_for_or_as_the_partition_lets_it():
    assert BENCH.limit_attempt(7200) == 7200  # it has no limit of its own
    limited = replace(BENCH, max_time_limit_seconds=3600)
    assert [limited.limit_attempt(seconds) for seconds in (3599, 3600, 7200)] == [3599, 3600, 3600]


def test_nodes_see_their_shared_folders_and_what_lies_in_them():
    cluster = SlurmCluster(
        cluster="lab", work_folder="/scratch/jobs", shared_folders=("/data/", "/home")
    )
    for path in ("/scratch/jobs", "/scratch/jobs/j-1/x", "/data", "/data/ecg", "/home/ada"):
        assert cluster.sees(path)
    for path in ("/scratch", "/scratch/jobs-old", "/database", "/", "", "home/ada"):
        assert not cluster.sees(path)


def test_everything_is_found_by_its_id():
    assert FACTORY.get_partition("booster") is BOOSTER
    assert FACTORY.get_site("here").partitions == (BENCH,)
    assert BENCH.get_group("sme").name == "SMEs"


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: FACTORY.get_partition("nothing"),
        lambda: FACTORY.get_site("nothing"),
        lambda: BENCH.get_group("nothing"),
    ],
)
def test_what_is_not_there_is_refused(look_up):
    with pytest.raises(NotFound):
        look_up()
