"""Ownership graphs from files and addresses: JSON or TOML, and packed into a few letters."""

import base64
import binascii
import json
import tomllib
import zlib

from allmende.domain.access.firms import OwnershipGraph
from allmende.domain.access.ownership_files import read_graph
from allmende.domain.access.snapshots import render_canonical
from allmende.domain.basics.refusals import InvalidInput, Refusal
from allmende.domain.basics.sentences import Sentence

# 200 firms with their figures take a tenth of it.
BYTES_MAX = 1_000_000


class GraphIsDamaged(Refusal):
    """The firms in this address cannot be read: a part of it is missing. Enter them again."""

    status = 422


def read_ownership_file(content: bytes, *, name: str) -> OwnershipGraph:
    """Return the graph of a file, TOML by its name and JSON otherwise; refuses what is neither."""
    if len(content) > BYTES_MAX:
        raise InvalidInput(
            field=name,
            problem=Sentence("it has more than {most} bytes.", {"most": BYTES_MAX}),
        )
    try:
        text = content.decode()
        plain = tomllib.loads(text) if name.lower().endswith(".toml") else json.loads(text)
    except (ValueError, RecursionError) as error:  # also what is no UTF-8
        problem = Sentence("this is neither JSON nor, with a name in .toml, TOML.")
        raise InvalidInput(field=name, problem=problem) from error
    return read_graph(plain)


def pack_graph(graph: OwnershipGraph) -> str:
    """Return the graph as letters that an address can carry."""
    packed = zlib.compress(render_canonical(graph).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def unpack_graph(letters: str) -> OwnershipGraph:
    """Return the graph of an address; `GraphIsDamaged` where it holds none."""
    try:
        padded = letters + "=" * (-len(letters) % 4)
        packed = base64.b64decode(padded, altchars=b"-_", validate=True)
        text = zlib.decompressobj().decompress(packed, BYTES_MAX)
        return read_graph(json.loads(text))
    except (binascii.Error, zlib.error, ValueError, RecursionError, InvalidInput) as error:
        raise GraphIsDamaged from error
