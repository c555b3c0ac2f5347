"""From the accounting's records to lags, second by second: by the formula of the kernel."""

from dataclasses import dataclass

from allmende.domain.scheduling.demands import measure_group
from allmende.domain.scheduling.fairness import FairnessState, advance
from allmende.domain.scheduling.shares import MICRONODES
from allmende.domain.scheduling.steering import Totals, steered_bound
from allmende.services.snapshots import tree_of
from allmende.services.steering import steering_policy_of
from bench.slurm_cases.load import GUARANTEED, NODES, REACTION_SECONDS, SECONDS, WEIGHTS
from bench.slurm_cases.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Course:
    """How the guaranteed group fared. Lags and bound in node-seconds, one value per second."""

    lags: tuple[float, ...]
    running: tuple[int, ...]
    entitled: tuple[float, ...]
    bound: float
    met_percent: float  # of what it was entitled to, while it was
    busy_percent: float  # of all nodes, from when others came
    waits: dict[str, tuple[int, ...]]  # seconds, by group, of those that started
    stopped_runs: int
    lost_node_seconds: int


def follow(trial: Trial) -> Course:
    """Return what really was: the accounting knows each start and end to the second."""
    partition = trial.partition
    tree, policy = tree_of(partition), steering_policy_of(partition)
    share = tree.get_group((GUARANTEED,))
    state, totals = FairnessState.begin(0), Totals()
    lags, running, entitled = [], [], []
    for second in range(SECONDS):
        group = measure_group(
            share,
            _nodes_at(trial, second),
            capacity_nodes=NODES,
            fairness=state,
            policy=policy,
        )
        state = advance(state, until=second + 1, groups=[group], running={}, policy=policy)
        totals = totals.after(group, 1)
        lags.append(state.lags.get(share.path, 0) / MICRONODES)
        running.append(group.running_nodes)
        entitled.append(group.rate_micronodes / MICRONODES)
    bound = steered_bound(
        share, capacity_nodes=NODES, policy=policy, reaction_seconds=REACTION_SECONDS
    )
    stopped = [run for run in trial.runs if run.was_preempted]
    return Course(
        lags=tuple(lags),
        running=tuple(running),
        entitled=tuple(entitled),
        bound=bound / MICRONODES,
        met_percent=100 * totals.met_micronode_seconds / totals.entitled_micronode_seconds,
        busy_percent=_busy_percent(trial),
        waits={group: _waits(trial, group) for group in WEIGHTS},
        stopped_runs=len(stopped),
        lost_node_seconds=sum(run.nodes * (run.ended - run.started) for run in stopped),
    )


def _nodes_at(trial: Trial, second: int) -> tuple[int, int]:
    """Return the running and the waiting nodes of the guaranteed group."""
    runs = [run for run in trial.runs if run.group == GUARANTEED]
    running = sum(run.nodes for run in runs if run.started <= second < run.ended)
    asked = sum(n for at, group, n in trial.submissions if group == GUARANTEED and at <= second)
    again = sum(run.nodes for run in runs if run.was_preempted and run.ended <= second)
    begun = sum(run.nodes for run in runs if run.started <= second)
    return running, max(0, asked + again - begun)


def _busy_percent(trial: Trial, since: int = 65) -> float:
    used = sum(run.nodes * max(0, run.ended - max(run.started, since)) for run in trial.runs)
    return 100 * used / (NODES * (SECONDS - since))


def _waits(trial: Trial, group: str) -> tuple[int, ...]:
    """Return how long each run waited, from when others came; a stopped one waits again."""
    runs = [run for run in trial.runs if run.group == group and run.submitted >= 30]
    return tuple(sorted(run.started - run.submitted for run in runs))
