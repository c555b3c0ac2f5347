"""The data on a year's access time that a hosting entity owes by 31 January, and its manifest.

Reg. (EU) 2021/1173 Art. 10(2)(k). Every figure follows from the ledger and from what was frozen
when applications were handed in, so whoever has the exported evidence computes the same.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from allmende.domain.access.calls import AccessRules
from allmende.domain.access.programme_figures import (
    HOURS_FIELDS,
    Hours,
    count_organisations,
    find_quantile,
    fold_hours,
    measure_decisions,
)
from allmende.domain.access.spans import year_span
from allmende.domain.basics.people import Person
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import hours_from_seconds, kwh_from_joules
from allmende.domain.trust.canonical import render_instant
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services import ceilings
from allmende.services.programme_figures import list_calls, load_hours
from allmende.storage import audit as audit_store
from allmende.storage import ledger as ledger_store
from allmende.storage import programme_figures as store

FIRST_YEAR = 2018  # the undertaking is no older
FORMAT = "allmende access time 1"
HOURS_FILE, DATA_FILE, MANIFEST_FILE = "hours.csv", "access-time.json", "manifest.json"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class AccessYear:
    """The files by name, and the manifest that names their digests and the head of the ledger."""

    year: int
    files: Mapping[str, str]
    data: Mapping[str, Any]
    manifest: Mapping[str, Any]

    def list_files(self) -> dict[str, str]:
        """Return every file with its text; the manifest is the last."""
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n"
        return {**self.files, MANIFEST_FILE: text}


def build_year(reader: Person, year: int, *, rules: AccessRules, now: datetime) -> AccessYear:
    """Return the data of a year, as far as it has come, in a fixed number of questions."""
    check_permission(reader, Permission.SEE_FIGURES)
    span = year_span(year)
    if year < FIRST_YEAR or now < span.period.starts_at:
        problem = Sentence("Give a year that has begun, such as 2026.")
        raise InvalidInput(field="year", problem=problem)
    with ledger_store.one_snapshot():
        modes = {each.call_id: each.mode_id for each in list_calls()}
        movements, subjects = load_hours(span, modes)
        hours = fold_hours(movements, subjects)
        last_instant = min(now, span.period.ends_at - SECOND)
        data = {
            "year": year,
            "hours": [asdict(each) for each in hours],
            "organisations": {
                f"{group}_{word}": count
                for word, amount in (("granted", "granted_seconds"), ("used", "used_seconds"))
                for group, count in zip(
                    ("smes", "start_ups"),
                    count_organisations(movements, subjects, amount),
                    strict=True,
                )
            },
            "decisions": _list_times(store.list_decisions(span.period, modes, now=now), now),
            "first_jobs": _list_first_jobs(store.list_first_jobs(span.period)),
            "ceilings": _list_ceilings(reader, rules, last_instant),
            "energy": [_with_kwh(each) for each in store.sum_energy(span)],
        }
        head = audit_store.get_head()
        ledger = {
            "transfers": ledger_store.count_transfers(),
            "last_transfer": store.find_last_transfer(),
        }
    files = {
        HOURS_FILE: render_hours(hours),
        DATA_FILE: json.dumps(data, indent=2, ensure_ascii=False) + "\n",
    }
    manifest = {
        "format": FORMAT,
        "legal_basis": "Council Regulation (EU) 2021/1173, Art. 10(2)(k)",
        "year": year,
        "made_at": render_instant(now),
        "is_complete": span.is_over(now),
        "files": {
            name: {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}
            for name, text in files.items()
        },
        "ledger": ledger,
        "audit": {"events": head.number, "hash": head.hash},
    }
    return AccessYear(year=year, files=files, data=data, manifest=manifest)


def render_hours(hours: Iterable[Hours]) -> str:
    """Return hours as CSV: exact seconds, and hours for people."""
    text = io.StringIO()
    table = csv.writer(text)
    amounts = [name for name in HOURS_FIELDS if name.endswith("_seconds")]
    table.writerow([*HOURS_FIELDS, *(name.replace("_seconds", "_hours") for name in amounts)])
    for each in hours:
        in_hours = [hours_from_seconds(getattr(each, name)) for name in amounts]
        table.writerow([*(getattr(each, name) for name in HOURS_FIELDS), *in_hours])
    return text.getvalue()


def _list_times(decisions: Iterable[Any], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "mode_id": each.mode_id,
            "decided": each.decided,
            "missing": each.missing,
            "in_time": each.in_time,
            "median_working_days": each.median_days,
            "nine_in_ten_working_days": each.nine_in_ten_days,
        }
        for each in measure_decisions(decisions, now=now)
    ]


def _list_first_jobs(awards: Iterable[tuple[str, datetime, datetime | None]]) -> list[Any]:
    by_mode: dict[str, list[int | None]] = {}
    for mode_id, granted_at, started_at in awards:
        seconds = int((started_at - granted_at) / SECOND) if started_at else None
        by_mode.setdefault(mode_id, []).append(seconds)
    found = []
    for mode_id in sorted(by_mode):
        waits = [seconds for seconds in by_mode[mode_id] if seconds is not None]
        found.append(
            {
                "mode_id": mode_id,
                "awards": len(by_mode[mode_id]),
                "with_a_job": len(waits),
                "median_seconds": find_quantile(waits, 50),
                "nine_in_ten_seconds": find_quantile(waits, 90),
            }
        )
    return found


def _list_ceilings(reader: Person, rules: AccessRules, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "rule": each.rule,
            "partition_id": each.partition_id,
            "access_share": each.access_share,
            "mode_ids": list(each.mode_ids),
            "unit": each.unit.value,
            "percent": str(each.percent),
            "source": each.source,
            "share_seconds": each.share_seconds,
            "limit_seconds": each.limit_seconds,
            "given_seconds": each.given_seconds,
        }
        for each in ceilings.list_contingents(reader, rules=rules, now=now)
    ]


def _with_kwh(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "kwh": str(kwh_from_joules(row["joules"]))}
