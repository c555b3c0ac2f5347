"""Plain EASY backfilling, written from Lifka 1995 and Mu'alem & Feitelson 2001: the oracle."""

import heapq
from bisect import insort


def easy(jobs, nodes, after=()):
    """Return the start of each job (arrives, seconds, limit, nodes), in order of arrival.

    All ends of an instant come before all arrivals, then one decision is made. Who comes free is
    counted by expected end, then fewer nodes, then order of arrival. `after` maps a job to another
    and to the seconds after its end from which it may arrive, behind whoever comes by itself.
    """
    after = dict(after)
    starts, queue, free = [None] * len(jobs), [], nodes
    expected, ends = [], []  # (limit's end, nodes, its arrival, job), sorted; heap of (end, job)
    coming = [(job[0], False, place) for place, job in enumerate(jobs) if place not in after]
    heapq.heapify(coming)
    ranks = {}

    def start(job, now):
        nonlocal free
        _, seconds, limit, width = jobs[job]
        starts[job] = now
        free -= width
        insort(expected, (now + limit, width, ranks[job], job))
        heapq.heappush(ends, (now + min(seconds, limit), job))

    while coming or ends:
        now = min(heap[0][0] for heap in (coming, ends) if heap)
        while ends and ends[0][0] <= now:
            _, job = heapq.heappop(ends)
            expected.remove((starts[job] + jobs[job][2], jobs[job][3], ranks[job], job))
            free += jobs[job][3]
            for follower, (first_job, think) in after.items():
                if first_job == job:
                    heapq.heappush(coming, (max(jobs[follower][0], now + think), True, follower))
        while coming and coming[0][0] <= now:
            _, _, job = heapq.heappop(coming)
            ranks[job] = len(ranks)
            queue.append(job)
        first = 0
        while first < len(queue) and jobs[queue[first]][3] <= free:
            start(queue[first], now)
            first += 1
        queue = queue[first:]
        if not queue or not free:
            continue
        available, shadow = free, None
        for end, width, *_ in expected:
            available += width
            if available >= jobs[queue[0]][3]:
                shadow, extra = end, available - jobs[queue[0]][3]
                break
        left = queue[:1]
        for job in queue[1:]:
            _, _, limit, width = jobs[job]
            ends_in_time = now + limit <= shadow
            if width <= free and (ends_in_time or width <= extra):
                extra -= 0 if ends_in_time else width
                start(job, now)
            else:
                left.append(job)
        queue = left
    return starts
