"""A report on a comparison: one HTML page that stands alone, in the language of the reader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.boards import MICRO
from allmende.twin.charts import Limit, Line, average, draw_bars, draw_lines, short
from allmende.twin.measures import POINTS, Figures, GroupFigures
from allmende.twin.power import UNITS, Bill

Translate = Callable[[Sentence], str]
DAY_SECONDS = 24 * 3600

STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#13211a, #e9f0e8);
  --paper: light-dark(#f6f8f2, #0f1713); --quiet: light-dark(#4c5a51, #a9b8ad);
  --rule: light-dark(#d3dacd, #2c3b33); --c0: light-dark(#11533a, #86d9ae);
  --c1: light-dark(#8c4a2f, #e5a183); --c2: light-dark(#1d6585, #86c6e3);
  --c3: light-dark(#7a5c00, #f4d425); --c4: light-dark(#6b3f86, #cfa6ea);
  --c5: light-dark(#435048, #b5c3b9); }
body { background: var(--paper); color: var(--ink); margin: 2rem auto; max-width: 62rem;
  padding: 0 1rem; font: 1rem/1.5 "Atkinson Hyperlegible Next", system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.2; } h2 { border-top: 2px solid; margin-top: 3rem; padding-top: .5rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--rule); padding: .35rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } td { white-space: nowrap; }
thead th { border-bottom: 2px solid; }
caption { color: var(--quiet); padding: .5rem 0; text-align: left; }
svg { display: block; height: auto; margin: .5rem 0; min-width: 36rem; width: 100%; }
svg text { fill: var(--quiet); font-size: 12px; } .grid { stroke: var(--rule); }
.line { fill: none; stroke-width: 2; } .limit { fill: none; stroke-dasharray: 3 3; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); }
.c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
.line, .limit { stroke: var(--c); } .bar { fill: var(--c); }
ul.key { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; list-style: none; padding: 0; }
ul.key li::before { background: var(--c); content: ""; display: inline-block; height: .7rem;
  margin-right: .5rem; width: .7rem; }
@media print { body { max-width: none; } svg, table { break-inside: avoid; } }
"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One scenario of a comparison."""

    name: str
    policy: str
    figures: Figures
    price: dict[str, Any]
    notes: tuple[Sentence, ...] = ()


def render(parts: Sequence[Part], *, trace: str, machine_nodes: int, translate: Translate) -> str:
    """Return the page."""
    writer = _Writer(parts, machine_nodes, translate)
    title = translate(Sentence("{trace}: policies side by side", {"trace": trace}))
    facts = {"trace": trace, "nodes": machine_nodes, "first": parts[0].name}
    lead = translate(
        Sentence(
            "The same workload, {trace}, on {nodes} nodes, once for each scenario. All figures "
            "come from replays in virtual time; changes are against {first}.",
            facts,
        )
    )
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(lead)}</p>", *writer.sections()]
    language = translate(Sentence("en"))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


@dataclass(frozen=True)
class _Writer:
    """Writes the sections of a report."""

    parts: Sequence[Part]
    machine_nodes: int
    translate: Translate

    def sections(self) -> list[str]:
        """Return all sections in order."""
        return [
            self._heading(Sentence("In short")),
            self._totals(),
            *self._energy(),
            *self._notes(),
            self._heading(Sentence("Waits by group")),
            self._key([part.name for part in self.parts]),
            self._waits(),
            self._heading(Sentence("Group by group")),
            *(self._groups(part) for part in self.parts),
            self._heading(Sentence("The queue over time")),
            self._key([part.name for part in self.parts]),
            self._queues(),
            self._heading(Sentence("Shares and lags over time")),
            *(chart for part in self.parts for chart in self._courses(part)),
        ]

    def _heading(self, sentence: Sentence) -> str:
        return f"<h2>{escape(self.translate(sentence))}</h2>"

    def _key(self, names: Sequence[str]) -> str:
        rows = "".join(f'<li class="c{n}">{escape(name)}</li>' for n, name in enumerate(names))
        return f'<ul class="key">{rows}</ul>'

    def _table(self, caption: Sentence, titles: Sequence[Sentence], rows: list[list[str]]) -> str:
        head = "".join(f'<th scope="col">{escape(self.translate(t))}</th>' for t in titles)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in rows
        )
        words = self.translate(caption)
        table = f"<table><caption>{escape(words)}</caption><thead><tr>{head}</tr></thead>"
        return _scrolling(words, f"{table}<tbody>{body}</tbody></table>")

    def _totals(self) -> str:
        titles = (
            Sentence("scenario"),
            Sentence("policy"),
            Sentence("utilisation while jobs came"),
            Sentence("change (points)"),
            Sentence("mean wait"),
            Sentence("change"),
            Sentence("wait of 90 %"),
            Sentence("bounded slowdown"),
        )
        rows = [
            [
                part.name,
                part.policy,
                f"{100 * part.figures.utilisation_while_submitting:.2f} %",
                f"{100 * part.price['utilisation_while_submitting']:+.2f}",
                duration(part.figures.wait_seconds_mean),
                _change(part.price["wait_seconds_mean"]),
                duration(part.figures.wait_seconds_p90),
                short(part.figures.bounded_slowdown_mean),
            ]
            for part in self.parts
        ]
        return self._table(Sentence("What each scenario does to everybody"), titles, rows)

    def _energy(self) -> list[str]:
        """Return a table of what each scenario takes, where the power of a node is known."""
        bills = [part.figures.bill for part in self.parts if part.figures.bill]
        if len(bills) < len(self.parts):
            return []
        titles = (
            Sentence("scenario"),
            Sentence("energy"),
            Sentence("change"),
            Sentence("emissions"),
            Sentence("change"),
            Sentence("cost"),
            Sentence("change"),
        )
        rows = [
            [
                part.name,
                *(cell for name in UNITS for cell in _amount(part, bill, name)),
            ]
            for part, bill in zip(self.parts, bills, strict=True)
        ]
        caption = Sentence("Energy from the first submission to the last end, estimated")
        # One scenario may know other nodes than another.
        how = {self.translate(each): None for bill in bills for each in bill.how}
        notes = "".join(f"<p>{escape(each)}</p>" for each in how)
        return [self._table(caption, titles, rows), notes]

    def _notes(self) -> list[str]:
        return [
            f"<p>{escape(part.name)}: {escape(self.translate(note))}</p>"
            for part in self.parts
            for note in part.notes
        ]

    def _waits(self) -> str:
        names = ["/".join(group.path) for group in self.parts[0].figures.groups]
        bars = [
            (
                name,
                [
                    next(
                        (
                            group.wait_seconds_mean / 3600
                            for group in part.figures.groups
                            if "/".join(group.path) == name
                        ),
                        0.0,
                    )
                    for part in self.parts
                ],
            )
            for name in names
        ]
        title = self.translate(Sentence("Mean wait of each group, in hours"))
        return _scrolling(title, draw_bars(title, bars, unit="h"))

    def _groups(self, part: Part) -> str:
        titles = (
            Sentence("group"),
            Sentence("guarantee"),
            Sentence("share of the work"),
            Sentence("mean wait"),
            Sentence("change"),
            Sentence("wait of 90 %"),
            Sentence("worst lag (node-hours)"),
            Sentence("its bound (node-hours)"),
        )
        changes = part.price["wait_seconds_mean_by_group"]
        rows = [
            [
                "/".join(group.path),
                f"{100 * group.guarantee:.3g} %" if group.guarantee else "–",
                f"{100 * group.share:.1f} %",
                duration(group.wait_seconds_mean),
                _change(changes.get("/".join(group.path), 0.0)),
                duration(group.wait_seconds_p90),
                short(group.worst_lag_node_seconds / 3600) if group.guarantee else "–",
                self._bound(part, group),
            ]
            for group in part.figures.groups
        ]
        return self._table(Sentence("{name}", {"name": part.name}), titles, rows)

    def _bound(self, part: Part, group: GroupFigures) -> str:
        if not group.guarantee:
            return "–"
        if part.policy != "allmende":
            return self.translate(Sentence("none"))
        return short(group.lag_bound_node_seconds / 3600)

    def _queues(self) -> str:
        lines = [
            Line(
                name=part.name,
                values=average(
                    [
                        sum(int(group.course.waiting[place]) for group in part.figures.groups)
                        / part.figures.interval_seconds
                        for place in range(POINTS)
                    ]
                ),
            )
            for part in self.parts
        ]
        title = self.translate(Sentence("Nodes that waiting jobs ask for"))
        chart = draw_lines(title, lines, until=self._until(self.parts[0]), unit="")
        return f"<h3>{escape(title)}</h3>" + _scrolling(title, chart)

    def _courses(self, part: Part) -> list[str]:
        groups, seconds = part.figures.groups, part.figures.interval_seconds
        guaranteed = [group for group in groups if group.guarantee]
        shares = [
            Line(
                name="/".join(group.path),
                values=average(
                    [
                        100 * int(ran) / (seconds * self.machine_nodes)
                        for ran in group.course.running[:POINTS]
                    ]
                ),
            )
            for group in groups
        ]
        lags = [
            Line(
                name="/".join(group.path),
                values=[int(lag) / MICRO / 3600 for lag in group.course.lags[:POINTS]],
            )
            for group in guaranteed
        ]
        bounds = [
            Limit(
                name=self.translate(Sentence("bound of {group}", {"group": "/".join(group.path)})),
                value=group.lag_bound_node_seconds / 3600,
            )
            for group in guaranteed
            if part.policy == "allmende"
        ]
        shares_title = self.translate(Sentence("Part of the machine that each group runs, in %"))
        lags_title = self.translate(Sentence("Lag of each group, in node-hours"))
        until = self._until(part)
        drawn = [
            f"<h3>{escape(part.name)}: {escape(shares_title)}</h3>",
            self._key([line.name for line in shares]),
            _scrolling(shares_title, draw_lines(shares_title, shares, until=until, unit="%")),
        ]
        if lags:
            drawn.append(f"<h3>{escape(part.name)}: {escape(lags_title)}</h3>")
            chart = draw_lines(lags_title, lags, until=until, unit="", limits=bounds)
            drawn.append(_scrolling(lags_title, chart))
        return drawn

    def _until(self, part: Part) -> str:
        days = max(1, round(part.figures.simulated_seconds / DAY_SECONDS))
        return self.translate(Sentence("{days} days", {"days": days}))


def _scrolling(name: str, content: str) -> str:
    """Let wide content scroll on a narrow screen, also by keyboard."""
    label = escape(name, quote=True)
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">{content}</div>'


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that suits it."""
    for size, unit in ((DAY_SECONDS, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _amount(part: Part, bill: Bill, name: str) -> tuple[str, str]:
    """Return an amount and how it changes, as far as they are known."""
    amount, change = getattr(bill, name), part.price.get(name)
    if amount is None:
        return "–", "–"
    changed = "–" if change is None else f"{'−' if change < 0 else '+'}{short(abs(change))}"
    return f"{short(amount)} {UNITS[name]}", changed


def _change(seconds: float) -> str:
    return f"{'+' if seconds > 0 else '−' if seconds < 0 else '±'}{duration(abs(seconds))}"
