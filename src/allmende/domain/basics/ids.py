"""Ids are made by the caller, so that a repeated deed is the same deed."""

from collections.abc import Callable

# Given a short prefix such as "j" (job), returns a new id such as "j-7k2m9x4q".
IdMaker = Callable[[str], str]

# Crockford's alphabet without look-alikes: people read ids aloud.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def render_id(prefix: str, number: int, *, length: int = 8) -> str:
    """Return `prefix-` and the number in the readable alphabet, padded to `length`."""
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return f"{prefix}-{digits}"
