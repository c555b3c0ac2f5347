"""Where the gate to sessions is, as browsers see it."""

from urllib.parse import urlencode

from django.conf import settings


def session_address(job_id: str, ticket: str) -> str:
    """Return the address that lets one browser into a session, once, within a minute."""
    return f"{settings.GATE_ADDRESS}/session/{job_id}/enter?{urlencode({'ticket': ticket})}"
