"""`allmende slurm steering`, as anybody types it."""

import json
from datetime import timedelta

import pytest

from allmende import cli, wiring
from allmende.cli import steering as command
from allmende.domain.basics.people import DAEMON
from allmende.services import steering
from allmende.services.deeds import Deed
from tests.services.slurm_model import FACTORY, SITE, World
from tests.services.steered_queue import Queue

pytestmark = pytest.mark.django_db


def test_what_each_group_has_and_is_owed_is_shown_and_told_to_programs(monkeypatch, capsys):
    monkeypatch.setattr(command, "load_factory", lambda: FACTORY)
    olga, queue, now = World().olga, Queue(), wiring.now()
    (partition,) = FACTORY.get_site(SITE).partitions
    queue.fill("sme", running=1, waiting=9)
    for ago in (20, 10):
        deed = Deed(actor=DAEMON, now=now - timedelta(seconds=ago), new_id=wiring.new_id)
        steering.steer(deed, partition, wheel=queue)
    assert cli.run(["--as", olga.id, "slurm", "steering", SITE, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    sme = next(group for group in told["groups"] if group["group"] == "sme")
    assert (told["partition_id"], told["is_answered"]) == (partition.id, True)
    assert (sme["running_nodes"], sme["waiting_nodes"], sme["is_raised"]) == (1, 9, True)
    assert sme["lag_node_seconds"] == pytest.approx((sme["claimed_nodes"] - 1) * 10)
    assert all(mark["is_known"] for mark in sme["marks"])
    assert cli.run(["--as", olga.id, "slurm", "steering", SITE]) == 0
    assert "sme" in capsys.readouterr().out
