"""Borrowers yield to whom the nodes are owed: as many as are needed, and no more."""

from pathlib import Path

import pytest

from allmende.domain.scheduling.backends import EndReason
from tests.services.running import Running, a_running_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def factory(tmp_path: Path):
    with a_running_factory(tmp_path) as running:
        yield running


def test_while_a_borrower_saves_its_work_no_other_is_stopped(factory: Running):
    # They take their time to stop, as those do that save a large checkpoint.
    slow = "trap 'sleep 3; exit 0' TERM; while true; do sleep 0.1; done"
    borrowers = [
        job.id
        for number in range(6)
        for job in factory.submit("corporation", f"b{number}", run=slow, max_duration="4m")
    ]
    factory.beat_until(lambda: all(factory.job(job_id).started_at for job_id in borrowers))
    (owed,) = factory.submit("founder", run="true", max_duration="4m")
    factory.beat_until(lambda: factory.job(owed.id).started_at is not None)
    stopped = [
        job_id
        for job_id in borrowers
        if any(each.stop_reason is EndReason.PREEMPTED for each in factory.attempts(job_id))
    ]
    assert len(stopped) == 1
