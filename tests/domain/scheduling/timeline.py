"""Free nodes over time, computed anew from lists at every question."""


class Timeline:
    """Free nodes over time: what comes free, minus what is kept."""

    def __init__(self, now, free, releases, changes, *, whole_seconds=False):
        self.whole_seconds = whole_seconds  # only what is free once a second is over counts
        self.now = (now, 0, -1)
        self.free = free
        self.releases = dict(releases)  # (second, width, rank) -> nodes
        self.changes = changes  # (second, after all releases, -1) -> more or fewer nodes
        self.kept = []  # (from event, to event, nodes)
        self.claims = 0  # nodes kept for ever

    def events(self):
        kept = {event for first, end, _ in self.kept for event in (first, end)} - {None}
        events = sorted({self.now, *self.releases, *self.changes, *kept})
        if self.whole_seconds:
            events = list({event[0]: event for event in events}.values())
        return events

    def level(self, event):
        gains = {**self.releases, **self.changes}
        come = sum(nodes for key, nodes in gains.items() if key <= event)
        kept = sum(
            nodes
            for first, end, nodes in self.kept
            if first <= event and (end is None or event < end)
        )
        return self.free + come - kept - self.claims

    def obstacle(self, event, nodes, seconds):
        for other in self.events():
            if event <= other and other[0] < event[0] + seconds and self.level(other) < nodes:
                return other
        return None

    def earliest(self, nodes, seconds):
        for event in self.events():
            if self.obstacle(event, nodes, seconds) is None:
                return event
        return None

    def level_at(self, second):
        return self.level(max(event for event in self.events() if event[0] <= second))
