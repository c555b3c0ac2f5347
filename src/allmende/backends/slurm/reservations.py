"""The reservations of a Slurm cluster, read and changed with scontrol."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from allmende.backends.slurm.answers import UnreadableAnswer, parse_instant
from allmende.backends.slurm.client import SlurmClient
from allmende.domain.scheduling.cluster_reservations import ClusterReservation, Step, Verb

NOBODY = "(null)"


@dataclass(frozen=True)
class SlurmReservations:
    """Keeps the reservations of one cluster."""

    client: SlurmClient

    def read(self) -> Mapping[str, ClusterReservation]:
        """Return every reservation of the cluster by its name."""
        said = self.client.run("scontrol", "show", "reservation", "--oneliner")
        return {each.name: each for each in parse_reservations(said)}

    def take(self, step: Step) -> None:
        """Take one step; raise the cluster's refusal."""
        self.client.run("scontrol", *render_step(step))


def parse_reservations(said: str) -> list[ClusterReservation]:
    """Return what `scontrol show reservation --oneliner` lists; raise `UnreadableAnswer`.

    Instants are epoch seconds or in UTC, as the client asks for.
    """
    try:
        return [
            _read(dict(re.findall(r"(\w+)=(\S*)", line)))
            for line in said.splitlines()
            if line.startswith("ReservationName=")
        ]
    except (KeyError, ValueError) as problem:
        raise UnreadableAnswer(problem=str(problem)) from problem


def _read(fields: Mapping[str, str]) -> ClusterReservation:
    starts_at, ends_at = parse_instant(fields["StartTime"]), parse_instant(fields["EndTime"])
    if starts_at is None or ends_at is None:
        raise ValueError(f"reservation {fields['ReservationName']} has no times")
    account = fields.get("Accounts", NOBODY)
    return ClusterReservation(
        name=fields["ReservationName"],
        partition=fields.get("PartitionName", ""),
        starts_at=starts_at,
        ends_at=ends_at,
        nodes=int(fields["NodeCnt"]),
        account="" if account == NOBODY else account,
    )


def render_step(step: Step) -> tuple[str, ...]:
    """Return the arguments of scontrol for a step."""
    each = step.reservation
    name = f"ReservationName={each.name}"
    if step.verb is Verb.DELETE:
        return ("delete", name)
    begin = () if step.has_begun else (f"StartTime={_write(each.starts_at)}",)
    times = (*begin, f"EndTime={_write(each.ends_at)}")
    # Somebody has to be named: jobs of root are nobody's.
    whose = ("Users=root", "Flags=MAINT") if each.is_maintenance else (f"Accounts={each.account}",)
    size = f"NodeCnt={each.nodes}"
    if step.verb is Verb.CREATE:
        return ("create", "reservation", name, *times, f"PartitionName={each.partition}", size,
                *whose)  # fmt: skip
    return ("update", name, *times, size, *whose)


def _write(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
