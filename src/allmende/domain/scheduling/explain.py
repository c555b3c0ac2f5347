"""Why a job waits: one sentence, then the figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.fairness import GroupState
from allmende.domain.scheduling.plans import Plan, Wait, WaitReason
from allmende.domain.scheduling.shares import MICRONODES, Path, render_nodes

Figures = Mapping[str, int | str]

# The facts of each sentence: nodes (asked for), free, group (of the job), ahead (group whose job
# or claim goes first), time (until the reserved start), limit, widest, share (with the ceiling).
SENTENCES: Mapping[WaitReason, Sentence] = {
    WaitReason.HELD: Sentence("It is on hold."),
    WaitReason.TOO_WIDE: Sentence(
        "It asks for {nodes}; in the group {group} a job may have at most {widest}, so that every "
        "group's guarantee can be kept. Submit it with fewer nodes."
    ),
    WaitReason.TOO_LONG: Sentence(
        "Its time limit of {time_limit} is above the {limit} that a job like it may have here. "
        "Submit it with a shorter limit and checkpoints."
    ),
    WaitReason.OUT_OF_SERVICE: Sentence(
        "It asks for {nodes} for {time_limit}, which is more than can be in service ({capacity} "
        "now). It can start once drained nodes are back."
    ),
    WaitReason.CEILING: Sentence(
        "{share} uses {used} and may use {ceiling} at once. It starts when another job there has "
        "ended."
    ),
    WaitReason.HEAD: Sentence(
        "It is next in the group {group}: room for {nodes} is reserved for it, within {time} at "
        "the latest."
    ),
    WaitReason.HEAD_UNDATED: Sentence(
        "It is next in the group {group} and needs {nodes}; when that is free cannot be said yet, "
        "because the claims of other groups go first."
    ),
    WaitReason.NODES_BUSY: Sentence("It needs {nodes}; now free: {free}. Other jobs go before it."),
    WaitReason.RESERVATION: Sentence(
        "Enough nodes are free, but its time limit of {time_limit} would delay a job of the group "
        "{ahead} that goes before it. A shorter limit may let it start at once."
    ),
    WaitReason.KEPT: Sentence(
        "What is free ({free}) is kept for the group {ahead}, which was promised more than it has "
        "received so far."
    ),
    WaitReason.CAPACITY: Sentence(
        "With its time limit of {time_limit} it would still run in {reduction}, when only {left} "
        "can be used by everybody (maintenance, a reservation or a cap on power). A shorter limit "
        "may let it start at once."
    ),
    WaitReason.NO_BACKFILL: Sentence("Jobs start strictly in order here, and others go before it."),
}
# Of a head that has its nodes now, but not for as long as it may run.
HEAD_AND_CAPACITY = Sentence(
    "It is next in the group {group}: room for {nodes} is reserved for it, within {time} at the "
    "latest. It does not start at once because it may run for {time_limit} and only {left} can be "
    "used by everybody in {reduction} (maintenance, a reservation or a cap on power)."
)
COUNTS_OF_NODES = frozenset({"nodes", "free", "capacity", "widest", "used", "ceiling", "left"})


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """An answer to "why does my job wait?": the sentence first, then what it rests on."""

    sentence: Sentence
    reason: WaitReason
    starts_by: int | None
    figures: Figures


def say_nodes(count: int) -> Sentence:
    """Say a number of nodes."""
    return Sentence("1 node") if count == 1 else Sentence("{count} nodes", {"count": count})


def say_duration(seconds: int) -> Sentence:
    """Say a length of time in the two largest units that fit it, rounded up."""
    if seconds < 120:
        return Sentence("{seconds} s", {"seconds": seconds})
    minutes = -(-seconds // 60)
    if minutes < 120:
        return Sentence("{minutes} min", {"minutes": minutes})
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return Sentence("{hours} h {minutes} min", {"hours": hours, "minutes": rest})
    days, rest = divmod(-(-minutes // 60), 24)
    return Sentence("{days} d {hours} h", {"days": days, "hours": rest})


def say_wait(reason: WaitReason, figures: Figures) -> Sentence:
    """Return the sentence of a reason with these figures, as words that carry their unit."""
    facts: dict[str, object] = {}
    for name, fact in figures.items():
        if isinstance(fact, int) and name in COUNTS_OF_NODES:
            facts[name] = say_nodes(fact)
        elif isinstance(fact, int):
            facts[name.removesuffix("_seconds")] = say_duration(fact)
        else:
            facts[name] = fact
    is_head_held_up = reason is WaitReason.HEAD and "left" in figures
    template = HEAD_AND_CAPACITY if is_head_held_up else SENTENCES[reason]
    return Sentence(template.template, facts)


def name_of(path: Path) -> str:
    """Write a place of the share tree for people."""
    return "/".join(path)


def find_wait(plan: Plan, job_id: str) -> Wait | None:
    """Return why a job waits, or None when the plan does not keep it waiting."""
    return next((wait for wait in plan.waits if wait.job_id == job_id), None)


def explain_wait(plan: Plan, job_id: str, *, group: Path) -> Explanation:
    """Return why a job waits, with the figures of its group."""
    wait = find_wait(plan, job_id)
    if wait is None:
        raise NotFound(kind="waiting job", id=job_id)
    state = next(state for state in plan.group_states if state.path == group)
    return Explanation(
        sentence=wait.sentence,
        reason=wait.reason,
        starts_by=wait.starts_by,
        figures={**wait.figures, **group_figures(state)},
    )


def group_figures(state: GroupState) -> dict[str, int | str]:
    """Return how a group stands, in nodes and node-seconds."""
    return {
        "group": name_of(state.path),
        "claim_nodes": render_nodes(state.claim_micronodes),
        "rate_nodes": render_nodes(state.rate_micronodes),
        "running_nodes": state.running_nodes,
        "demand_nodes": state.demand_nodes,
        "borrowed_nodes": state.borrowed_nodes,
        "lag_node_seconds": -(-state.lag_micronode_seconds // MICRONODES),
    }


def explain_group(state: GroupState) -> Sentence:
    """Say in one sentence how a group stands."""
    facts = group_figures(state)
    if state.claim_micronodes == 0:
        return Sentence("{group} runs on {running_nodes} nodes and has no guarantee.", facts)
    if state.is_pressing:
        return Sentence(
            "{group} runs on {running_nodes} nodes and may claim {rate_nodes}. It was promised "
            "{lag_node_seconds} node-seconds more than it received, so every node that comes free "
            "is kept for it.",
            facts,
        )
    if state.is_owed:
        return Sentence(
            "{group} runs on {running_nodes} nodes and may claim {rate_nodes}; "
            "{lag_node_seconds} node-seconds are still owed, so it goes first.",
            facts,
        )
    return Sentence(
        "{group} runs on {running_nodes} nodes and may claim {rate_nodes}: it has what it was "
        "promised.",
        facts,
    )
