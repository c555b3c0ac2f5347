"""The cycle when a job spoils its own files: that one fails, is charged, and stops no other."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON
from allmende.domain.scheduling.backends import EndReason
from allmende.domain.scheduling.jobs import JobState
from allmende.services import allocations, ledger, trainings
from allmende.services.errands import NobodyAtSite
from tests.services.running import PARTITION, Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


def budget(factory: Running, key: str):
    return allocations.get_budget(factory.person(key), factory.story.projects[key])


def test_a_job_whose_next_attempt_cannot_start_fails_and_keeps_no_node(factory: Running):
    spoil = 'rm -rf "$ALLMENDE_OUT"; touch "$ALLMENDE_OUT"; kill -9 $PPID; sleep 5'
    (job,) = factory.submit("founder", client_key="spoilt", run=spoil)
    factory.beat_until(lambda: factory.job(job.id).attempts == 2)
    (other,) = factory.submit("founder", client_key="other", run="true")
    factory.run_to_end(job.id, other.id)
    assert factory.job(other.id).state is JobState.COMPLETED
    assert factory.job(job.id).state is JobState.FAILED
    assert str(factory.job(job.id).end).endswith(
        "File exists: out. A job may fill the folders that it is given, and does not replace them. "
        "Submit it again."
    )
    assert [a.reason for a in factory.attempts(job.id)] == [EndReason.NODE_FAIL, EndReason.FAILED]
    assert budget(factory, "founder").held_seconds == 0


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param('mv "${TMPDIR%/*}" away', id="its runner's folder is gone"),
        pytest.param(
            'cd "${TMPDIR%/*}"; echo "[]" > started.json; kill -9 $PPID',
            id="its start is illegible",
        ),
        pytest.param(
            'cd "${TMPDIR%/*}/.."; mv 1 ../1; touch 1; kill -9 $PPID', id="its folder is a file"
        ),
    ],
)
def test_a_job_that_removes_its_traces_is_charged_and_never_starts_again(
    factory: Running, tmp_path: Path, spoil: str
):
    script = f"echo started >> {tmp_path}/log; sleep 1.2; {spoil}; sleep 25"
    (job,) = factory.submit("founder", run=script)
    factory.run_to_end(job.id)
    (attempt,) = factory.attempts(job.id)
    assert factory.job(job.id).state is JobState.FAILED
    assert (tmp_path / "log").read_text() == "started\n"
    assert "nobody can say how it ended" in str(factory.job(job.id).end)
    after = budget(factory, "founder")
    assert 2 <= attempt.used_seconds == after.consumed_seconds - after.refunded_seconds
    assert after.held_seconds == 0
    assert ledger.check(factory.person("auditor")).is_clean


class Unforeseen(LocalBackend):
    """Meets something that nobody foresaw, at one step with one job."""

    step, job_id = "", ""

    def start(self, launch):
        if (self.step, self.job_id) == ("start", launch.job_id):
            raise RuntimeError("a mistake of ours")
        super().start(launch)

    def observe(self, keys):
        seen = super().observe(keys)
        if self.step != "settle":
            return seen
        return [replace(s, reason=None) if s.key.startswith(self.job_id) else s for s in seen]

    def list_output(self, job_id):
        if (self.step, self.job_id) == ("read", job_id):
            raise OSError("a mistake of ours")
        return super().list_output(job_id)

    def read_output(self, job_id, name, **piece):
        if (self.step, self.job_id) == ("ask", job_id):
            raise NobodyAtSite(site="grünau")
        return super().read_output(job_id, name, **piece)


def test_a_model_that_the_database_refuses_is_left_out_and_stops_no_other(factory: Running):
    act = factory.story.act

    def act_with_few_ids(person):
        deed = act(person)
        give = {"m": lambda _: "m-twice"}
        return replace(deed, new_id=lambda kind: give.get(kind, deed.new_id)(kind))

    factory.story.act = act_with_few_ids
    run = 'echo weights > "$ALLMENDE_OUT/model"'
    both = {factory.submit("founder", client_key=f"k{n}", run=run)[0].id for n in range(2)}
    factory.run_to_end(*both)
    factory.beat_until(lambda: len(factory.latest.mistakes) == 1)
    (other,) = (job_id for job_id in both if factory.job(job_id).outputs_read_at is None)
    assert sum("left out" in sentence for sentence in factory.sentences(other)) == 1


@pytest.mark.parametrize("step", ["start", "settle", "read", "ask"])
def test_a_job_that_meets_a_mistake_of_ours_waits_for_its_end_alone(factory: Running, step: str):
    backend = Unforeseen(factory.backend.folders.root, minimum_free_bytes=0)
    factory.workshop = replace(factory.workshop, backend_of=lambda _: backend)
    first, second = (
        factory.submit("founder", client_key=f"k{n}", run="touch $ALLMENDE_OUT/model")[0].id
        for n in range(2)
    )
    backend.step, backend.job_id = step, first
    factory.beat_until(lambda: factory.job(second).outputs_read_at is not None)
    factory.beat_until(lambda: [m.job_id for m in factory.latest.mistakes] == [first])
    assert sum("left out" in sentence for sentence in factory.sentences(first)) == 1
    backend.step = ""
    factory.beat_until(lambda: factory.job(first).outputs_read_at is not None)
    assert factory.job(first).state is JobState.COMPLETED
    assert factory.sentences(first)[-1].startswith("Its model is registered")


def test_what_cannot_be_read_is_tried_ever_less_often_and_takes_no_time_from_others(
    factory: Running, monkeypatch: pytest.MonkeyPatch
):
    backend = Unforeseen(factory.backend.folders.root, minimum_free_bytes=0)
    factory.workshop = replace(factory.workshop, backend_of=lambda _: backend)
    (job,) = factory.submit("founder", run="touch $ALLMENDE_OUT/model")
    backend.step, backend.job_id = "read", job.id
    clock = SimpleNamespace(monotonic=lambda: second)
    second = 0
    monkeypatch.setattr(trainings, "time", clock)
    factory.run_to_end(job.id)
    partition, tried_at = factory.workshop.factory.get_partition(PARTITION), []
    for second in range(1, 1900):
        deed = factory.story.act(DAEMON)
        if trainings.register_trainings(deed, partition, workshop=factory.workshop):
            tried_at.append(second)
    assert tried_at == [1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1623]
    assert sum("left out" in sentence for sentence in factory.sentences(job.id)) == 1
    backend.step, second = "", 2300
    factory.beat()
    assert factory.sentences(job.id)[-1].startswith("Its model is registered")
