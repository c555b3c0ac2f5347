"""A job that says too much, at a site behind an agent: it is thinned, and nobody else is late."""

import json

import pytest

from allmende.agent.site_agent import LEAST_BYTES, REPORT_BYTES
from allmende.domain.scheduling.backends import EndReason
from allmende.services import runs
from tests.agent.lines import Line
from tests.backends.contract import a_launch, wait_until

LOUD = "head -c 3000000 /dev/zero | tr '\\0' x; echo said; exec sleep 300"
QUIET = 'mkfifo say; exec 3<>say; while read -r word <&3; do echo "$word"; done'


@pytest.fixture
def busy(line):
    """Return a line to a site where six loud jobs run beside a quiet one, which is named."""
    long = {"time_limit_seconds": 300}
    loud, quiet = [a_launch(LOUD, **long) for _ in range(6)], a_launch(QUIET, **long)
    for launch in (*loud, quiet):
        line.relay.start(launch)
    line.call()
    line.agent.tend()
    try:
        wait_until(lambda: all(line.backend.measure_log(each.key) > 3_000_000 for each in loud))
        line.agent.tend()
        line.call()  # asks how much of each file is here
        yield line, quiet
    finally:
        for launch in (*loud, quiet):
            line.backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)


def say(line: Line, quiet, word: str) -> None:
    place = line.backend.folders.find_home(quiet.job_id) / "say"
    wait_until(place.exists)
    place.write_text(word + "\n")
    log = word.encode() + b"\n"
    wait_until(lambda: line.backend.read_log(quiet.key, offset=0, limit=999).endswith(log))


def sizes(report: dict) -> dict[str, int]:
    return {
        piece["file"]["owner"]: len(piece["content"]) * 3 // 4
        for piece in report["pieces"]
        if piece["file"]["kind"] == "log"
    }


def test_who_says_little_is_heard_at_once_and_no_call_carries_more_than_it_may(busy):
    line, quiet = busy
    say(line, quiet, "soon")
    report = line.agent.write_report()
    assert sum(sizes(report).values()) <= REPORT_BYTES
    assert len(json.dumps(report)) <= 1.5 * REPORT_BYTES
    loud = [size for owner, size in sizes(report).items() if owner != quiet.key]
    assert len(loud) == 6
    assert max(loud) - min(loud) <= 2 * LEAST_BYTES  # each its fair part
    line.call()
    assert line.relay.read_log(quiet.key, offset=0, limit=99) == b"soon\n"


def test_files_of_what_has_ended_keep_no_running_job_waiting(busy):
    line, quiet = busy
    ended = a_launch('head -c 5000000 /dev/zero > "$ALLMENDE_OUT/model"')
    line.relay.start(ended)
    line.call()
    wait_until(lambda: line.agent.tend() or line.spool.depth)
    line.call()
    assert line.agent.is_busy
    say(line, quiet, "meanwhile")
    line.call()
    assert line.relay.read_log(quiet.key, offset=0, limit=99) == b"meanwhile\n"
    assert line.agent.is_busy  # the output is still on its way


def test_a_thousand_metric_lines_a_second_are_thinned_with_a_note(line):
    lines = [
        {"t": n / 1000, "step": n, "total": 9999, "metrics": {"loss": 1 / (n + 1)}}
        for n in range(10_000)
    ]
    said = "".join(json.dumps(each) + "\n" for each in lines)
    launch = a_launch('cp said "$ALLMENDE_PROGRESS"; exec sleep 300')
    line.relay.start(launch)
    line.call()
    home = line.backend.folders.find_home(launch.job_id)
    home.mkdir(parents=True)
    (home / "said").write_text(said)
    line.agent.tend()
    wait_until(lambda: line.backend.measure_progress(launch.job_id) == len(said))
    line.agent.tend()
    for _ in range(3):
        line.call()
    assert 0 < line.relay.measure_progress(launch.job_id) < len(said) // 50
    with (home / "progress.jsonl").open("a") as file:
        file.write('{"t": 99, "step": 9999, "total": 9999}\n')  # a while later, it says more
    line.call()
    progress = runs.read_progress(line.relay, launch.job_id)
    assert (progress.at, progress.percent, progress.is_thinned) == (99.0, 100, True)
    line.backend.stop(launch.key, reason=EndReason.CANCELLED, grace_seconds=0)
