"""What only a cluster does to jobs: owners, queues, requeues, nodes that fail, doubles."""

import contextlib
import functools
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tools.slurm_lab import Lab, LabFailed

from allmende.backends.slurm.accounting import parse_sacct, sacct_options
from allmende.backends.slurm.client import ClusterUnreachable, CommandRefused
from allmende.backends.slurm.notes import find_attempt
from allmende.backends.slurm.places import NoSuchUser
from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sites import RunAs
from allmende.domain.scheduling.backends import AttemptState, EarlierAttemptRuns, EndReason
from tests.backends.contract import (
    a_launch,
    observe,
    run,
    wait_for_end,
    wait_for_log,
    wait_until,
)
from tests.backends.slurm_site import (
    ACCOUNT,
    STRANGER,
    USER,
    Submitter,
    a_backend,
    a_cluster,
    a_folder,
    hasten,
    number_of,
)

SPARE, WANTED = "spare", "wanted"  # the second takes nodes from the first
RESUMING = (
    'mkdir -p "$ALLMENDE_CHECKPOINTS/step-1"; echo "$ALLMENDE_ATTEMPT" >> "$ALLMENDE_OUT/tries";'
    'test -e "$ALLMENDE_CHECKPOINTS/step-1/DONE" && { echo resumed; exit 0; };'
    'touch "$ALLMENDE_CHECKPOINTS/step-1/DONE"; echo saved; sleep 600'
)


@pytest.fixture(scope="module")
def site(slurm_lab: Lab) -> Iterator[Lab]:
    slurm_lab.add_account(ACCOUNT, USER, STRANGER)
    change = ("sacctmgr", "-i", "-Q")
    with contextlib.suppress(LabFailed):  # they are there: tests of another file ran in between
        slurm_lab.run(*change, "add", "qos", SPARE, "Priority=0", "PreemptMode=requeue")
        slurm_lab.run(*change, "add", "qos", WANTED, "Priority=100", f"Preempt={SPARE}")
    for person in (USER, STRANGER):
        which = ("user", person, "where", f"account={ACCOUNT}")
        slurm_lab.run(*change, "modify", *which, "set", f"qos=normal,{SPARE},{WANTED}")
    return slurm_lab


@pytest.fixture
def work(site: Lab) -> Iterator[Path]:
    with a_folder() as folder:
        yield folder


@pytest.fixture
def backend(site: Lab, work: Path) -> Submitter:
    return a_backend(a_cluster(site, work))


def records_of(backend: Submitter, key: str):
    said = backend.client.run("sacct", *sacct_options(), f"--name={key}", "--starttime=now-1hour")
    return parse_sacct(said)


def test_a_job_runs_as_its_owner_and_no_stranger_sees_its_files(backend):
    script = 'id -un; umask; echo secret > "$ALLMENDE_OUT/model"; chmod 644 "$ALLMENDE_OUT/model"'
    seen = run(backend, script, environment={"TOKEN": "s3cret"})
    assert backend.read_log(seen.key, offset=0, limit=100).startswith(USER.encode())
    place = backend.work_folder / seen.key.removesuffix(".1")
    assert pwd.getpwuid((place / "home/out/model").stat().st_uid).pw_name == USER
    listed = f"ls {place}/home {place}/runs; ls {place}; cat {place}/home/out/model"
    as_stranger = ["runuser", "-u", STRANGER, "--", "sh", "-c", listed]
    said = subprocess.run(as_stranger, capture_output=True, text=True)
    assert said.stdout == ""
    assert said.stderr.count("Permission denied") == 4
    assert "s3cret" not in "".join(path.read_text() for path in (place / "attempts/1").iterdir())


@pytest.mark.skipif(shutil.which("sudo") is None, reason="needs sudo")
def test_a_job_runs_as_its_owner_by_sudo(site, work):
    backend = a_backend(a_cluster(site, work, run_as=RunAs.SUDO))
    seen = run(backend, "id -un")
    assert seen.reason is EndReason.COMPLETED
    assert backend.read_log(seen.key, offset=0, limit=100).strip() == USER.encode()


def test_a_job_runs_however_closed_the_files_of_the_daemon_are(backend):
    before = os.umask(0o077)
    try:
        seen = run(backend, "echo ran")
    finally:
        os.umask(before)
    assert backend.read_log(seen.key, offset=0, limit=100) == b"ran\n"


def test_links_of_a_user_lead_nobody_out_of_his_folder(backend, work):
    (work / "secret").write_text("secret")
    script = (
        f'cd "$ALLMENDE_OUT"; ln -s {work}/secret link; ln -s {work} folder; mkfifo pipe; ln -s '
        f"{work}/secret ../progress.jsonl; mkdir sub; echo ok > sub/plain"
    )
    job_id = run(backend, script).key.removesuffix(".1")
    assert backend.list_output(job_id) == {"sub/plain": 3}
    assert backend.read_progress(job_id) == b""
    for name in ("link", "folder/secret", "pipe"):
        with pytest.raises(NotFound):
            backend.read_output(job_id, name)
    moved = backend.work_folder / job_id / "home"
    (moved / "out").rename(moved / "was")
    (moved / "out").symlink_to(work)
    assert backend.list_output(job_id) == {}
    with pytest.raises(NotFound):
        backend.read_output(job_id, "secret")


def test_what_was_allocated_is_told_with_the_record_it_is_from(backend):
    launch = a_launch("sleep 2", nodes=("a", "b"), gpus_per_node=2)
    backend.start(launch)
    seen = wait_for_end(backend, launch.key)
    elapsed = int((seen.ended_at - seen.started_at).total_seconds())
    assert seen.allocated_seconds == elapsed * 4
    assert elapsed >= 2
    (record,) = records_of(backend, launch.key)
    assert (seen.record_key, seen.nodes) == (record.key, record.nodes)
    assert len(seen.nodes) == 2


def test_nodes_of_a_job_find_each_other(backend):
    script = (
        'test "$ALLMENDE_GPUS_PER_NODE" = 1 && getent hosts "$MASTER_ADDR" > /dev/null &&'
        'echo "$MASTER_ADDR:$MASTER_PORT"'
    )
    launch = a_launch(script, nodes=("a", "b", "c"), gpus_per_node=1)
    backend.start(launch)
    seen = wait_for_end(backend, launch.key)
    lines = set(backend.read_log(launch.key, offset=0, limit=1000).splitlines())
    assert len(lines) == 1
    assert lines.pop().startswith(f"{seen.nodes[0]}:2".encode())


def test_a_job_gets_nodes_with_the_features_that_it_asks_for(backend, site):
    site.run("scontrol", "update", "nodename=node02", "availablefeatures=a100,ib")
    site.run("scontrol", "update", "nodename=node03", "availablefeatures=a100")
    assert run(backend, nodes=(), constraint="a100&ib").nodes == ("node02",)
    with pytest.raises(CommandRefused, match="Invalid feature"):
        backend.start(a_launch(constraint="h100"))


def test_a_job_that_cannot_start_waits_and_says_why(backend, site):
    site.run("scontrol", "update", "partitionname=booster", "state=down")
    launch = a_launch("true")
    try:
        backend.start(launch)
        wait_until(lambda: observe(backend, launch.key).wait is not None)
        wait_until(lambda: "closed" in observe(backend, launch.key).wait.english())
        seen = observe(backend, launch.key)
        assert (seen.state, seen.started_at) == (AttemptState.QUEUED, None)
        number = number_of(backend, launch.key)
        for nice in (200_000, 200_000, 0):
            backend.set_nice({launch.key: nice, "j-never.1": nice})
            assert f" Nice={nice} " in site.run("scontrol", "show", "job", number)
        backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=5)
        ended = wait_for_end(backend, launch.key)
    finally:
        site.run("scontrol", "update", "partitionname=booster", "state=up")
    assert (ended.reason, ended.started_at) == (EndReason.CANCELLED, None)
    assert ended.allocated_seconds == 0
    assert "before it started" in ended.sentence.english()


def test_what_slurm_refuses_is_refused_and_runs_nothing(backend):
    launch = a_launch("true", account="no-such-account")
    with pytest.raises(CommandRefused, match="Invalid account"):
        backend.start(launch)
    assert observe(backend, launch.key).state is AttemptState.UNKNOWN
    with pytest.raises(NoSuchUser):
        backend.start(a_launch("true", user_name="no-such-person"))


def test_a_preempted_job_is_requeued_and_goes_on_as_the_next_attempt(backend, site):
    first = a_launch(RESUMING, nodes=("a", "b", "c"), gpus_per_node=4, qos=SPARE, requeue=True)
    backend.start(first)
    wait_for_log(backend, first.key, b"saved")
    tries = functools.partial(backend.read_output, first.job_id, "tries")
    wait_until(lambda: tries().split() == [b"1"] * 3)
    urgent = a_launch("true", gpus_per_node=4, qos=WANTED)
    backend.start(urgent)
    seen = wait_for_end(backend, first.key)
    assert seen.reason is EndReason.PREEMPTED
    assert seen.allocated_seconds == 12 * int((seen.ended_at - seen.started_at).total_seconds())
    wait_for_end(backend, urgent.key)
    second = a_launch(
        RESUMING,
        job_id=first.job_id,
        attempt=2,
        nodes=("a", "b", "c"),
        gpus_per_node=4,
        qos=SPARE,
        requeue=True,
    )
    backend.start(second)
    number = number_of(backend, second.key)
    assert number == number_of(backend, first.key)

    def has_ended() -> bool:
        hasten(site, number)
        return observe(backend, second.key).state is AttemptState.ENDED

    wait_until(has_ended, seconds=240)
    assert observe(backend, second.key).reason is EndReason.COMPLETED
    assert observe(backend, first.key) == seen
    assert backend.read_log(second.key, offset=0, limit=100) == b"resumed\n" * 3
    assert tries().split() == [b"1"] * 3 + [b"2"] * 3
    assert len(records_of(backend, first.key)) == 2


def test_a_job_that_slurm_requeued_is_cancelled_under_either_name(backend, site):
    first = a_launch("echo begun; sleep 600", requeue=True)
    backend.start(first)
    wait_for_log(backend, first.key, b"begun")
    site.run("scontrol", "requeue", number_of(backend, first.key))
    assert wait_for_end(backend, first.key).reason is EndReason.PREEMPTED
    second = a_launch(job_id=first.job_id, attempt=2, requeue=True)
    backend.start(second)
    assert observe(backend, second.key).state is AttemptState.QUEUED
    backend.stop(second.key, reason=EndReason.CANCELLED, grace_seconds=0)
    assert wait_for_end(backend, second.key).reason is EndReason.CANCELLED


def test_a_job_that_slurm_requeued_does_nothing_before_its_next_attempt_is_decided(backend, site):
    script = 'echo "$ALLMENDE_ATTEMPT" >> "$ALLMENDE_OUT/tries"; echo begun; exec sleep 600'
    first = a_launch(script, requeue=True)
    backend.start(first)
    wait_for_log(backend, first.key, b"begun")
    number = number_of(backend, first.key)
    site.run("scontrol", "requeue", number)
    assert wait_for_end(backend, first.key).reason is EndReason.PREEMPTED
    left = backend.work_folder / first.job_id / "runs/2.requeued"

    def is_over() -> bool:
        hasten(site, number)
        return left.exists() and number not in site.run("squeue", "-h", "-o", "%i").split()

    wait_until(is_over, seconds=240)
    second = a_launch('cat "$ALLMENDE_OUT/tries"', job_id=first.job_id, attempt=2, requeue=True)
    backend.start(second)
    assert number_of(backend, second.key) != number
    assert wait_for_end(backend, second.key).reason is EndReason.COMPLETED
    assert backend.read_log(second.key, offset=0, limit=100) == b"1\n"


def test_no_second_attempt_begins_while_the_first_has_not_ended(backend):
    first = a_launch("echo begun; sleep 600")
    backend.start(first)
    with pytest.raises(EarlierAttemptRuns):
        backend.start(a_launch(job_id=first.job_id, attempt=2))
    backend.stop(first.key, reason=EndReason.CANCELLED, grace_seconds=0)
    wait_for_end(backend, first.key)
    assert run(backend, job_id=first.job_id, attempt=2).reason is EndReason.COMPLETED


def test_a_node_that_dies_ends_the_attempt_as_node_fail(backend, site):
    launch = a_launch("echo begun; sleep 600", nodes=("a", "b"))
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    node = observe(backend, launch.key).nodes[1]
    site.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        seen = wait_for_end(backend, launch.key)
        # It answers, and stays away all the same: who simulates a dead node relies on that.
        assert site.run("sinfo", "-h", "-n", node, "-o", "%T").startswith("down")
    finally:
        site.run("scontrol", "update", f"nodename={node}", "state=resume")
        site.wait_for_nodes()
    assert seen.reason is EndReason.NODE_FAIL


@pytest.mark.slow
def test_while_accounting_is_down_nothing_ends_and_afterwards_everything_does(backend, site):
    launch = a_launch("exit 3")
    site.kill("slurmdbd")
    try:
        backend.start(launch)
        attempt = find_attempt(backend.work_folder, launch.key)
        wait_until(lambda: (attempt.place.runs / "1.0.end").exists())
        assert observe(backend, launch.key).state is AttemptState.RUNNING
    finally:
        site.revive("slurmdbd")
    seen = wait_for_end(backend, launch.key)
    assert (seen.reason, seen.exit_code) == (EndReason.FAILED, 3)


@pytest.mark.slow
def test_without_a_controller_nothing_is_submitted_or_ended(backend, site):
    launch = a_launch('echo ran >> "$ALLMENDE_OUT/runs"')
    backend.answer_seconds = 1.0
    site.kill("slurmctld")
    try:
        with pytest.raises(ClusterUnreachable):
            backend.start(launch)
        with pytest.raises(ClusterUnreachable):
            observe(backend, launch.key)
        with pytest.raises(ClusterUnreachable):
            backend.start(launch)
    finally:
        site.revive("slurmctld")
    backend.answer_seconds = 30.0
    backend.start(launch)
    assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED
    # A call of sbatch that nobody waits for any more may still have submitted a second job.
    assert backend.read_output(launch.job_id, "runs") == b"ran\n"


def test_a_warning_before_the_limit_is_of_preemption_unless_the_limit_is_near(backend, site):
    near = a_launch("echo begun; sleep 600", time_limit_seconds=600, grace_seconds=600)
    far = a_launch("echo begun; sleep 600", time_limit_seconds=6000)
    for launch in (near, far):
        backend.start(launch)
        wait_for_log(backend, launch.key, b"begun")
        site.run("scancel", "--batch", "--signal=USR1", number_of(backend, launch.key))
    assert wait_for_end(backend, far.key).reason is EndReason.PREEMPTED
    assert observe(backend, near.key).state is AttemptState.RUNNING
    backend.stop(near.key, reason=EndReason.CANCELLED, grace_seconds=0)
    assert wait_for_end(backend, near.key).reason is EndReason.CANCELLED


def test_a_job_whose_script_does_not_act_on_a_stop_is_ended_by_slurm(backend, site):
    launch = a_launch("echo begun; sleep 600")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    site.run("scancel", "--batch", "--signal=STOP", number_of(backend, launch.key))
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=5)
    late = backend.clock() + timedelta(seconds=40)
    backend.clock = lambda: late
    assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED


def test_a_stranger_cannot_pass_his_job_off_as_somebody_elses(backend, site):
    launch = a_launch("echo mine; sleep 600")
    backend.start(launch)
    forged = ("--parsable", "-A", ACCOUNT, "-t9", "-o/dev/null", "--wrap", "sleep 600")
    comment = f"--comment=allmende:{launch.key}"
    number = site.run("sbatch", comment, *forged, user_name=STRANGER).strip()
    wait_for_log(backend, launch.key, b"mine")
    assert observe(backend, launch.key).state is AttemptState.RUNNING
    state = site.run("squeue", "-h", "-j", number, "-o", "%T").strip()
    assert state in ("PENDING", "RUNNING")  # it is left alone
    site.run("scancel", number)
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED


def test_the_reference_names_every_file_and_every_reason(backend):
    page = (Path(__file__).parents[2] / "docs/reference/slurm-backend.md").read_text()
    launch = a_launch("trap '' TERM; echo begun; while true; do sleep 0.1; done")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=1)
    wait_for_end(backend, launch.key)
    place = backend.work_folder / launch.job_id
    for path in (place / "runs").iterdir():
        assert f"    {path.name.replace('1.', '<n>.', 1).replace('.0.', '.<rank>.')}" in page
    for path in (place / "attempts/1").iterdir():
        assert path.name in page
    for reason in EndReason:
        if reason not in {EndReason.COMPLETED, EndReason.FAILED}:
            assert f"`{reason}`" in page
