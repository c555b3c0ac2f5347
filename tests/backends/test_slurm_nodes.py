"""What `scontrol show nodes` says, and what is told to it, from a stand-in for the command."""

import stat
from pathlib import Path

import pytest

from allmende.backends.slurm.client import SlurmClient
from allmende.backends.slurm.nodes import SlurmNodes, parse_nodes
from allmende.domain.basics.sites import SlurmCluster

SAID = """\
NodeName=n1 Arch=x86_64 CPUAlloc=0 CPUTot=4 NodeAddr=10.0.0.7 NodeHostName=n1.cluster Gres=gpu:gh200:4 State=IDLE ThreadsPerCore=1 Partitions=gpu,debug BootTime=Unknown
NodeName=n2 Arch=x86_64 CPUAlloc=2 CPUTot=4 State=MIXED+DRAIN ThreadsPerCore=1 Partitions=gpu Reason=New fans, see State=IDLE [root@2026-11-26T05:00:00] Comment=none
NodeName=n3 CPUAlloc=0 CPUTot=4 State=DOWN* Partitions=gpu Reason=Not responding [slurm@1764133200]
NodeName=n4 CPUAlloc=4 CPUTot=4 State=ALLOCATED+MAINTENANCE Partitions=gpu
NodeName=n5 CPUAlloc=0 CPUTot=4 State=IDLE+DRAIN+PLANNED Partitions=gpu Reason=a [b] c
NodeName=n6 CPUAlloc=0 CPUTot=4 State=IDLE Partitions=gpus
"""  # noqa: E501 - as it is printed

# Prints the nodes when it is asked for them; else it writes down what it was told.
STAND_IN = """#!/bin/sh
if [ "$1" = show ]; then cat {folder}/said; else printf '%s|' "$@" >> {folder}/told; fi
"""


@pytest.fixture
def nodes(tmp_path: Path) -> SlurmNodes:
    (tmp_path / "said").write_text(SAID)
    command = tmp_path / "scontrol"
    command.write_text(STAND_IN.format(folder=tmp_path))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    cluster = SlurmCluster(cluster="lab", bin_folder=str(tmp_path), work_folder=str(tmp_path))
    return SlurmNodes(SlurmClient(cluster), partition="gpu")


def told(tmp_path: Path) -> list[str]:
    file = tmp_path / "told"
    return file.read_text().split("|")[:-1] if file.exists() else []


def test_the_nodes_of_a_partition_and_no_others_are_read():
    found = {each.name: each for each in parse_nodes(SAID, partition="gpu")}
    assert list(found) == ["n1", "n2", "n3", "n4", "n5"]
    assert [each.is_drained for each in found.values()] == [False, True, False, False, True]
    assert [each.is_down for each in found.values()] == [False, False, True, False, False]
    assert [each.is_busy for each in found.values()] == [False, True, False, True, False]
    assert found["n2"].reason == "New fans, see State=IDLE"
    assert found["n3"].reason == "Not responding"
    assert found["n5"].reason == "a [b] c"
    assert (found["n1"].address, found["n2"].address) == ("10.0.0.7", "")
    assert parse_nodes("", partition="gpu") == []
    assert parse_nodes("No nodes in the system\n", partition="gpu") == []


def test_draining_is_told_word_by_word_and_never_through_a_shell(nodes: SlurmNodes, tmp_path: Path):
    nodes.drain("n1", reason="fans; rm -rf $HOME 'now'")
    assert told(tmp_path) == [
        "update",
        "NodeName=n1",
        "State=DRAIN",
        "Reason=fans; rm -rf $HOME 'now'",
    ]


def test_only_what_is_drained_is_resumed(nodes: SlurmNodes, tmp_path: Path):
    nodes.resume("n1")
    nodes.resume("n9")
    assert told(tmp_path) == []
    nodes.resume("n2")
    assert told(tmp_path) == ["update", "NodeName=n2", "State=RESUME"]
