"""A second partition for the pages: a project may ask for hours on it."""

import pytest

from allmende import wiring
from allmende.domain.basics.people import Person
from allmende.services import changes
from allmende.web.pages import changes as change_pages
from allmende.web.pages import projects as project_pages
from tests.services.access import HOUR
from tests.services.second_partition import HALL, TWO, factory_with_hall, open_hall


def show_a_hall(patch: pytest.MonkeyPatch) -> None:
    """Let the pages of projects know the hall, with something in its pools."""
    patch.setattr(change_pages, "load_access_rules", lambda: TWO)
    patch.setattr(project_pages, "load_factory", factory_with_hall)
    open_hall()
    open_hall("national", "development")


def move_an_hour(applicant: Person, officer: Person, project_id: str) -> None:
    """Let a project have one hour there, for two of its award."""
    asked = changes.ask_for_change(
        wiring.deed_of(applicant),
        project_id,
        rules=TWO,
        reason="Our images need GPUs.",
        partition_id=HALL.id,
        seconds=HOUR,
        back_seconds=2 * HOUR,
    )
    changes.approve_change(wiring.deed_of(officer), asked.id, rules=TWO)
