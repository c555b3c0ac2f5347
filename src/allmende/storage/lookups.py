"""A question about many values as one parameter: `filter(id__among=[…])`."""

import json
from typing import Any

from django.db import models


class Among(models.Lookup):
    """The same as `in` for thousands of texts: one value to prepare, not one for each.

    The texts come as a set, which Django leaves alone.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Read the texts from a JSON list."""
        column, parameters = self.process_lhs(compiler, connection)
        texts = json.dumps(list(self.rhs))
        # The column is Django's own quoted name; the texts stay a parameter.
        sql = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608
        return sql, [*parameters, texts]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Hand the texts over as an array."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list(self.rhs)]


def register() -> None:
    """Make the lookup known to Django; safe to repeat."""
    models.CharField.register_lookup(Among)
    models.ForeignKey.register_lookup(Among)
