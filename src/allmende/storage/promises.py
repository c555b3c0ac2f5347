"""The newest result of every promise, kept so that showing them takes one query."""

import json
from collections.abc import Iterable

from django.db import models

from allmende.domain.trust import canonical
from allmende.domain.trust.verdicts import PromiseResult, parse_result


class PromiseResultRow(models.Model):
    """What the evidence said when it was last looked at."""

    promise_id = models.CharField(max_length=40, primary_key=True)
    place = models.PositiveSmallIntegerField()  # in the order of the promises
    result = models.TextField()  # canonical JSON

    class Meta:
        app_label = "storage"
        db_table = "promise_result"


def save_results(results: Iterable[PromiseResult]) -> None:
    """Replace the results."""
    rows = [
        PromiseResultRow(promise_id=result.promise_id, place=place, result=canonical.render(result))
        for place, result in enumerate(results)
    ]
    PromiseResultRow.objects.all().delete()
    PromiseResultRow.objects.bulk_create(rows)


def list_results() -> list[PromiseResult]:
    """Return the results in the order of the promises; none before the first evaluation."""
    rows = PromiseResultRow.objects.order_by("place")
    return [parse_result(json.loads(row.result)) for row in rows]
