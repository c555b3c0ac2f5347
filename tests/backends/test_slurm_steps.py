"""What a run on Slurm used: read from the rows of its steps, and measured on a real one."""

from datetime import UTC, datetime

import pytest

from allmende.backends.slurm.answers import UnreadableAnswer
from allmende.backends.slurm.steps import StepUse, parse_bytes, parse_duration, parse_steps
from tests.backends.contract import a_launch, observe, wait_for_end
from tests.backends.slurm_site import ACCOUNT, USER, a_backend, a_cluster, a_folder

# 22.05, with --noconvert: a job that ran twice, and others.
SAID = """\
8|1795683010|00:04.385|
8.batch|1795683011|00:00.010|12673024
8.0|1795683012|00:04.374|223531008
8|1795683100|01:00.000|
8.batch|1795683221|00:00.500|
8.0|1795683222|01:00.250|4096
9|1795683010|00:00:00|
10|1795683012|02:00:00|
10.0|1795683013|02:00:00|999999999999
"""


def test_each_run_of_a_requeued_job_has_the_steps_below_it():
    uses = parse_steps(SAID)
    first, second, other = (datetime.fromtimestamp(1795683000 + n, UTC) for n in (10, 100, 12))
    assert set(uses) == {(8, first), (8, second), (10, other)}
    assert uses[8, first] == StepUse(cpu_seconds=4.384, max_memory_bytes=223531008)
    assert uses[8, second] == StepUse(cpu_seconds=60.75, max_memory_bytes=4096)
    assert parse_steps("") == {}


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


@pytest.mark.parametrize(
    "rows",
    [
        "8|1|00:00|\n8.0|1|soon|1",
        "8|1|00:00|\n8.0|1|00:01",
        "8|1|00:00|\n9.0|1|00:01|1",
        "8.0|1|00:01|1",
        "8|Unknown|00:00|",
        "x|1|00:01|1",
    ],
)
def test_rows_of_another_shape_are_no_answer(rows):
    with pytest.raises(UnreadableAnswer):
        parse_steps(rows)


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
