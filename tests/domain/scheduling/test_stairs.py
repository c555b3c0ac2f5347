"""How wide a job may be that starts now, by how long it runs."""

from allmende.domain.scheduling.boards import EXPLAINS, STARTS, STEPS
from allmende.domain.scheduling.compiled import decide
from allmende.domain.scheduling.layouts import lay_out
from allmende.domain.scheduling.running import make_stairs
from tests.domain.scheduling.worlds import (
    NOW,
    a_machine,
    a_pending,
    a_policy,
    a_snapshot,
    a_tree,
)

FREE = a_tree(free=(0, 1))


def test_stairs_have_one_step_for_a_second_however_often_it_takes_nodes():
    board = lay_out(a_snapshot(a_machine(4), FREE, [a_pending("j")]), a_policy(), [])
    profile = board.profile
    profile.seconds[:3], profile.levels[:3], profile.used[0] = (NOW, NOW + 5, NOW + 5), (4, 2, 1), 3
    make_stairs(board)
    steps = board.settings[STEPS]
    assert board.stairs.seconds[:steps].tolist() == [NOW, NOW + 5]
    assert board.stairs.nodes[:steps].tolist() == [4, 1]


def test_nothing_is_kept_for_a_head_wider_than_all_that_will_come_free():
    jobs = [a_pending("wide", nodes=3), a_pending("narrow", submitted=1)]
    board = lay_out(a_snapshot(a_machine(2), FREE, jobs), a_policy(), jobs)
    board.settings[EXPLAINS] = 0  # as in a replay: what a partition lost may leave such a job
    decide(board, len(jobs))
    assert board.start_order[: board.settings[STARTS]].tolist() == [1]
    assert board.reservations.used[0] == 0
