"""The order to Slurm, compared with texts that people have read; and how ends are described."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from allmende.backends.slurm.endings import Order, Traces, describe_ending
from allmende.backends.slurm.places import Place
from allmende.backends.slurm.submission import (
    LOG_KEEPER,
    Tools,
    render_script,
    render_secrets,
    sbatch_options,
)
from allmende.backends.slurm.waits import describe_wait
from allmende.domain.basics.usage_records import UsageRecord
from allmende.domain.scheduling.backends import EndReason, Launch
from tests.backends.contract import a_launch

GOLDEN = Path(__file__).parent / "recordings/batch-script.sh"
PLACE = Place(Path("/shared/work/j-7k2m9x4q"))
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ORDER = Order(
    time_limit_seconds=3600,
    grace_seconds=30,
    memory_bytes_per_node=2**30,
    command="train",
    workdir="src",
)


def a_job(**changes):
    facts = {
        "job_id": "j-7k2m9x4q",
        "attempt": 2,
        "nodes": (),
        "num_nodes": 4,
        "gpus_per_node": 4,
        "cores_per_node": 72,
        "command": ("torchrun", "train.py", "--title", "it's"),
        "environment": {"SEED": "1", "ALLMENDE_OUT": "/elsewhere", "bad-name": "x"},
        "workdir": "src",
        "time_limit_seconds": 3600,
        "grace_seconds": 30,
        "account": "p-1",
        "qos": "sme",
        "partition": "booster",
        "constraint": "gpu&large",
    }
    return a_launch(**facts | changes)


def test_the_batch_script_is_the_one_that_was_read():
    script = render_script(a_job(), PLACE, tools=Tools("/opt/slurm/bin"))
    assert script.replace(shlex.quote(LOG_KEEPER), "'...'") == GOLDEN.read_text()


def play(folder: Path, launch: Launch, srun: str, **changes: str) -> Place:
    """Run the batch script of a launch, with words changed; srun is played by some lines of bash.

    Return the job's folders.
    """
    (folder / "srun").write_text(f"#!/bin/bash\n{srun}\n")
    (folder / "srun").chmod(0o755)
    place = Place(folder / "it's here")
    place.root.mkdir()
    place.prepare(1, user_name="")
    script = render_script(launch, place, tools=Tools(str(folder)), log_bytes=100)
    for word, other in changes.items():
        script = script.replace(word, other)
    environment = {"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "jp1"}
    # Slurm ends what the script leaves behind. Here its clock would send a signal at the limit to
    # whichever process has its number by then.
    with subprocess.Popen(
        ["/bin/bash"], stdin=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as job:
        try:
            job.communicate(script)
        finally:
            with contextlib.suppress(ProcessLookupError):  # it left nothing
                os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode == 0
    return place


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("value", ["", "it's", "$(reboot)", "a\nb", "`id`", '"; exit 9; "'])
def test_whatever_stands_in_a_variable_or_an_argument_arrives_as_it_is(tmp_path, value):
    seen = tmp_path / "seen"
    print_all = 'printf "%s|%s|%s" "$1" "$X" "$ALLMENDE_OUT" > "$SEEN"'
    launch = a_launch(
        job_id="j-1",
        command=("/bin/bash", "-c", print_all, "-", value),
        # Some have the names of the script's own.
        environment={
            "X": value,
            "SEEN": str(seen),
            "runs": str(tmp_path),
            "attempt": "9",
            "PATH": "/",
        },
    )
    # It runs what it was given, on this one node.
    place = play(
        tmp_path, launch, 'while [ "$1" != /bin/bash ]; do shift; done; SLURM_PROCID=0 "$@"'
    )
    assert seen.read_text() == f"{value}|{value}|{place.home}/out"
    assert place.find_claim(1) == "17"
    assert [path.name for path in sorted(place.runs.iterdir())] == ["1.0.end", "1.job", "1.log"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_without_python_on_the_nodes_a_log_has_its_beginning_and_says_what_is_missing(tmp_path):
    for words, kept in (("x" * 90, "x" * 90), ("x" * 150, f"{'x' * 100}\n[50 bytes are left out")):
        folder = tmp_path / kept[-1]
        folder.mkdir()
        place = play(folder, a_launch(), f"printf %s {words} > /dev/fd/4", python3="no-python")
        assert (place.runs / "1.log").read_text().startswith(kept)


def test_options_say_all_that_the_launch_asks_for():
    assert sbatch_options(a_job(requeue=True), PLACE) == (
        "--parsable",
        "--comment=allmende:j-7k2m9x4q.2",
        "--job-name=j-7k2m9x4q.2",
        "--account=p-1",
        "--qos=sme",
        "--partition=booster",
        "--constraint=gpu&large",
        "--gres=gpu:4",
        "--mem=512",
        "--nodes=4",
        "--ntasks-per-node=1",
        "--cpus-per-task=72",
        "--time=61",
        "--signal=B:USR1@30",
        "--requeue",
        "--open-mode=append",
        "--output=/shared/work/j-7k2m9x4q/runs/2.slurm.log",
        "--chdir=/shared/work/j-7k2m9x4q/home",
        "--export=NIL",
    )


def test_options_leave_out_what_is_not_asked_for():
    assert "--nice=7" in sbatch_options(a_launch(nice=7), PLACE)
    said = sbatch_options(a_launch(memory_bytes_per_node=0), PLACE)
    names = {option.split("=")[0] for option in said}
    assert names.isdisjoint(
        {"--account", "--qos", "--partition", "--gres", "--mem", "--requeue", "--nice"}
    )
    assert "--no-requeue" in said


def a_run(state: str, *, exit_code: int | None = 0, **changes) -> UsageRecord:
    facts = {"started_at": NOON, "ended_at": NOON, "partition": "booster", "account": "p-1"}
    return UsageRecord(
        cluster="lab",
        job_id=17,
        submitted_at=NOON,
        user_name="meyer",
        state=state,
        exit_code=exit_code,
        **facts | changes,
    )


BY_ITSELF = Traces(exit_code=0, exit_kind="exit_code", exit_node="jp1")
FAILED = Traces(exit_code=3, exit_kind="exit_code", exit_node="jp2")
STOPPED = Traces(
    stop=EndReason.CANCELLED, stop_grace_seconds=9, asked="requested", exit_code=0, exit_kind="x"
)


@pytest.mark.parametrize(
    ("run", "traces", "reason", "words"),
    [
        (a_run("COMPLETED"), BY_ITSELF, "completed", "complete"),
        (a_run("COMPLETED"), STOPPED, "cancelled", "stopped when it was asked to"),
        (a_run("FAILED", exit_code=3), FAILED, "failed", "exit code 3 on node jp2"),
        (a_run("NODE_FAIL"), FAILED, "node_fail", "lost a node"),
        (a_run("BOOT_FAIL"), Traces(), "node_fail", "not at fault"),
        (a_run("OUT_OF_MEMORY"), FAILED, "out_of_memory", "1024 MiB"),
        (a_run("TIMEOUT"), Traces(), "timeout", "3600 s was reached"),
        (a_run("DEADLINE"), Traces(was_killed=True), "timeout", "within 30 s"),
        (a_run("PREEMPTED"), Traces(), "preempted", "made room"),
        (a_run("REQUEUED"), Traces(), "preempted", "made room"),
        (a_run("CANCELLED"), Traces(), "cancelled", "in Slurm itself"),
        (a_run("CANCELLED", started_at=None), Traces(), "cancelled", "before it started"),
        (a_run("CANCELLED"), Traces(stop=EndReason.PREEMPTED), "preempted", "made room"),
        (a_run("FAILED", exit_code=143), Traces(asked="timeout"), "timeout", "3600 s"),
        (a_run("FAILED", exit_code=143), Traces(asked="preempted"), "preempted", "made room"),
        (a_run("FAILED", exit_code=140), Traces(stop=EndReason.CANCELLED), "cancelled", "asked"),
        (a_run("FAILED", exit_code=1), Traces(last_words="no step"), "failed", "no step"),
        (a_run("FAILED", exit_code=1), Traces(), "failed", "exit code 1"),
        (
            a_run("FAILED", exit_code=127),
            Traces(exit_code=127, exit_kind="no_command"),
            "failed",
            "command train could not",
        ),
        (
            a_run("FAILED", exit_code=1),
            Traces(exit_code=1, exit_kind="no_workdir"),
            "failed",
            "folder src could not",
        ),
    ],
)
def test_an_end_is_slurms_word_first_then_what_the_script_wrote(run, traces, reason, words):
    ending = describe_ending(run, traces, ORDER, has_finished=lambda: False)
    assert ending.reason == reason
    assert words in ending.sentence.english()


def test_a_job_that_had_done_all_its_work_when_it_was_stopped_is_complete():
    ending = describe_ending(a_run("COMPLETED"), STOPPED, ORDER, has_finished=lambda: True)
    assert (ending.reason, ending.exit_code) == (EndReason.COMPLETED, 0)


def test_what_a_user_writes_into_his_folder_earns_him_no_stop_that_nobody_asked_for():
    forged = Traces(asked="requested", exit_code=3, exit_kind="exit_code")
    ending = describe_ending(a_run("FAILED"), forged, ORDER, has_finished=lambda: False)
    assert ending.reason is EndReason.FAILED


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Resources", "enough nodes"),
        ("Priority", "higher priority"),
        ("BeginTime", "put back"),
        ("JobHeldAdmin", "held"),
        ("AssocGrpGRESMinutes", "more time than its project has"),
        ("QOSGrpCPUMinutesLimit", "more time than its project has"),
        ("AssocMaxWallDurationPerJobLimit", "time limit is longer"),
        ("PartitionTimeLimit", "time limit is longer"),
        ("QOSMaxNodePerUserLimit", "QOSMaxNodePerUserLimit"),
        ("ReqNodeNotAvail, UnavailableNodes:jp1", "UnavailableNodes:jp1"),
        ("PartitionDown", "closed"),
        ("Dependency", "must come first"),
        ("Reservation", "reservation"),
        ("Licenses", "licence"),
        ("SomethingNew", "SomethingNew"),
    ],
)
def test_slurms_reasons_are_put_in_words(reason, words):
    assert words in describe_wait(reason).english()


def test_neither_script_nor_options_hold_a_secret():
    launch = a_job(secrets={"TOKEN": "hush-hush"})
    script = render_script(launch, PLACE, tools=Tools())
    assert "hush-hush" not in script + " ".join(sbatch_options(launch, PLACE))
    assert "hush-hush" in render_secrets(launch)
    assert ".secrets" not in render_script(a_job(), PLACE, tools=Tools())
