"""Who leads: only the daemon that holds the lease plans; another one stands by.

What keeps a job from starting twice are the rows that a plan locks and the key of each attempt; the
lease lets one daemon do the work, and keeps out one that slept through the loss of its lead.
"""

from datetime import timedelta

from allmende.domain.basics.refusals import Refusal
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import cycles as cycle_store
from allmende.storage import database

# A standby asks at each heartbeat, so it leads at most about a second later than this.
LEASE_SECONDS = 6
# Who stalls in a transaction for longer loses it, so that a standby has to wait for no lock of his.
STALL_SECONDS = 8


class LeadIsLost(Refusal):
    """Another daemon leads since, so this one plans nothing. It stands by from now on."""

    status = 503


@one_transaction
def take_lead(deed: Deed, *, holder: str) -> bool:
    """Take or renew the lead; return whether `holder` leads for the next seconds."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    database.give_up_when_stalled(STALL_SECONDS)
    return cycle_store.take_lease(
        "daemon",
        holder=holder,
        now=deed.now,
        expires_at=deed.now + timedelta(seconds=LEASE_SECONDS),
    )


def keep_lead(holder: str) -> None:
    """Let nobody else take the lead before this transaction ends; refuse if somebody has it.

    A daemon that was stopped for longer than its lease wakes up here, and decides nothing.
    """
    database.give_up_when_stalled(STALL_SECONDS)
    if not cycle_store.lock_lease("daemon", holder=holder):
        raise LeadIsLost


@one_transaction
def give_lead_back(deed: Deed, *, holder: str) -> None:
    """Let a standby lead at once instead of after the lease has run out."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    cycle_store.give_lease_back("daemon", holder=holder)
