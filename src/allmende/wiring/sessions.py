"""Where the gate to sessions is, as browsers see it."""

from urllib.parse import urlencode

from django.conf import settings

from allmende.domain.training.sessions import address_of


def session_address(job_id: str, ticket: str) -> str:
    """Return the address that lets one browser into a session, once, within a minute."""
    place = f"{address_of(job_id, settings.GATE_ADDRESS)}/session/{job_id}"
    return f"{place}/enter?{urlencode({'ticket': ticket})}"
