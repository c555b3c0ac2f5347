"""A plain planner, written from the words of docs/explanation/fairness.md: slow, and easy to check.

It shares the values with the kernel and nothing else: every answer is computed anew from lists.
"""

from fractions import Fraction

from tests.domain.scheduling.timeline import Timeline

MILLION = 1_000_000


class ReferencePlan:
    """Plans on construction; `starts`, `stops`, `waits` are the answer."""

    def __init__(self, snapshot, policy):
        self.snapshot, self.policy, self.now = snapshot, policy, snapshot.now_seconds
        self.tree, self.machine = snapshot.tree, snapshot.machine
        self.capacity = self.machine.capacity_at(self.now)
        # No claim is served before those who yield have had their grace.
        self.soonest = max(policy.response_target_seconds, policy.max_grace_seconds)
        self.order_all()
        self.running = [(job.path, len(job.node_indices)) for job in snapshot.running]
        self.starts, self.stops, self.waits, self.promises = [], {}, {}, []
        self.queue = [job for job in snapshot.pending if not self.is_barred(job)]
        demand = {group.path: self.demand(group) for group in self.tree.groups}
        self.rates = {
            g.path: min(self.claim(g), demand[g.path] * MILLION) for g in self.tree.groups
        }
        self.first_in_line = {g.path: self.line(g)[0] for g in self.tree.groups if self.line(g)}
        self.pressing = sorted(
            (g for g in self.tree.groups if self.is_pressing(g)), key=self.pressing_key
        )
        self.timeline = self.make_timeline()
        self.heads = {}  # the waiting head of each group
        self.settled = set()  # groups whose head has been dealt with
        self.plan()

    # -- facts

    def order_all(self):
        everybody = [*self.snapshot.pending, *self.snapshot.running]
        ordered = sorted(everybody, key=lambda job: (job.submitted_at_seconds, job.id))
        self.rank = {job.id: rank for rank, job in enumerate(ordered)}

    def share(self, path):
        return next((share for share in self.tree.shares if share.path == path), None)

    def group(self, job):
        return self.share(job.path[: self.tree.group_depth])

    def claim(self, group):
        return group.guarantee_ppm * self.capacity

    def target(self, group):
        until = self.now + self.policy.max_time_limit_seconds
        known = [nodes for at, nodes in self.machine.list_changes_after(self.now) if at < until]
        largest = max([self.capacity, *known])
        return group.guarantee_ppm * largest // MILLION + group.widest_job_nodes

    def used(self, path):
        return sum(nodes for leaf, nodes in self.running if leaf[: len(path)] == path)

    def breaks_ceiling(self, job):
        for depth in range(1, len(job.path) + 1):
            share = self.share(job.path[:depth])
            if share is None or share.ceiling_ppm == MILLION:
                continue
            wanted = (self.used(share.path) + job.nodes) * MILLION
            if wanted > share.ceiling_ppm * self.capacity:
                return True
        return False

    def is_barred(self, job):
        group, limit = self.group(job), self.policy.max_time_limit_seconds
        if not job.preemptible:
            limit = min(limit, self.policy.unpreemptible_limit_seconds)
        steps = [(self.now, self.capacity), *self.machine.list_changes_after(self.now)]
        holds = any(
            all(c >= job.nodes for s, c in steps if start <= s < start + job.time_limit_seconds)
            for start, _ in steps
        )
        reason = None
        if not job.eligible:
            reason = "held"
        elif group.guarantee_ppm and job.nodes > group.widest_job_nodes:
            reason = "too_wide"
        elif job.time_limit_seconds > limit:
            reason = "too_long"
        elif not holds:
            reason = "out_of_service"
        elif self.breaks_ceiling(job):
            reason = "ceiling"
        if reason:
            self.waits[job.id] = (reason, None, None)
        return reason is not None

    def usage(self, path):
        def ratio(place):
            share = self.share(place)
            weight = share.weight if share else 1
            return Fraction(self.snapshot.fairness.usages.get(place, 0), weight)

        return [ratio(path[:depth]) for depth in range(1, len(path) + 1)]

    def line(self, group):
        mine = [job for job in self.queue if self.group(job) is group]
        return sorted(mine, key=self.turn)

    def turn(self, job):
        is_last = any(job.path[: len(path)] == path for path in self.snapshot.demoted)
        return is_last, self.usage(job.path), self.rank[job.id]

    def demand(self, group):
        return self.used(group.path) + sum(job.nodes for job in self.line(group))

    def lag(self, group):
        return self.snapshot.fairness.lags.get(group.path, 0)

    def relative_lag(self, group):
        return Fraction(self.lag(group), group.guarantee_ppm or 1)

    def is_pressing(self, group):
        since = self.snapshot.fairness.pressing_since
        return group.path in since and bool(self.line(group))

    def pressing_key(self, group):
        since = self.snapshot.fairness.pressing_since[group.path]
        return since, -self.relative_lag(group), self.rank[self.first_in_line[group.path].id]

    def make_timeline(self):
        machine = self.machine
        freed = {
            job.id: machine.count_in_service(job.node_indices) for job in self.snapshot.running
        }
        self.release = {
            job.id: (max(job.ends_by_seconds, self.now + 1), freed[job.id], self.rank[job.id])
            for job in self.snapshot.running
        }
        self.given = dict(freed)  # what others may have of a job's nodes
        spare = {g.path: max(0, self.used(g.path) - self.target(g)) for g in self.pressing}
        for job in sorted(self.snapshot.running, key=lambda job: self.release[job.id]):
            group = self.group(job)
            if group in self.pressing:
                self.given[job.id] = min(freed[job.id], spare[group.path])
                spare[group.path] -= self.given[job.id]
        releases = {self.release[job_id]: nodes for job_id, nodes in freed.items()}
        changes, before = {}, self.capacity
        for second, capacity in machine.list_changes_after(self.now):
            changes[(second, 10**9, -1)] = capacity - before
            before = capacity
        self.free = self.capacity - sum(freed.values())
        whole = self.policy.backfill == "conservative"
        return Timeline(self.now, self.free, releases, changes, whole_seconds=whole)

    # -- decisions

    def plan(self):
        self.kept = {}  # nodes kept for pressing groups, beside all that stands in the timeline
        for group in self.pressing:
            self.claim_nodes(group)
        while line := self.next_in_line(heads_only=True):
            if self.serve_head(line[0]) == "the first of the others waits":
                break
        for group in self.tree.groups:
            if self.kept.get(group.path):
                head = self.heads[group.path]
                self.promises.append((self.now, float("inf"), "kept", head.id))
        if self.policy.backfill == "conservative":
            while line := self.next_in_line(heads_only=False):
                self.serve_in_turn(line[0])
        while self.policy.backfill == "easy" and (job := self.next_that_fits()):
            self.start(job)
        for job in list(self.queue):
            self.wait(job, *self.reason(job))

    def urgency(self, group):
        if self.used(group.path) * MILLION < self.rates[group.path]:
            return (0, -self.relative_lag(group))
        if self.lag(group) > 0:
            return (1, -self.relative_lag(group))
        return (2, self.usage(group.path))

    def next_in_line(self, *, heads_only):
        lines = [
            (self.urgency(group), self.rank[line[0].id], line)
            for group in self.tree.groups
            if (line := self.line(group)) and not (heads_only and group.path in self.settled)
        ]
        return min(lines, key=lambda entry: entry[:2])[2] if lines else None

    def before_all(self):
        """Return a width before all others: what ends makes room for what was promised."""
        return -1 - len(self.timeline.kept)

    def fits(self, job):
        return self.timeline.obstacle(self.timeline.now, job.nodes, job.time_limit_seconds) is None

    def start(self, job, *, as_claim=False):
        self.running.append((job.path, job.nodes))
        width = self.before_all() if self.promises else job.nodes
        end = (self.now + job.time_limit_seconds, width, self.rank[job.id])
        self.timeline.kept.append((self.timeline.now, None if as_claim else end, job.nodes))
        self.queue.remove(job)
        self.starts.append(job.id)
        self.free -= job.nodes

    def wait(self, job, reason, starts_by=None, behind=None):
        self.queue.remove(job)
        self.waits[job.id] = (reason, starts_by, behind)

    def reserve(self, job, nodes):
        event = self.timeline.earliest(job.nodes, job.time_limit_seconds)
        if event is None:
            return None
        end = (event[0] + job.time_limit_seconds, self.before_all(), self.rank[job.id])
        if nodes:
            self.timeline.kept.append((event, end, nodes))
            self.promises.append((event[0], end[0], "reservation", job.id))
        return event[0]

    def missing(self, group):
        return max(0, self.target(group) - self.used(group.path))

    def keep(self, group, nodes):
        """Keep so many nodes for a pressing group, whenever they come free."""
        self.kept[group.path] = nodes
        self.timeline.claims = sum(self.kept.values())

    def hold_target(self, group):
        """From its turn on, what a pressing group frees within its target stays its own."""
        for job in self.snapshot.running:
            if self.group(job) is group:
                kept = self.release[job.id][1] - self.given[job.id]
                self.timeline.releases[self.release[job.id]] -= kept

    def claim_nodes(self, group):
        self.hold_target(group)
        while line := self.line(group):
            head = line[0]
            if self.breaks_ceiling(head):
                self.wait(head, "ceiling")
            elif head.nodes <= self.missing(group) and self.fits(head):
                self.start(head, as_claim=True)
            else:
                if self.policy.preemption:
                    wanted = sum(job.nodes for job in line) + group.widest_job_nodes - 1
                    self.free_claim(head, min(self.missing(group), wanted))
                return self.keep(group, self.missing(group))
        return None

    def serve_head(self, job):
        group = self.group(job)
        was_kept, urgency = self.kept.get(group.path, 0), self.urgency(group)[0]
        self.keep(group, 0)
        if self.breaks_ceiling(job):
            self.wait(job, "ceiling")
        elif self.fits(job):
            self.start(job)
        else:
            own = self.missing(group) if group in self.pressing else 0
            if urgency == 0 and self.policy.preemption and group not in self.pressing:
                self.free_head(job)
            second = self.reserve(job, max(0, job.nodes - own))
            self.wait(job, "head_undated" if second is None else "head", starts_by=second)
            self.settled.add(group.path)
            self.heads[group.path] = job
        if was_kept and (group.path in self.settled or self.line(group)):
            self.keep(group, self.missing(group))
        is_last = group.path in self.settled and urgency == 2
        return "the first of the others waits" if is_last else None

    def next_that_fits(self):
        first = {}
        for group in self.tree.groups:
            fitting = (j for j in self.line(group) if self.fits(j) and not self.breaks_ceiling(j))
            if job := next(fitting, None):
                first[group.path] = (self.urgency(group), self.rank[job.id], job)
        return min(first.values(), key=lambda entry: entry[:2])[2] if first else None

    def reason(self, job):
        if self.breaks_ceiling(job):
            return "ceiling", None, None
        if self.policy.backfill == "none":
            return "no_backfill", None, None
        reason, behind = self.cause(job)
        return reason, None, behind

    def serve_in_turn(self, job):
        if self.breaks_ceiling(job):
            return self.wait(job, "ceiling")
        if self.fits(job):
            return self.start(job)
        reason, behind = self.cause(job)
        second = self.reserve(job, job.nodes)
        return self.wait(job, reason, starts_by=second, behind=behind)

    def cause(self, job):
        if job.nodes > self.free:
            return "nodes_busy", None
        event = self.timeline.obstacle(self.timeline.now, job.nodes, job.time_limit_seconds)
        for first, end, kind, holder in self.promises:
            if first <= event[0] < end:
                return kind, holder
        return "capacity", None

    # -- who yields

    def borrowers(self, job):
        """Return whom one could stop for a job now, least work lost per freed node first."""
        found = []
        for other in self.snapshot.running:
            group = self.group(other)
            freed = self.machine.count_in_service(other.node_indices)
            left = self.used(group.path) - len(other.node_indices)
            left -= sum(
                len(stopped.node_indices)
                for stopped in self.snapshot.running
                if stopped.id in self.stops and self.group(stopped) is group
            )
            gone = self.now + max(1, other.grace_seconds)
            if (
                other.preemptible
                and not other.is_stopping
                and other.id not in self.stops
                and group is not self.group(job)
                and self.given[other.id]
                and gone < self.release[other.id][0]
                and left * MILLION >= self.rates[group.path]
            ):
                saved = max(other.started_at_seconds, other.checkpoint_at_seconds or 0)
                lost = Fraction((self.now - saved) * len(other.node_indices), freed)
                found.append((lost, self.rank[other.id], other))
        return [other for *_, other in sorted(found, key=lambda entry: entry[:2])]

    def with_stops(self, job):
        """Return the timeline with the stops made for a job, and when the last of them is gone."""
        free, changes, latest = self.timeline.free, self.timeline.changes, self.now
        whole = self.timeline.whole_seconds
        timeline = Timeline(self.now, free, self.timeline.releases, changes, whole_seconds=whole)
        timeline.kept = self.timeline.kept
        timeline.claims = self.timeline.claims
        for other in self.snapshot.running:
            if self.stops.get(other.id) == job.id:
                second, width, rank = self.release[other.id]
                gone = self.now + max(1, other.grace_seconds)
                timeline.releases[(second, width, rank)] -= self.given[other.id]
                timeline.releases[(gone, width, rank)] = self.given[other.id]
                latest = max(latest, gone)
        return timeline, latest

    def free_until(self, job, is_enough):
        """Stop borrowers one by one, until it is enough or nobody is left."""
        while not is_enough() and (borrowers := self.borrowers(job)):
            self.stops[borrowers[0].id] = job.id
        return is_enough()

    def loss_order(self):
        def key(other):
            saved = max(other.started_at_seconds, other.checkpoint_at_seconds or 0)
            freed = self.machine.count_in_service(other.node_indices) or 1
            lost = Fraction((self.now - saved) * len(other.node_indices), freed)
            return lost, self.rank[other.id]

        return sorted(self.snapshot.running, key=key)

    def spare_the_needless(self, job, is_enough):
        for other in reversed(self.loss_order()):
            if self.stops.get(other.id) == job.id:
                del self.stops[other.id]
                if not is_enough():
                    self.stops[other.id] = job.id

    def free_head(self, job):
        target = self.now + self.soonest

        def in_time():
            timeline, latest = self.with_stops(job)
            event = timeline.earliest(job.nodes, job.time_limit_seconds)
            return event is not None and event[0] <= max(target, latest)

        if in_time():
            return
        if self.free_until(job, in_time):
            self.spare_the_needless(job, in_time)
        else:
            self.stops = {o: j for o, j in self.stops.items() if j != job.id}
        self.timeline = self.with_stops(job)[0]

    def free_claim(self, job, needed):
        target = self.now + self.soonest

        def freed():
            timeline, latest = self.with_stops(job)
            return timeline.level_at(max(target, latest))

        self.free_until(job, lambda: freed() >= needed)
        reached = min(needed, freed())
        self.spare_the_needless(job, lambda: freed() >= reached)
        self.timeline = self.with_stops(job)[0]
