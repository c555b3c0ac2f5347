"""Files of code archives: a shelf for each project, so that no hash tells what others have."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from allmende.domain.training.code_archives import (
    MOST_ARCHIVE_BYTES,
    UNSEEN,
    CodeIsDamaged,
    CodeIsTooLarge,
)
from allmende.storage.document_files import Shelf


class CodeShelves:
    """A folder with one shelf for each project that ever sent code.

    `judge` returns the number of files in an archive, or refuses it.
    """

    def __init__(self, root: Path, *, judge: Callable[[Path], int]) -> None:
        self.root = root
        self.judge = judge

    def of(self, project_id: str) -> Shelf:
        """Return the shelf of a project."""
        return Shelf(
            self.root / project_id,
            judge=self.judge,
            most_bytes=MOST_ARCHIVE_BYTES,
            too_large=partial(CodeIsTooLarge, largest=UNSEEN),
            damaged=CodeIsDamaged,
        )

    def list_projects(self) -> list[str]:
        """Return the projects that have a shelf."""
        return sorted(each.name for each in self.root.glob("*"))
