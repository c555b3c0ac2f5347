"""A table that people fill in row by row; it works without script."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms

ROWS_READ = 200  # more than any question takes; the domain refuses what is too many in words


class RowsWidget(forms.Widget):
    """Reads `members-0-name` and so on into a list of rows."""

    def __init__(self, columns: Mapping[str, forms.Field]) -> None:
        super().__init__()
        self.columns = columns

    def value_from_datadict(self, data: Any, _files: Any, name: str) -> list[dict[str, str]]:
        """Return the rows in order, each with its columns; blank ones are left out."""
        pattern = re.compile(rf"{re.escape(name)}-(\d{{1,3}})-")
        numbers = sorted({int(found[1]) for key in data if (found := pattern.match(key))})
        rows = [
            {column: data.get(f"{name}-{number}-{column}", "") for column in self.columns}
            for number in numbers[:ROWS_READ]
        ]
        return [row for row in rows if any(value.strip() for value in row.values())]


class RowForm(forms.Form):
    """One row of the table, with a field for each column."""

    def __init__(self, columns: Mapping[str, forms.Field], **kwargs: Any) -> None:
        super().__init__(use_required_attribute=False, **kwargs)
        self.fields = dict(columns)


class RowsField(forms.Field):
    """A list of rows; what stands in them is checked by the domain."""

    widget: RowsWidget
    blank_rows = 1

    def __init__(self, *, columns: Mapping[str, forms.Field], **kwargs: Any) -> None:
        super().__init__(widget=RowsWidget(columns), **kwargs)
        self.columns = columns

    def to_python(self, value: Any) -> list[dict[str, str]]:
        """Return the rows."""
        return value or []

    def row_forms(self, name: str, rows: list[dict[str, Any]] | None) -> list[RowForm]:
        """Return a form for each row that is filled in, and for some blank ones."""
        filled = list(rows or [])
        return [
            RowForm(self.columns, prefix=f"{name}-{number}", initial=initial)
            for number, initial in enumerate([*filled, *({} for _ in range(self.blank_rows))])
        ]
