"""Numbers in the query of an address, which anybody may have typed."""

from django.http import HttpRequest

LARGEST = 2**63 - 1  # that a database holds
LONGEST = len(str(LARGEST))


def read_number(request: HttpRequest, name: str) -> int:
    """Return a number from 0 to `LARGEST`; 0 where nothing stands, or no number."""
    text = request.GET.get(name, "")
    if not (text.isascii() and text.isdecimal()):
        return 0
    text = text.lstrip("0")
    return LARGEST if len(text) > LONGEST else min(int(text or "0"), LARGEST)
