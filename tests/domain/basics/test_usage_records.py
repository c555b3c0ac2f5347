from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from allmende.domain.basics.usage_records import UsageRecord

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUN = UsageRecord(
    cluster="jureca",
    job_id=17,
    submitted_at=NOON,
    restarts=2,
    user_name="meyer",
    account="p-1",
    partition="booster",
    state="COMPLETED",
    started_at=NOON + timedelta(minutes=1),
    ended_at=NOON + timedelta(minutes=3),
    allocated_nodes=2,
    allocated_gpus=8,
    comment="allmende:j-7k2m9x4q.3",
)


def test_a_run_is_named_by_cluster_job_submission_and_restarts():
    assert RUN.key == f"jureca:17:{int(NOON.timestamp())}:2"
    assert replace(RUN, restarts=3).key != RUN.key
    assert replace(RUN, submitted_at=NOON + timedelta(seconds=1)).key != RUN.key


def test_what_was_allocated_is_counted_by_gpus_or_by_nodes():
    assert RUN.allocated_seconds(counts_gpus=True) == 120 * 8
    assert RUN.allocated_seconds(counts_gpus=False) == 120 * 2


@pytest.mark.parametrize("name", ["started_at", "ended_at"])
def test_a_run_that_did_not_start_or_not_end_has_used_nothing_yet(name):
    assert replace(RUN, **{name: None}).elapsed_seconds == 0


def test_a_requeue_makes_the_next_attempt_of_the_job():
    assert RUN.attempt_key == "j-7k2m9x4q.5"


@pytest.mark.parametrize(
    "comment", ["", "mine", "allmende:", "allmende:j-1", "allmende:j-1.x", "allmende:.1"]
)
def test_other_comments_name_no_attempt(comment):
    assert replace(RUN, comment=comment).attempt_key == ""
