"""What a run on Slurm used: read from the rows of its steps, and measured on a real one."""

from datetime import UTC, datetime

import pytest

from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.steps import StepUse, parse_bytes, parse_duration, parse_steps
from allmende.domain.basics.usage_records import UsageRecord
from tests.backends.contract import a_launch, observe, wait_for_end
from tests.backends.slurm_site import ACCOUNT, USER, a_backend, a_cluster, a_folder

# 22.05, recorded with --noconvert: a job that ran twice, and another one.
SAID = """\
8|1795683011|00:04.385|
8.batch|1795683011|00:00.010|12673024
8.0|1795683011|00:04.374|223531008
8|1795683100|01:00.000|
8.batch|1795683100|00:00.500|
8.0|1795683101|01:00.250|4096
9.0|1795683012|02:00:00|999999999999
"""


def a_run(begin: int, end: int) -> UsageRecord:
    return UsageRecord(
        cluster="lab",
        job_id=8,
        submitted_at=datetime.fromtimestamp(begin, UTC),
        user_name="meyer",
        account="p-1",
        partition="booster",
        state="COMPLETED",
        started_at=datetime.fromtimestamp(begin, UTC),
        ended_at=datetime.fromtimestamp(end, UTC),
    )


def test_each_run_of_a_requeued_job_has_its_own_steps():
    first, second = a_run(1795683011, 1795683021), a_run(1795683100, 1795683200)
    assert parse_steps(SAID, first) == StepUse(cpu_seconds=4.384, max_memory_bytes=223531008)
    assert parse_steps(SAID, second) == StepUse(cpu_seconds=60.75, max_memory_bytes=4096)
    assert parse_steps("", first) == StepUse()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("00:04.375", 4.375), ("01:02:03", 3723), ("2-01:00:00", 176_400)],
)
def test_every_form_of_a_duration_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("4096", 4096), ("2K", 2048), ("1.5M", 1572864)]
)
def test_every_form_of_an_amount_of_memory_is_read(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("row", ["8.0|1795683011|soon|1", "8.0|1795683011|00:01", "x.0|1|00:01|1"])
def test_a_row_of_another_shape_is_no_answer(row):
    with pytest.raises(UnreadableAnswer):
        parse_steps(row, a_run(1795683011, 1795683021))


def test_a_real_slurm_measures_what_a_job_uses(slurm_lab):
    slurm_lab.add_account(ACCOUNT, USER)
    work = "x = bytearray(100 * 2**20); import time\nwhile time.process_time() < 2: pass"
    with a_folder() as folder:
        backend = a_backend(a_cluster(slurm_lab, folder))
        launch = a_launch(command=("python3", "-c", work))
        backend.start(launch)
        seen = wait_for_end(backend, launch.key)
        assert 1.9 < seen.cpu_seconds < 4
        assert 100 * 2**20 < seen.max_memory_bytes < 2**30
        assert observe(a_backend(backend.cluster), launch.key) == seen  # noted for good
