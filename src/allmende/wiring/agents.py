"""The centre's side of site agents: its key, its desk, and the relays in place of machines."""

import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from allmende import __version__, wiring
from allmende.domain.basics.sites import Site
from allmende.domain.scheduling.exchanges import usage_from_json
from allmende.domain.trust import signatures
from allmende.services import usage_collecting
from allmende.services.deeds import Deed
from allmende.services.errands import FarReach, Messenger
from allmende.services.exchanges import Desk
from allmende.services.relays import Relay
from allmende.storage.relay_files import RelayFolder
from allmende.wiring import home
from allmende.wiring.code_archives import shelves
from allmende.wiring.factory import load_factory


@cache
def centre_key() -> bytes:
    """Return the centre's private key, made at first use and readable by its owner only.

    Agents trust whoever has it: all processes of one centre share it, and no one else.
    """
    return bytes.fromhex(home.read_or_make("agents.key", lambda: secrets.token_hex(32)))


def centre_public_key() -> bytes:
    """Return what agents know the centre by."""
    return signatures.public_key_of(centre_key())


def new_secret() -> bytes:
    """Return the secret of a new enrolment code."""
    return secrets.token_bytes(32)


def relay_of(site: Site, partition_id: str) -> Relay:
    """Return the backend of a partition whose site an agent calls in from."""
    return Relay(site_id=site.id, partition_id=partition_id, folder=relay_folder(), now=wiring.now)


def far_reach_of(site: Site) -> FarReach:
    """Return how the cluster of a site is reached that an agent calls in from."""
    messenger = Messenger(site_id=site.id, now=wiring.now, new_id=wiring.new_id, pause=time.sleep)
    return FarReach(site, messenger)


def relay_folder() -> RelayFolder:
    """Return the folder of the files that came from sites."""
    return RelayFolder(home.home() / "relayed")


def desk() -> Desk:
    """Return what it takes to answer calls of agents."""
    return Desk(
        folder=relay_folder(), software=__version__, take_usage=_take_usage, shelves=shelves()
    )


def _take_usage(deed: Deed, site_id: str, body: Mapping[str, Any]) -> None:
    records = [usage_from_json(record) for record in body["records"]]
    until = body["complete_until"]
    usage_collecting.take_in(
        deed,
        load_factory().get_site(site_id),
        records,
        complete_until=datetime.fromisoformat(until) if until else None,
    )
