"""Who leads: only the daemon that holds the lease plans; another one stands by."""

from datetime import timedelta

from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.deeds import Deed, one_transaction
from allmende.storage import cycles as cycle_store

LEASE_SECONDS = 10


@one_transaction
def take_lead(deed: Deed, *, holder: str) -> bool:
    """Take or renew the lead; return whether `holder` leads for the next seconds."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    return cycle_store.take_lease(
        "daemon",
        holder=holder,
        now=deed.now,
        expires_at=deed.now + timedelta(seconds=LEASE_SECONDS),
    )


@one_transaction
def give_lead_back(deed: Deed, *, holder: str) -> None:
    """Let a standby lead at once instead of after the lease has run out."""
    check_permission(deed.actor, Permission.RUN_CYCLE)
    cycle_store.give_lease_back("daemon", holder=holder)
