"""Every command starts as one does in a new terminal: nobody has said who acts."""

from collections.abc import Iterator

import pytest

from allmende.cli.commands import acting_as


@pytest.fixture(autouse=True)
def nobody_acts_yet() -> Iterator[None]:
    token = acting_as.set("")
    yield
    acting_as.reset(token)
