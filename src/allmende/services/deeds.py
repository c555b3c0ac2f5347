"""One deed, one transaction, one instant."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from allmende.domain.basics.ids import IdMaker
from allmende.domain.basics.people import Person
from allmende.storage import database

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Deed:
    """Who acts, when, and where new ids come from; fixed at the start of the deed."""

    actor: Person
    now: datetime
    new_id: IdMaker

    def __post_init__(self) -> None:
        assert self.now.tzinfo is not None, "instants are aware"


def one_transaction(
    deed_function: Callable[Concatenate[Deed, P], R],
) -> Callable[Concatenate[Deed, P], R]:
    """Run a service function in one transaction: all of it happens, or nothing."""

    @functools.wraps(deed_function)
    def run(deed: Deed, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return database.run_whole(lambda: deed_function(deed, *args, **kwargs))

    return run
