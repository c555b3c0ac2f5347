"""Jobs on a cluster that places them itself: one in memory, so that each step is seen."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import PartitionStatus, RunAs, SlurmCluster
from allmende.domain.scheduling.backends import (
    AttemptState,
    EndReason,
    Launch,
    Observation,
    StartEstimate,
)
from allmende.domain.scheduling.jobs import JobState
from allmende.domain.training.job_files import parse_job_file
from allmende.services import (
    budgets,
    cluster_accounts,
    cycle,
    forecasts,
    hand_overs,
    jobs,
    launches,
    previews,
)
from allmende.services.cluster_accounts import NoAccountThere
from allmende.services.launches import NodesSeeNoBlueprint
from tests.services.access import HOUR
from tests.services.running import PARTITION, Running, a_running_factory
from tests.services.test_quotas import LINEAR, adopt, use

QUEUED = Sentence("Other jobs go first.")


@dataclass
class Cluster:
    """Keeps what it is given, and says of it what a test wants it to say."""

    seen: dict[str, Observation] = field(default_factory=dict)
    launches: list[Launch] = field(default_factory=list)
    stopped: list[tuple[str, EndReason]] = field(default_factory=list)
    nices: dict[str, int] = field(default_factory=dict)

    def start(self, launch: Launch) -> None:
        if launch.key not in self.seen:
            self.launches.append(launch)
            self.say(launch.key, AttemptState.QUEUED, wait=QUEUED)

    def stop(self, key: str, *, reason: EndReason, grace_seconds: int) -> None:
        self.stopped.append((key, reason))

    def set_nice(self, wanted) -> None:
        self.nices = dict(wanted)

    def observe(self, keys):
        return [
            self.seen.get(key, Observation(key=key, state=AttemptState.UNKNOWN)) for key in keys
        ]

    def list_output(self, _job_id: str) -> dict[str, int]:
        return {}

    def say(self, key: str, state: AttemptState, **facts: object) -> None:
        self.seen[key] = Observation(key=key, state=state, **facts)

    def run(self, key: str, **facts: object) -> None:
        began = wiring.now() - timedelta(seconds=30)
        self.say(key, AttemptState.RUNNING, started_at=began, nodes=("n1",), **facts)

    def end(self, key: str, reason: EndReason, *, allocated_seconds: int = 21) -> None:
        now = wiring.now()
        ran = reason is not EndReason.CANCELLED
        self.say(
            key,
            AttemptState.ENDED,
            started_at=now - timedelta(seconds=20) if ran else None,
            ended_at=now,
            reason=reason,
            nodes=("n1",) if ran else (),
            allocated_seconds=allocated_seconds if ran else 0,
        )


@pytest.fixture
def factory(tmp_path: Path, db: None) -> Iterator[Running]:
    with a_running_factory(tmp_path) as running:
        yield running


@pytest.fixture
def cluster(factory: Running) -> Cluster:
    cluster = Cluster()
    sites = tuple(
        replace(
            site,
            slurm=SlurmCluster(cluster="lab", work_folder="/nowhere", run_as=RunAs.NOBODY),
            partitions=tuple(
                replace(each, status=PartitionStatus.SLURM) if each.id == PARTITION else each
                for each in site.partitions
            ),
        )
        for site in factory.workshop.factory.sites
    )
    factory.workshop = replace(
        factory.workshop,
        factory=replace(factory.workshop.factory, sites=sites),
        backend_of=lambda _: cluster,
    )
    return cluster


def budget_of(factory: Running):
    return budgets.get_budget(factory.person("founder"), factory.story.projects["founder"])


def test_a_job_waits_in_the_cluster_then_runs_there_and_is_charged_what_the_cluster_says(
    factory: Running, cluster: Cluster
):
    before = budget_of(factory)
    (job,) = factory.submit("founder", run="true", resources={"constraint": "a100&ib"})
    factory.beat()
    (launch,) = cluster.launches
    assert (launch.account, launch.qos, launch.nodes) == (job.project_id, job.group_id, ())
    assert launch.constraint == "a100&ib"
    assert factory.job(job.id).state is JobState.PENDING
    factory.beat()
    assert factory.job(job.id).wait == QUEUED
    cluster.run(launch.key)
    factory.beat()
    assert factory.job(job.id).state is JobState.RUNNING
    assert factory.attempts(job.id)[0].nodes == ("n1",)
    cluster.end(launch.key, EndReason.COMPLETED, allocated_seconds=17)
    factory.beat()
    assert factory.job(job.id).state is JobState.COMPLETED
    after = budget_of(factory)
    assert before.available_seconds - after.available_seconds == 17
    assert after.held_seconds == 0
    assert len(cluster.launches) == 1


@pytest.mark.parametrize("reason", [EndReason.COMPLETED, EndReason.TIMEOUT, EndReason.FAILED])
def test_a_job_may_begin_and_end_between_two_heartbeats(factory, cluster, reason):
    (job,) = factory.submit("founder", run="true")
    factory.beat()
    cluster.end(f"{job.id}.1", reason)
    factory.beat()
    assert factory.job(job.id).state.value == reason.value
    assert factory.job(job.id).started_at is not None


def test_a_job_that_waits_there_is_called_back_and_its_hours_return(factory, cluster):
    before = budget_of(factory)
    (job,) = factory.submit("founder", run="true")
    factory.beat()
    jobs.cancel_job(factory.act("founder"), job.id)
    assert factory.job(job.id).state is JobState.PENDING  # it could still begin at this moment
    assert budget_of(factory).held_seconds > 0
    factory.beat()
    assert cluster.stopped == [(f"{job.id}.1", EndReason.CANCELLED)]
    cluster.end(f"{job.id}.1", EndReason.CANCELLED)
    factory.beat()
    assert factory.job(job.id).state is JobState.CANCELLED
    assert budget_of(factory) == before


def test_a_job_that_began_while_it_was_called_back_is_charged_all_the_same(factory, cluster):
    before = budget_of(factory)
    (job,) = factory.submit("founder", run="true")
    factory.beat()
    jobs.cancel_job(factory.act("founder"), job.id)
    cluster.end(f"{job.id}.1", EndReason.PREEMPTED, allocated_seconds=5)
    factory.beat()
    assert factory.job(job.id).state is JobState.CANCELLED
    assert before.available_seconds - budget_of(factory).available_seconds == 5


@pytest.mark.parametrize("reason", [EndReason.PREEMPTED, EndReason.NODE_FAIL])
def test_a_run_that_the_cluster_cut_short_is_followed_by_the_next_attempt(factory, cluster, reason):
    (job,) = factory.submit("founder", run="true")
    factory.beat()
    cluster.end(f"{job.id}.1", reason)
    factory.beat()
    factory.beat()
    assert [launch.key for launch in cluster.launches] == [f"{job.id}.1", f"{job.id}.2"]
    first, second = factory.attempts(job.id)
    assert first.reason is reason
    assert first.refunded_seconds == (21 if reason is EndReason.NODE_FAIL else 0)
    assert not second.is_settled


def test_only_so_many_jobs_of_a_project_wait_in_the_cluster(factory, cluster, monkeypatch):
    monkeypatch.setattr(hand_overs, "MOST_QUEUED_OF_A_PROJECT", 3)
    monkeypatch.setattr(hand_overs, "AT_ONCE", 2)
    ids = [factory.submit("founder", client_key=f"k{n}", run="true")[0].id for n in range(5)]
    factory.beat()
    assert len(cluster.launches) == 2
    factory.beat()
    factory.beat()
    assert [launch.job_id for launch in cluster.launches] == ids[:3]
    assert factory.job(ids[4]).wait == hand_overs.LATER
    cluster.run(f"{ids[0]}.1")
    factory.beat()  # it is seen to run after it was decided who goes
    factory.beat()
    assert len(cluster.launches) == 4


def test_siblings_that_wait_in_the_cluster_take_the_places_of_a_throttled_array(factory, cluster):
    factory.submit("founder", run="true", array="1-5%2")
    for _ in range(3):
        factory.beat()
    assert len(cluster.launches) == 2


def test_a_beat_after_a_crash_gives_nothing_twice(factory: Running, cluster: Cluster):
    partition = factory.workshop.factory.get_partition(PARTITION)
    for number in range(3):
        factory.submit("founder", client_key=f"k{number}", run="true")
    hand_overs.hand_over(factory.story.act(DAEMON), partition)  # and here the daemon is killed
    for _ in range(3):
        factory.beat()
    assert Counter(launch.key for launch in cluster.launches).most_common(1)[0][1] == 1
    assert len(cluster.launches) == 3


def preview(factory: Running, predict, **changes):
    """Return what is asked of a cluster, and the preview with what it answers."""
    asked = []

    def answer(_partition, launch):
        asked.append(launch)
        return predict

    (job,) = factory.submit("founder", run="true", **changes)
    found = previews.preview_job(
        factory.person("founder"),
        parse_job_file(job.spec),
        project_id=job.project_id,
        now=wiring.now(),
        workshop=replace(factory.workshop, predict_start=answer),
    )
    return asked, found


def test_a_cluster_that_cannot_say_when_it_starts_a_job_gives_its_reason(factory, cluster):
    unknown = StartEstimate(at=None, sentence=Sentence("Slurm is away."))
    _, found = preview(factory, unknown)
    assert found.options == ()
    assert "is not known: Slurm is away" in found.start_note.english()


@pytest.mark.parametrize("changes", [{}, {"partition": PARTITION}])
def test_a_cluster_is_asked_once_when_it_would_start_a_job(factory, cluster, changes):
    at = wiring.now() + timedelta(hours=3)
    known = StartEstimate(at=at, sentence=Sentence("Slurm's own estimate."))
    (launch,), found = preview(factory, known, **changes)
    assert (launch.qos, launch.num_nodes, launch.key) == ("sme", 1, "")
    assert launch.account == factory.story.projects["founder"]
    forecast = found.options[0].forecast
    assert (forecast.median_at, forecast.estimate) == (at, known)
    assert "Slurm's own estimate" in forecasts.say_forecast(forecast).english()
    if found.choice:
        assert found.choice.verdicts[0].start_note == known.sentence


def test_who_has_no_account_there_sends_no_job(factory: Running, cluster: Cluster):
    site = next(site for site in factory.workshop.factory.sites if site.partitions[-1].is_on_slurm)
    asking = replace(site, slurm=replace(site.slurm, run_as=RunAs.SUDO))
    founder = factory.person("founder")
    with pytest.raises(NoAccountThere, match="no account"):
        cluster_accounts.get_user_name(asking, founder.id)
    assert cluster_accounts.get_user_name(site, founder.id) == ""
    assert issubclass(NoAccountThere, Refusal)


def test_a_project_over_its_quota_goes_after_the_others_in_the_cluster_too(factory, cluster):
    adopt(factory, LINEAR)
    use(factory, "founder", 3 * HOUR)
    (late,) = factory.submit("founder", run="true")
    (other,) = factory.submit("startup", run="true")
    factory.beat()
    nices = {launch.job_id: launch.nice for launch in cluster.launches}
    assert nices == {late.id: launches.NICE_IF_LATE, other.id: 0}
    (*_, event) = jobs.list_job_events(factory.person("founder"), late.id)
    assert "Its project has used its quota" in event.sentence.english()


def test_what_waits_in_the_cluster_follows_the_quota_of_its_project(factory, cluster):
    (job,), (other,) = (factory.submit(key, run="true") for key in ("founder", "startup"))
    factory.beat()
    assert cluster.nices == {}  # without quotas nothing is asked
    adopt(factory, LINEAR)
    factory.beat()
    assert cluster.nices == {f"{job.id}.1": 0, f"{other.id}.1": 0}
    use(factory, "founder", 3 * HOUR)
    factory.beat()
    assert cluster.nices == {f"{job.id}.1": launches.NICE_IF_LATE, f"{other.id}.1": 0}
    cluster.run(f"{other.id}.1")
    later = replace(factory.story.act(DAEMON), now=wiring.now() + timedelta(days=60))
    for _ in range(2):  # the first sees that the other one runs
        cycle.run_cycle(later, PARTITION, workshop=factory.workshop)
    assert cluster.nices == {f"{job.id}.1": 0}


def test_a_blueprint_that_the_nodes_do_not_see_is_refused_until_its_folder_is_shared(
    factory, cluster
):
    places = {"environment_python": lambda _: "/env/python", "blueprint_folder": lambda _: "/bp"}
    factory.workshop = replace(factory.workshop, **places)
    with pytest.raises(NodesSeeNoBlueprint, match="do not see /env/python"):
        factory.submit("founder", blueprint="medicine")
    whole = factory.workshop.factory
    sites = tuple(
        replace(site, slurm=replace(site.slurm, shared_folders=("/env", "/bp")))
        for site in whole.sites
    )
    factory.workshop = replace(factory.workshop, factory=replace(whole, sites=sites))
    assert factory.submit("founder", blueprint="medicine")
