"""A shares file says who belongs to which group; what cannot be is refused with the reason."""

from dataclasses import replace
from random import Random

import pytest

from allmende.domain.scheduling.shares import GuaranteesDoNotFit, GuaranteesExceedParent
from allmende.twin import shares
from allmende.twin.findings import Findings
from allmende.twin.replay import TooLongToGuarantee
from allmende.twin.shares import SharesUnreadable
from allmende.twin.stagings import Staging, keep_common
from allmende.twin.traces import NoJobs
from tests.twin.test_replay import play
from tests.twin.workshop import random_trace

TRACE = random_trace(Random(1), jobs=60, users=5)


def read(tmp_path, text):
    path = tmp_path / "shares.toml"
    path.write_text(text)
    return shares.read_shares(path, TRACE)


def test_users_groups_and_queues_choose_and_one_group_takes_the_rest(tmp_path):
    grouping = read(
        tmp_path,
        '[[groups]]\nname = "a"\nguarantee = 0.25\nusers = [1, 2]\n'
        '[[groups]]\nname = "b"\nunix_groups = [1]\n[[groups]]\nname = "c"\n',
    )
    for user, group, mine in zip(
        TRACE.users, TRACE.unix_groups, grouping.group_of_job, strict=True
    ):
        assert mine == (0 if user in (1, 2) else 1 if group == 1 else 2)
    # Three quarters are free beside the claim, and no job is wider than half the machine.
    assert grouping.tree.groups[0].widest_job_nodes == 4


def test_a_part_of_the_demand_is_made_of_whole_users_and_is_the_same_each_time(tmp_path):
    text = '[[groups]]\nname = "a"\ndemand = 0.5\n[[groups]]\nname = "b"\n'
    grouping = read(tmp_path, text)
    mine = grouping.group_of_job == 0
    work = TRACE.nodes * TRACE.seconds
    assert 0 < work[mine].sum() <= 0.5 * work.sum()
    assert not set(TRACE.users[mine]) & set(TRACE.users[~mine])
    assert read(tmp_path, text).group_of_job.tolist() == grouping.group_of_job.tolist()


def test_jobs_that_would_wait_for_ever_are_left_out_and_named():
    rows = [{"name": "a", "guarantee": 0.25, "users": [1], "widest_job_nodes": 1}]
    grouping = shares.group_jobs(rows, TRACE)
    obeyed, counted = (
        Staging(
            trace=TRACE,
            grouping=grouping,
            is_obeyed=is_obeyed,
            findings=Findings(),
            read_seconds=0,
        )
        for is_obeyed in (True, False)
    )
    keep_common([obeyed])
    assert set(obeyed.trace.users.tolist()) == {1}
    assert obeyed.trace.nodes.max() == 1
    assert obeyed.grouping.group_of_job.tolist() == [0] * obeyed.trace.arrivals.size
    assert set(obeyed.findings.counts) == {"no_group", "wider_than_guarantee"}
    keep_common([counted])
    assert counted.trace.nodes.max() > 1
    # Side by side, both play the same jobs.
    keep_common([counted, replace(obeyed, trace=counted.trace, grouping=counted.grouping)])
    assert counted.trace.numbers.tolist() == obeyed.trace.numbers.tolist()
    assert "uncovered_elsewhere" in counted.findings.counts


def test_a_workload_of_which_nothing_can_be_played_is_refused():
    rows = [{"name": "a", "users": [99]}]
    staging = Staging(
        trace=TRACE,
        grouping=shares.group_jobs(rows, TRACE),
        is_obeyed=True,
        findings=Findings(),
        read_seconds=0,
    )
    with pytest.raises(NoJobs, match="no_group"):
        keep_common([staging])


MISTAKES = [
    ("", "it needs [[groups]]"),
    ("groups = 3", "it needs [[groups]]"),
    ('[[groups]]\nname = "a"\n[other]\n', "nothing else"),
    ("[[groups]]\nguarantee = 0.2\n", "group 1 has no name"),
    ('[[groups]]\nname = "a"\ngarantee = 0.2\n', "did you mean guarantee?"),
    ('[[groups]]\nname = "a"\nguarantee = 1.2\n', "guarantee of a must lie between 0 and 1"),
    ('[[groups]]\nname = "a"\nguarantee = nan\n', "guarantee of a must lie between 0 and 1"),
    ('[[groups]]\nname = "a"\nweight = 0\n', "weight of a must be a whole number above 0"),
    ('[[groups]]\nname = "a"\nusers = ["x"]\n', "users of a must be a list of numbers"),
    ('[[groups]]\nname = "a"\n[[groups]]\nname = "a"\nusers = [1]\n', "the same name"),
    ('[[groups]]\nname = "a"\n[[groups]]\nname = "b"\n', "a and b both take everybody else"),
    ("[[groups]\n", "line 1"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, text, words):
    with pytest.raises(SharesUnreadable) as refused:
        read(tmp_path, text)
    assert words in str(refused.value)


def test_weights_count_by_their_ratio():
    starts = [
        play(TRACE, "allmende", rows).starts.tolist()
        for rows in (
            [{"name": "a", "users": [1], "weight": 1}, {"name": "b", "weight": 2}],
            [{"name": "a", "users": [1], "weight": 3000}, {"name": "b", "weight": 6000}],
        )
    ]
    assert starts[0] == starts[1]


def test_a_guarantee_that_nobody_could_count_is_refused():
    rows = [{"name": "a", "guarantee": 0.5, "widest_job_nodes": 50_000}]
    trace = replace(TRACE, machine_nodes=100_000, limits=TRACE.limits + 2**28)
    with pytest.raises(TooLongToGuarantee):
        play(trace, "allmende", rows)


def test_jobs_wider_than_a_ceiling_are_left_out_too():
    rows = [{"name": "a", "ceiling": 0.25}]
    uncovered = shares.group_jobs(rows, TRACE).find_uncovered(TRACE)
    assert (uncovered["wider_than_ceiling"] == (TRACE.nodes > 2)).all()


def test_guarantees_of_more_than_there_is_are_refused():
    rows = [
        {"name": "a", "guarantee": 0.6, "users": [1], "widest_job_nodes": 2},
        {"name": "b", "guarantee": 0.6, "users": [2], "widest_job_nodes": 2},
    ]
    with pytest.raises(GuaranteesExceedParent):
        play(TRACE, "allmende", rows)
    for row in rows:
        row.update(guarantee=0.4, widest_job_nodes=4)
    with pytest.raises(GuaranteesDoNotFit):
        play(TRACE, "allmende", rows)
