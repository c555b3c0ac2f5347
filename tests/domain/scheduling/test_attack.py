"""The attack finds bad worlds, none of them beyond the bound; and it breaks a weaker kernel."""

import pytest

from allmende.twin import measures
from tests.domain.scheduling import attack
from tests.domain.scheduling.attack import compiled_kernel, without_pressing_claims
from tests.domain.scheduling.attack_worlds import World

pytestmark = pytest.mark.slow
WORLDS = 2_500
STRONG_ENOUGH = 0.7  # a test that attacks nothing would pass too


@pytest.mark.parametrize("seed", [1, 2])
def test_no_attack_passes_the_bound(seed):
    with compiled_kernel():
        found = attack.attack(seed=seed, worlds=WORLDS)
    assert found.tried == WORLDS or found.ratio > 1
    assert STRONG_ENOUGH < found.ratio <= 1, found.world.to_json()
    assert ratio_of_schedule(found.world) == found.ratio


@pytest.mark.parametrize(("kind", "worlds"), [("announced", WORLDS), ("preempted", 60)])
def test_no_attack_with_announced_reductions_or_with_preemption_passes_the_bound(kind, worlds):
    with compiled_kernel():
        found = attack.attack(seed=1, kind=kind, worlds=worlds)
    assert 0.5 < found.ratio <= 1, found.world.to_json()


def ratio_of_schedule(world):
    """Return the worst lag ÷ bound, read from the schedule alone."""
    groups = measures.measure(attack.play(world)).groups
    return max(
        group.worst_lag_node_seconds / group.lag_bound_node_seconds
        for group in groups
        if group.guarantee
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_attack_breaks_a_kernel_without_pressing_claims(seed):
    with compiled_kernel(), without_pressing_claims():
        found = attack.attack(seed=seed, worlds=WORLDS)
    assert found.ratio > 1
    with compiled_kernel():
        assert attack.worst_lag(found.world).ratio <= 1


def test_a_world_can_be_read_back_and_attacked_again(capsys):
    assert attack.main(["--seconds", "0.15", "--seed", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for printed, rate, ratio in zip(lines[::4], lines[1::4], lines[3::4], strict=True):
        assert World.from_json(printed).to_json() == printed
        assert f"{attack.worst_lag(World.from_json(printed)).ratio:.4f}" == ratio.split()[-1]
        assert "a second" in rate
