"""Virtual time around the kernel: arrivals, early ends, cancellations, drains, preemptions."""

from dataclasses import dataclass, field, replace

from allmende.domain.scheduling.kernel import (
    FairnessState,
    PendingJob,
    RunningJob,
    Snapshot,
    advance,
    plan,
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A job as the world knows it: the kernel never sees how long it really runs."""

    id: str
    path: tuple
    arrives: int
    nodes: int
    limit: int
    seconds: int  # real run time, cut at the limit
    preemptible: bool = False
    grace: int = 0
    cancelled_at: int | None = None  # while it still waits


@dataclass
class Simulation:
    """Runs works on a machine and remembers what happened."""

    machine: object
    tree: object
    policy: object
    works: list
    drains: list = field(default_factory=list)  # (second, frozenset of drained indices)
    demotions: list = field(default_factory=list)  # (second, projects that go last from then on)
    heartbeat: int | None = None
    snapshots: list = field(default_factory=list)
    plans: list = field(default_factory=list)
    started: dict = field(default_factory=dict)
    preempted: dict = field(default_factory=dict)

    def run(self):
        self.by_id = {work.id: work for work in self.works}
        assert len(self.by_id) == len(self.works), "ids differ"
        self.waiting, self.busy, self.ends, self.saved = [], {}, {}, {}
        self.arrivals = sorted(self.works, key=lambda work: (work.arrives, work.id))
        now = self.arrivals[0].arrives
        self.state = FairnessState.begin(now)
        while now is not None:
            self.step(now)
            now = self.next_instant(now)
        return self

    def next_instant(self, now):
        if not (self.arrivals or self.waiting or self.busy):
            return None
        instants = [work.arrives for work in self.arrivals]
        instants += self.ends.values()
        cancelled = (self.by_id[job].cancelled_at for job in self.waiting)
        instants += [at for at in cancelled if at is not None]
        instants += [at for at, _ in self.drains]
        instants += [change.at_seconds for change in self.machine.capacity_changes]
        later = [at for at in instants if at > now]
        if self.heartbeat and later:
            later.append(now + self.heartbeat)
        return min(later, default=None)

    def step(self, now):
        if self.plans:
            last = self.plans[-1]
            self.state = advance(
                self.state,
                until=now,
                groups=last.group_states,
                running=last.running_nodes,
                policy=self.policy,
            )
        for job in [job for job, end in self.ends.items() if end <= now]:
            self.end(job, now)
        for at, drained in self.drains:
            if at == now:
                self.machine = replace(self.machine, drained=drained)
        while self.arrivals and self.arrivals[0].arrives <= now:
            self.waiting.append(self.arrivals.pop(0).id)
        gone = [job for job in self.waiting if self.by_id[job].cancelled_at == now]
        self.waiting = [job for job in self.waiting if job not in gone]
        self.decide(now)

    def end(self, job, now):
        running = self.busy.pop(job)
        del self.ends[job]
        if running.is_stopping and self.rest(job) > 0:
            self.waiting.append(job)

    def rest(self, job):
        work = self.by_id[job]
        return min(work.seconds, work.limit) - self.saved.get(job, 0)

    def decide(self, now):
        snapshot = Snapshot(
            now_seconds=now,
            machine=self.machine,
            tree=self.tree,
            pending=tuple(self.pending(job) for job in self.waiting),
            running=tuple(self.busy.values()),
            fairness=self.state,
            demoted=next((d for at, d in reversed(self.demotions) if at <= now), frozenset()),
        )
        answer = plan(snapshot, self.policy)
        self.snapshots.append(snapshot)
        self.plans.append(answer)
        for start in answer.starts:
            self.start(start, now)
        for stop in answer.preempts:
            self.stop(stop.job_id, now)

    def pending(self, job):
        work = self.by_id[job]
        return PendingJob(
            id=job,
            path=work.path,
            nodes=work.nodes,
            time_limit_seconds=work.limit,
            submitted_at_seconds=work.arrives,
            preemptible=work.preemptible,
        )

    def start(self, start, now):
        work = self.by_id[start.job_id]
        self.waiting.remove(work.id)
        self.started.setdefault(work.id, now)
        taken = {index for job in self.busy.values() for index in job.node_indices}
        assert not taken & set(start.node_indices), "no node runs two jobs"
        assert not self.machine.drained & set(start.node_indices), "a drained node gets nothing new"
        assert len(start.node_indices) == work.nodes == len(set(start.node_indices))
        self.busy[work.id] = RunningJob(
            id=work.id,
            path=work.path,
            node_indices=start.node_indices,
            submitted_at_seconds=work.arrives,
            started_at_seconds=now,
            ends_by_seconds=now + work.limit,
            preemptible=work.preemptible,
            grace_seconds=work.grace,
        )
        self.ends[work.id] = now + max(1, self.rest(work.id))

    def stop(self, job, now):
        running, work = self.busy[job], self.by_id[job]
        assert running.preemptible, "only who agreed is stopped"
        self.preempted[job] = self.preempted.get(job, 0) + 1
        gone = now + max(1, work.grace)
        self.busy[job] = replace(running, is_stopping=True, ends_by_seconds=gone)
        self.saved[job] = self.saved.get(job, 0) + now - running.started_at_seconds
        self.ends[job] = min(self.ends[job], gone)
