"""A blueprint's training survives a cluster as it survives virtual nodes: one test for both."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tools.slurm_lab import Lab

from allmende import wiring
from allmende.backends.slurm.notes import find_attempt
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.backends import Backend, EndReason
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.training.records import is_record_whole
from allmende.services import allocations, ledger, models, usage_collecting
from allmende.wiring.clusters import usage_reader
from tests.backends import slurm_site
from tests.backends.slurm_site import a_folder
from tests.blueprints.labs import python_of
from tests.services.running import PARTITION, Running, a_running_factory
from tests.slurm.connecting import connect
from tests.trials import IS_LONG

LIMIT_SECONDS = 3
OFTEN = {"max_duration": "3m", "checkpoint": {"every": "1s"}}
MEDICINE = {"blueprint": "medicine", "params": {"steps": 20_000, "hidden_units": 8, "folds": 4}}
# Counts to five, a second each, and begins where its last checkpoint says.
COUNTING = """
trap 'exit 143' TERM
at=$(ls $ALLMENDE_CHECKPOINTS | wc -l)
while [ $at -lt 5 ]; do sleep 1 & wait $!; at=$((at + 1)); touch $ALLMENDE_CHECKPOINTS/$at; done
"""


@dataclass
class Machine:
    """A factory that runs jobs, and what may happen to them there."""

    running: Running
    preempt: Callable[[str], object]  # let an attempt make room
    crash: Callable[[str], object]  # let the node of an attempt die
    collect: Callable[[], object] = lambda: None  # read the accounting of the cluster
    # Let an attempt start at once, for a cluster waits two minutes with a job that it requeued.
    hasten: Callable[[str], bool] = lambda _: True

    @property
    def backend(self) -> Backend:
        return self.running.workshop.backend_of(PARTITION)

    def submit_limited(self, **file: object) -> Job:
        """Submit a job of which no attempt may last long."""
        longest = self.running.workshop.factory.get_partition(PARTITION).max_time_limit_seconds
        self.running.configure(max_time_limit_seconds=LIMIT_SECONDS)
        (job,) = self.running.submit("founder", **file)
        self.running.configure(max_time_limit_seconds=longest)
        return job

    def wait_for_attempt(self, job: Job, number: int) -> str:
        """Return the key of an attempt once it has trained for a second, or to its end."""
        running, key, seen = self.running, f"{job.id}.{number}", len(self.lines(job))
        running.beat_until(lambda: running.job(job.id).attempts == number, seconds=240)
        running.beat_until(lambda: self.hasten(key) and self.is_far(job, seen), seconds=240)
        return key

    def is_far(self, job: Job, seen: int) -> bool:
        return len(self.lines(job)) > seen + 1 or self.running.job(job.id).ended_at is not None

    def lines(self, job: Job) -> list[bytes]:
        return self.backend.read_progress(job.id).splitlines()

    def count_left(self) -> int:
        """Return the seconds that are left, with nothing set aside."""
        self.collect()
        founder, project = self.running.person("founder"), self.running.story.projects["founder"]
        budget = allocations.get_budget(founder, project)
        assert budget.held_seconds == 0
        return budget.available_seconds


@contextlib.contextmanager
def virtual_nodes(running: Running, _request: pytest.FixtureRequest) -> Iterator[Machine]:
    python_of("medicine")  # or skip

    def preempt(key: str) -> None:
        running.backend.stop(key, reason=EndReason.PREEMPTED, grace_seconds=10)

    yield Machine(running, preempt, running.backend.fail_node)


@contextlib.contextmanager
def cluster(running: Running, request: pytest.FixtureRequest) -> Iterator[Machine]:
    lab: Lab = request.getfixturevalue("slurm_lab")
    crashed: list[str] = []
    with a_folder() as folder:
        backend = connect(running, lab, folder, blueprint_id="medicine")
        site = running.workshop.factory.get_site(
            running.workshop.factory.get_partition(PARTITION).site_id
        )

        def preempt(key: str) -> None:
            attempt = find_attempt(backend.work_folder, key)
            lab.run("scontrol", "requeue", str(attempt.slurm_id))

        def crash(key: str) -> None:
            (seen,) = backend.observe([key])
            crashed.append(seen.nodes[0])
            lab.crash(seen.nodes[0])

        def collect() -> None:
            reader, deed = usage_reader(site), wiring.deed_of(DAEMON)
            while not reader.is_up_to_date():
                time.sleep(0.2)
            assert usage_collecting.collect(deed, site, reader=reader).is_complete

        def hasten(key: str) -> bool:
            attempt = find_attempt(backend.work_folder, key)
            if attempt is None or attempt.slurm_id is None:
                return False
            slurm_site.hasten(lab, attempt.slurm_id)
            return True

        yield Machine(running, preempt, crash, collect, hasten)
        for name in crashed:
            lab.revive(name)


# The contract of backends says the same of a real cluster in seconds; this takes minutes there.
PLACES = [virtual_nodes, cluster] if IS_LONG else [virtual_nodes]


@pytest.fixture(params=PLACES)
def machine(request: pytest.FixtureRequest, tmp_path: Path, db: None) -> Iterator[Machine]:
    with a_running_factory(tmp_path) as running, request.param(running, request) as found:
        yield found


@pytest.mark.slow
def test_a_training_survives_preemption_a_dead_node_and_the_limit(machine: Machine):
    running, before = machine.running, machine.count_left()
    (calm,) = running.submit("founder", client_key="calm", **OFTEN, **MEDICINE)
    (hurt,) = running.submit("founder", client_key="hurt", **OFTEN, **MEDICINE)
    machine.preempt(machine.wait_for_attempt(hurt, 1))
    machine.crash(machine.wait_for_attempt(hurt, 2))
    machine.wait_for_attempt(hurt, 3)
    long = machine.submit_limited(client_key="long", **OFTEN, run=COUNTING)
    running.run_to_end(calm.id, hurt.id, long.id, seconds=600)

    for job in (calm, hurt, long):
        assert running.job(job.id).state is JobState.COMPLETED, running.sentences(job.id)
    of_calm, attempts, of_long = (running.attempts(job.id) for job in (calm, hurt, long))
    assert [each.reason for each in attempts] == [
        EndReason.PREEMPTED, EndReason.NODE_FAIL, EndReason.COMPLETED,
    ]  # fmt: skip
    *limited, last = [each.reason for each in of_long]
    assert (set(limited), last) == ({EndReason.TIMEOUT}, EndReason.COMPLETED)
    refunds = [each.refunded_seconds for each in attempts]
    assert refunds == [0, attempts[1].used_seconds, 0]
    used = sum(each.used_seconds for each in (*of_calm, *attempts, *of_long))
    # What a cluster accounts for may come later than the end.
    running.beat_until(lambda: before - machine.count_left() == used - sum(refunds), seconds=240)
    assert ledger.check(running.person("auditor")).is_clean
    check_model(machine, calm, hurt)


def check_model(machine: Machine, calm: Job, hurt: Job) -> None:
    """The model is that of the undisturbed run to the bit; the record tells what it took."""
    founder = machine.running.person("founder")
    found = [models.find_model_of_job(founder, job.id) for job in (calm, hurt)]
    calm_model, model = found
    contents = [machine.backend.read_output(job.id, "model.safetensors") for job in (calm, hurt)]
    assert contents[0] == contents[1]
    run = model.record["run"]
    assert (run["preemptions"], run["node_failures"]) == (1, 1)
    assert run["attempts"] == len(machine.running.attempts(hurt.id))
    assert is_record_whole(model.record)
    assert model.record["model"] | {"id": ""} == calm_model.record["model"] | {"id": ""}
    assert "medicine" in model.card
