"""The disk fills up in the middle of a write: nothing is half done, and space brings it back."""

import subprocess

import pytest

from allmende.backends.local import backend as local
from allmende.domain.scheduling.backends import AttemptState, EndReason
from tests.backends.attempts import folder_of, log_of
from tests.backends.contract import (
    a_launch,
    observe,
    wait_for_end,
    wait_for_log,
    wait_until,
)

RUNNING = AttemptState.RUNNING


@pytest.fixture
def disk(tmp_path):
    """Return a real file system of half a mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs a small file system of its own: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def backend(disk, monkeypatch) -> local.LocalBackend:
    return local.LocalBackend(disk / "work", minimum_free_bytes=0)


def fill(disk, *, leave_bytes=0) -> None:
    """Write until nothing more fits, or until so much is left."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
        if leave_bytes:
            filler.truncate(filler.tell() - leave_bytes)


def test_start_into_the_last_pages_is_refused_whole_or_done_whole(backend, disk):
    (disk / "work").mkdir()
    refused = 0
    for pages in range(12):
        launch = a_launch("echo once")
        fill(disk, leave_bytes=pages * 4096)
        try:
            backend.start(launch)
        except (local.DiskFull, local.NodeNotStarted):
            refused += 1
            # Its runner is over, and may yet have to let go of its lock.
            wait_until(lambda launch=launch: observe(backend, launch.key).state is not RUNNING)
            assert observe(backend, launch.key).state is AttemptState.UNKNOWN
        (disk / "filler").unlink()
        backend.start(launch)
        assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED
        assert log_of(backend, launch.key).count(b"once") <= 1
    assert 0 < refused < 12


def test_job_that_ends_on_a_full_disk_is_settled_once_there_is_space(backend, disk):
    launch = a_launch("touch $HOME/busy; echo begun; while [ -e $HOME/busy ]; do sleep 0.05; done")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    fill(disk)
    (folder_of(backend, launch.key).parent.parent / "home/busy").unlink()
    with pytest.raises(AssertionError, match="too long"):
        wait_until(lambda: (folder_of(backend, launch.key) / "ended.json").exists(), seconds=1)
    (disk / "filler").unlink()
    assert wait_for_end(backend, launch.key).reason is EndReason.COMPLETED


def test_stop_that_cannot_be_written_is_refused_and_the_job_goes_on(backend, disk):
    launch = a_launch("echo begun; sleep 300")
    backend.start(launch)
    wait_for_log(backend, launch.key, b"begun")
    fill(disk)
    with pytest.raises(local.DiskFull):
        backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    assert observe(backend, launch.key).state is AttemptState.RUNNING
    (disk / "filler").unlink()
    backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
    assert wait_for_end(backend, launch.key).reason is EndReason.CANCELLED


def test_temporary_files_go_with_their_attempt_so_a_job_that_filled_the_disk_ends(backend):
    launch = a_launch('head -c 2M /dev/zero > "$TMPDIR/big"; exit 3')
    backend.start(launch)
    end = wait_for_end(backend, launch.key)
    assert (end.reason, end.exit_code) == (EndReason.FAILED, 3)
    wait_until(lambda: not (folder_of(backend, launch.key) / "tmp").exists())
