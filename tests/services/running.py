"""A factory that really runs jobs: the story's projects, a local backend in a folder of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from allmende.backends.local import LocalBackend
from allmende.domain.basics.people import DAEMON, Person
from allmende.domain.basics.sites import Partition
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.job_files import parse_job_file
from allmende.services import cycle, jobs, submissions
from allmende.services.cycle import CycleReport
from allmende.services.deeds import Deed
from allmende.services.story import Story
from allmende.services.workshop import Workshop
from allmende.storage.jobs import JobRow
from allmende.wiring import stage
from allmende.wiring.assembly import build_workshop
from tests.services.told_story import tell_up_to_the_awards

PARTITION = "werkbank"
# Of a busy machine, too: no test waits for so long unless something is wrong. A machine that
# stood still meanwhile gets its heartbeats all the same.
LONGEST_SECONDS, FEWEST_BEATS = 120.0, 10


@dataclass
class Running:
    """Everybody of the demo with an award, and a partition on which jobs run."""

    story: Story
    workshop: Workshop
    backend: LocalBackend
    latest: CycleReport | None = None  # of the last heartbeat

    def backend_of(self, _partition_id: str) -> LocalBackend:
        return self.backend

    def configure(self, **changes: object) -> Partition:
        """Change the configuration of the partition, as an operator does between two starts."""
        self.workshop = configured(self.workshop, **changes)
        return self.workshop.factory.get_partition(PARTITION)

    def act(self, key: str) -> Deed:
        return self.story.act(self.person(key))

    def person(self, key: str) -> Person:
        return self.story.persons[key]

    def beat(self) -> CycleReport:
        act = self.story.act(DAEMON)
        self.latest = cycle.run_cycle(act, PARTITION, workshop=self.workshop)
        return self.latest

    def beat_until(
        self, is_reached: Callable[[], object], *, seconds: float = LONGEST_SECONDS
    ) -> None:
        ends_by, beats = time.monotonic() + seconds, 0
        while not is_reached():
            assert time.monotonic() < ends_by or beats < FEWEST_BEATS, "it takes too long"
            beats += 1
            self.beat()
            time.sleep(0.05)

    def submit(self, key: str, client_key: str = "k", **file: object) -> list[Job]:
        spec = parse_job_file({"name": "try", "max_duration": "30s", **file})
        return submissions.submit_job(
            self.act(key),
            spec,
            project_id=self.story.projects[key],
            client_key=client_key,
            workshop=self.workshop,
        )

    def job(self, job_id: str) -> Job:
        return jobs.get_job(self.person("auditor"), job_id).job

    def attempts(self, job_id: str):
        return jobs.get_job(self.person("auditor"), job_id).attempts

    def sentences(self, job_id: str) -> list[str]:
        events = jobs.list_job_events(self.person("auditor"), job_id)
        return [str(event.sentence) for event in events]

    def run_to_end(self, *job_ids: str, seconds: float = LONGEST_SECONDS) -> None:
        self.beat_until(lambda: all(self.job(j).ended_at for j in job_ids), seconds=seconds)

    def beat_until_alive(self, key: str) -> None:
        """Beat until the node of an attempt has given a sign of life, so that it used a second."""
        job_id, _, number = key.rpartition(".")
        attempt = self.backend.folders.root / job_id / "attempts" / number
        self.beat_until((attempt / "alive.json").exists)


def end_pauses() -> None:
    """Let whoever pauses after a failure try again now."""
    JobRow.objects.filter(retry_at__isnull=False).update(retry_at=None)


def configured(workshop: Workshop, **changes: object) -> Workshop:
    """Return a workshop whose partition is configured otherwise."""
    whole = workshop.factory
    old = whole.get_partition(PARTITION)
    new = replace(old, **changes)
    sites = tuple(
        replace(site, partitions=tuple(new if p is old else p for p in site.partitions))
        for site in whole.sites
    )
    return replace(workshop, factory=replace(whole, sites=sites))


@contextmanager
def a_running_factory(folder: Path, *, python: str = "") -> Iterator[Running]:
    """Play the story up to the awards; afterwards, end what still runs.

    `python`: what stands for the environments of all blueprints, which else have to be prepared.
    """
    backend = LocalBackend(folder / "work", minimum_free_bytes=0)
    workshop = replace(build_workshop(), backend_of=lambda _: backend)
    story = tell_up_to_the_awards(workshop)
    if python:
        workshop = replace(workshop, environment_python=lambda _: python)
    try:
        yield Running(story=story, workshop=workshop, backend=backend)
    finally:
        stage.end_running(folder / "work")
