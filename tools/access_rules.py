"""Writes docs/reference/access-rules.md from config/: `python -m tools.access_rules`."""

from datetime import date
from pathlib import Path

from allmende.domain.access.modes import AccessMode
from allmende.domain.basics.rules import Rule
from allmende.domain.basics.units import SECONDS_PER_HOUR
from allmende.wiring.access_rules import read_access_rules

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs/reference/access-rules.md"

INTRODUCTION = """\
# Access rules

Every number that decides on access stands in `config/`, with its source, the days on which it is in
force, and the day on which somebody last looked. This page is written from those files by
`python -m tools.access_rules`; a test fails when it is stale. How the rules work together is told
in [Eligibility](../explanation/eligibility.md).

To change a number, give its row a `valid_to` and write the next row below it. Rows that a decision
rests on are never edited. What the programme office [wrote in the portal](../howto/open-a-call.md)
is no part of this page; `/rules` has it. Every mistake in these files is refused with file, line
and key.

## Figures and owners of a firm

`allmende organisation figures ORGANISATION FILE` reads firms and holdings as JSON, or as TOML where
the name of the file ends in `.toml`. The organisation is the firm with its own id; for
`allmende eligibility size FILE` it is the first firm. Headcounts are hundredths of annual work
units, money is in cents, and shares are in basis points (10,000 are all). What is left out counts
as unknown. A year may have other than twelve `months`, be an estimate of a new firm (`is_estimate`,
with `is_new` at the firm), or be in another currency, with the rate of a day:
`"exchange": {"currency": "SEK", "per_euro": "11.25", "on": "2025-12-31"}`. A `register_number` (of
a commercial register, or for VAT) lets the same owner be recognised in the figures of another
organisation: both are then one undertaking for [State aid](../explanation/state-aid.md).

```json
{
  "firms": [
    {"id": "org-1", "name": "Herzschlag GmbH", "years": [
      {"year": 2025, "headcount_hundredths": 1250, "turnover_cents": 90000000,
       "balance_sheet_cents": 70000000}]},
    {"id": "fund", "name": "Fund", "kind": "venture_capital"}
  ],
  "holdings": [{"owner_id": "fund", "owned_id": "org-1", "capital_basis_points": 3000}]
}
```
"""


def render_access_rules() -> str:
    """Return the whole page."""
    rules = read_access_rules(PROJECT / "config")
    lines = [INTRODUCTION, "## Access modes", ""]
    lines += ["| mode | who | size | months | decision | price | share | source |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    lines += [_mode_row(mode) for mode in rules.modes.modes]
    lines += ["", "Decisions are counted in German working days, from the submission or, where a "]
    lines[-1] += "mode has cut-offs, from the cut-off."
    lines += ["", "## Rules", ""]
    lines += ["| rule | for | value | unit | source | in force | looked at |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [_rule_row(row) for row in rules.book.rules]
    return "\n".join(lines) + "\n"


def _mode_row(mode: AccessMode) -> str:
    hours, more = divmod(mode.size_min_seconds, SECONDS_PER_HOUR)
    low = f"above {hours:,}, up to" if more else f"{hours:,} to"
    high = f"{(mode.size_max_seconds or 0) // SECONDS_PER_HOUR:,}" if mode.size_max_seconds else "…"
    cells = (
        f"{mode.names['en']} (`{mode.id}`)",
        mode.audience["en"],
        f"{low} {high} {mode.unit.hours_name}",
        ", ".join(str(months) for months in mode.durations_months),
        f"{mode.decision_working_days} days",
        mode.price.value,
        mode.access_share,
        mode.source,
    )
    return _row(cells)


def _rule_row(row: Rule) -> str:
    cells = (
        f"`{row.rule}`",
        ", ".join(f"{name} {value}" for name, value in row.applies_if.items()),
        {True: "yes", False: "no"}.get(row.value, str(row.value)),
        row.unit,
        f"{row.source}. {row.note}" if row.note else row.source,
        _days(row.valid_from, row.valid_to),
        row.checked_on.isoformat(),
    )
    return _row(cells)


def _days(start: date, end: date | None) -> str:
    return f"{start} until {end}" if end else f"from {start}"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(render_access_rules())
