"""What sacctmgr, sshare and scontrol print of a cluster's policy, and how it is changed. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from allmende.domain.basics.refusals import Refusal
from allmende.domain.scheduling.slurm_policies import (
    Change,
    ChangeKind,
    ItemKey,
    ItemKind,
    Policy,
    Settings,
    account_key,
    qos_key,
)


class ListingUnreadable(Refusal):
    """{command} printed a line that is no part of its listing: {line}. Nothing was changed."""

    status = 503


class Style(Enum):
    """How a setting is written, and how it is taken away."""

    NUMBER = "number"  # -1 takes it away; durations are numbers too
    TRES = "tres"  # each kind of its own: node=-1
    WORD = "word"  # nothing takes it away
    DURATION = "duration"  # printed as a clock, set in seconds
    NAMES = "names"


@dataclass(frozen=True)
class Column:
    """A setting, by the name of its column in a listing."""

    name: str
    style: Style


CLOCK = re.compile(r"(\d+-)?\d+:\d\d:\d\d")
_N, _T, _W, _L = Style.NUMBER, Style.TRES, Style.WORD, Style.NAMES
ASSOCIATION_COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        "Parent": Column("ParentName", _W),
        "Fairshare": Column("Share", _W),
        "Priority": Column("Priority", _N),
        "GrpJobs": Column("GrpJobs", _N),
        "GrpSubmitJobs": Column("GrpSubmit", _N),
        "GrpTRES": Column("GrpTRES", _T),
        "GrpTRESMins": Column("GrpTRESMins", _T),
        "GrpTRESRunMins": Column("GrpTRESRunMins", _T),
        "GrpWall": Column("GrpWall", _N),
        "MaxJobs": Column("MaxJobs", _N),
        "MaxSubmitJobs": Column("MaxSubmit", _N),
        "MaxTRESPerJob": Column("MaxTRES", _T),
        "MaxTRESPerNode": Column("MaxTRESPerNode", _T),
        "MaxTRESMinsPerJob": Column("MaxTRESMins", _T),
        "MaxWall": Column("MaxWall", _N),
        "QOS": Column("QOS", _L),
        "DefaultQOS": Column("DefaultQOS", _W),
    }
)
QOS_COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        "Priority": Column("Priority", _N),
        "Preempt": Column("Preempt", _L),
        "PreemptMode": Column("PreemptMode", _W),
        "GraceTime": Column("GraceTime", Style.DURATION),
        "Flags": Column("Flags", Style.NAMES),
        "UsageFactor": Column("UsageFactor", _W),
        "GrpJobs": Column("GrpJobs", _N),
        "GrpSubmitJobs": Column("GrpSubmit", _N),
        "GrpTRES": Column("GrpTRES", _T),
        "GrpTRESMins": Column("GrpTRESMins", _T),
        "GrpWall": Column("GrpWall", _N),
        "MaxTRESPerJob": Column("MaxTRES", _T),
        "MaxWall": Column("MaxWall", _N),
        "MaxTRESPerUser": Column("MaxTRESPU", _T),
        "MaxJobsPerUser": Column("MaxJobsPU", _N),
        "MaxSubmitJobsPerUser": Column("MaxSubmitPU", _N),
        "Description": Column("Description", _W),  # last, for it may hold any text, a | too
    }
)


def list_associations_argv(cluster: str) -> tuple[str, ...]:
    """Return the words that list every account and user of a cluster, for `parse_associations`."""
    names = ["Account", "User", "Partition", *(c.name for c in ASSOCIATION_COLUMNS.values())]
    listing = ("show", "associations", f"cluster={cluster}")
    return ("-n", "-P", *listing, f"format={','.join(names)}")


def list_qos_argv() -> tuple[str, ...]:
    """Return the words that list every QOS, for `parse_qos`."""
    names = ["Name", *(column.name for column in QOS_COLUMNS.values())]
    return ("-n", "-P", "show", "qos", f"format={','.join(names)}")


def parse_associations(text: str) -> Policy:
    """Return the accounts and users of a listing, each with its settings."""
    found: dict[ItemKey, Settings] = {}
    for cells in _read(text, 3 + len(ASSOCIATION_COLUMNS), "sacctmgr show associations"):
        account, user, partition = cells[:3]
        settings = _read_settings(ASSOCIATION_COLUMNS, cells[3:])
        if user:
            del settings["Parent"]
            key = ItemKey(kind=ItemKind.USER, name=user, account=account, partition=partition)
        else:
            key = account_key(account)
        found[key] = settings
    return found


def parse_qos(text: str) -> Policy:
    """Return every QOS of a listing with its settings."""
    return {
        qos_key(cells[0]): _read_settings(QOS_COLUMNS, cells[1:])
        for cells in _read(text, 1 + len(QOS_COLUMNS), "sacctmgr show qos", ends_in_text=True)
    }


def parse_used_minutes(text: str) -> dict[str, dict[str, int]]:
    """Return what each account has used by TRES, from `sshare -n -P -o Account,User,GrpTRESRaw`."""
    found: dict[str, dict[str, int]] = {}
    for account, user, amounts in _read(text, 3, "sshare"):
        if not user:
            pairs = (each.rpartition("=") for each in amounts.split(",") if each)
            found[account] = {tres: int(amount) for tres, _, amount in pairs if amount.isdigit()}
    return found


def parse_configuration(text: str) -> dict[str, str]:
    """Return the settings of `scontrol show config` by name."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def parse_longest_seconds(text: str) -> dict[str, int]:
    """Return MaxTime in seconds by partition, from `scontrol show partitions --oneliner`.

    A partition without a limit is left out.
    """
    found = {}
    for line in text.splitlines():
        fields = dict(field.partition("=")[::2] for field in line.split())
        limit = fields.get("MaxTime", "")
        if "PartitionName" in fields and CLOCK.fullmatch(limit):
            found[fields["PartitionName"]] = _seconds_of(limit)
    return found


def render_change(change: Change, cluster: str) -> tuple[str, ...]:
    """Return the words by which sacctmgr makes a change."""
    assert change.kind is not ChangeKind.REMOVE, "nothing of ours is ever deleted"
    key = change.key
    where = _render_where(key, cluster)
    if change.kind is ChangeKind.ADD:
        words = [_render(key, name, "", value) for name, value in change.after.items() if value]
        return ("-i", "-Q", "add", key.kind.value, *where, *words)
    words = [
        _render(key, name, change.before.get(name, ""), value)
        for name, value in change.after.items()
    ]
    return ("-i", "-Q", "modify", key.kind.value, "where", *where, "set", *words)


def _render_where(key: ItemKey, cluster: str) -> tuple[str, ...]:
    if key.kind is ItemKind.QOS:
        return (f"name={key.name}",)
    if key.kind is ItemKind.ACCOUNT:
        return (f"name={key.name}", f"cluster={cluster}")
    # Without a word on the partition, all that a user has in the account would be meant.
    place = (f"account={key.account}", f"cluster={cluster}", f"partition={key.partition}")
    return (f"name={key.name}", *place)


def _render(key: ItemKey, name: str, before: str, after: str) -> str:
    columns = QOS_COLUMNS if key.kind is ItemKind.QOS else ASSOCIATION_COLUMNS
    style = columns[name].style
    if style is Style.TRES:
        gone = dict.fromkeys(_split_tres(before), "-1")
        return f"{name}=" + ",".join(f"{t}={n}" for t, n in {**gone, **_split_tres(after)}.items())
    if style is Style.DURATION:
        return f"{name}={_seconds_of(after)}"
    if not after and (style is Style.NUMBER or name == "Flags"):
        return f"{name}=-1"
    return f"{name}={after}"


def _read(
    text: str, width: int, command: str, *, ends_in_text: bool = False
) -> Iterator[list[str]]:
    """Yield the cells of each row; refuse a listing as a whole where one row is not as asked."""
    for line in filter(str.strip, text.splitlines()):
        cells = [cell.strip() for cell in line.split("|", width - 1 if ends_in_text else -1)]
        if len(cells) != width:
            raise ListingUnreadable(command=command, line=line[:200])
        yield cells


def _read_settings(columns: Mapping[str, Column], cells: list[str]) -> dict[str, str]:
    return {
        name: _normalise(column.style, cell)
        for (name, column), cell in zip(columns.items(), cells, strict=True)
    }


def _normalise(style: Style, cell: str) -> str:
    """Return a cell in the one form that it has here: what has an order of Slurm's gets ours."""
    if style in (Style.TRES, Style.NAMES):
        return ",".join(sorted(each for each in cell.split(",") if each))
    return cell


def _split_tres(text: str) -> dict[str, str]:
    return dict(each.rsplit("=", 1) for each in text.split(",") if each)


def _seconds_of(clock: str) -> int:
    days, _, rest = clock.rpartition("-")
    hours, minutes, seconds = map(int, rest.split(":"))
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
